/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define V1_SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define V1_ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define V1_TIME 1614265330
#define V1_BODY "{\"test\": 2432232314}"
#define V2_SECRET "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
#define OUR_ID "evt_01J9ZK5T0000000000000000AB"
#define OUR_TIME 1760000000

static struct sign_key key_of(const char *secret)
{
    struct sign_key key;
    assert_int_equal(endpoint_secret_key(secret, strlen(secret), key.bytes, &key.len), 0);
    return key;
}

/* The first two are the vectors of the Standard Webhooks libraries' own tests; the others were computed with Python's
 * hmac and with the npm package standardwebhooks 1.1.1, which agree. */
static void test_the_standards_vectors_hold(void **state)
{
    static const struct {
        const char *secret, *id;
        int64_t timestamp_s;
        const char *body, *signature;
    } cases[] = {
        {V1_SECRET, V1_ID, V1_TIME, V1_BODY, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {V2_SECRET, "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1649367553,
         "{\"email\":\"test@example.com\",\"username\":\"test_user\"}",
         "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="},
        {V1_SECRET, V1_ID, V1_TIME, "", "v1,v48jdbgvh29KJz2Qc+ghw8G6vG3nAKnujWBg8oM/62A="},
        {V1_SECRET, V1_ID, V1_TIME, "{\"name\":\"Zo\xc3\xab \xe2\x80\x94 \xe6\x9d\xb1\xe4\xba\xac\"}",
         "v1,gxJ0Vw3NFGLL11Cgj0D1DXvqbaI2voxtkWdQYZzwLmg="},
        {"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", OUR_ID, OUR_TIME,
         "{\"type\":\"batch.completed\",\"timestamp\":\"2026-10-09T08:53:20.000Z\",\"data\":{\"batch_id\":\"b_1\","
         "\"total\":3}}",
         "v1,dZkfwv5z4LMNl4hTUDvjDpuuBJIaSvRpRH3qRinS4QA="},
        {"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==", OUR_ID,
         OUR_TIME,
         "{\"type\":\"call.completed\",\"timestamp\":\"2026-10-09T08:53:20.000Z\",\"data\":{\"call_id\":\"c_1\"}}",
         "v1,7NtkvShoSZ7sF0jAkNNHtqyEBGFrmVmQwYZqWExPBXw="},
    };
    struct buf header;
    (void)state;
    buf_init(&header, 1024);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sign_key key = key_of(cases[i].secret);
        assert_int_equal(
            sign_webhook(&key, 1, cases[i].id, cases[i].timestamp_s, cases[i].body, strlen(cases[i].body), &header), 0);
        assert_string_equal(buf_str(&header), cases[i].signature);
    }
    buf_free(&header);
}

static void test_every_active_secret_signs_the_current_one_first(void **state)
{
    struct sign_key keys[] = {key_of(V2_SECRET), key_of(V1_SECRET)};
    struct buf header;
    (void)state;
    buf_init(&header, 1024);
    assert_int_equal(sign_webhook(keys, 2, V1_ID, V1_TIME, V1_BODY, strlen(V1_BODY), &header), 0);
    assert_string_equal(buf_str(&header), "v1,78nXHjpFP0tVJQW5D0SBwmVyyW87BV/rL6MgfM/Bw44= "
                                          "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    buf_free(&header);
}

static void test_without_a_key_nothing_is_signed(void **state)
{
    struct buf header;
    (void)state;
    buf_init(&header, 1024);
    assert_int_equal(sign_webhook(NULL, 0, V1_ID, V1_TIME, V1_BODY, strlen(V1_BODY), &header), ERR_INVALID);
    assert_int_equal(buf_len(&header), 0);
    buf_free(&header);
}

/* Computed with Python's hmac. */
static void test_the_seeds_header_is_of_the_body_under_the_text_of_the_secret(void **state)
{
    struct sign_key key = key_of("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    char header[SIGN_SEED_LEN + 1];
    (void)state;
    assert_int_equal(sign_seed(&key, V1_BODY, strlen(V1_BODY), header), 0);
    assert_string_equal(header, "4685c9d16f64a759d47846eae0e4f6c75bedef25470e9a0e099c5a56f2f5571f");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_standards_vectors_hold),
        cmocka_unit_test(test_every_active_secret_signs_the_current_one_first),
        cmocka_unit_test(test_without_a_key_nothing_is_signed),
        cmocka_unit_test(test_the_seeds_header_is_of_the_body_under_the_text_of_the_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
