/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* python3 -c 'import hashlib; print(hashlib.sha256(b"acme\nhttps://crm.example").hexdigest()[:24])' */
static void test_an_id_follows_from_tenant_and_origin(void **state)
{
    char id[ENDPOINT_ID_LEN + 1], other[ENDPOINT_ID_LEN + 1];
    (void)state;
    assert_int_equal(endpoint_id_make("acme", "https://crm.example", id), 0);
    assert_string_equal(id, "ep_f41d3c757bfeedd2b1d5dab5");
    assert_int_equal(endpoint_id_make("acme", "https://crm.example:8443", other), 0);
    assert_string_not_equal(id, other);
    assert_int_equal(endpoint_id_make("acme2", "https://crm.example", other), 0);
    assert_string_not_equal(id, other);
}

static void test_a_sealing_context_names_only_an_endpoint(void **state)
{
    char context[ENDPOINT_CONTEXT_LEN + 1];
    (void)state;
    assert_int_equal(endpoint_seal_context("ep_0123456789abcdef01234567", context), 0);
    assert_string_equal(context, "endpoint/ep_0123456789abcdef01234567");
    assert_int_equal(endpoint_seal_context("ep_0123456789abcdef012345678", context), ERR_INVALID);
    assert_int_equal(endpoint_seal_context("ep/1", context), ERR_INVALID);
    assert_int_equal(endpoint_seal_context("", context), ERR_INVALID);
}

static void test_made_secrets_differ_and_read_back(void **state)
{
    char one[ENDPOINT_SECRET_LEN + 1], two[ENDPOINT_SECRET_LEN + 1];
    uint8_t key[ENDPOINT_KEY_MAX];
    size_t len = 0;
    (void)state;
    assert_int_equal(endpoint_secret_make(one), 0);
    assert_int_equal(endpoint_secret_make(two), 0);
    assert_string_not_equal(one, two);
    assert_int_equal(endpoint_secret_key(one, strlen(one), key, &len), 0);
    assert_int_equal(len, 32);
}

static void test_secrets_of_another_form_are_refused(void **state)
{
    static const struct {
        const char *secret;
        int err;
    } cases[] = {
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 0},
        {"v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ERR_INVALID},
        {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ERR_INVALID},
        {"whsec_", ERR_RANGE},
        {"whsec", ERR_INVALID},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", ERR_INVALID},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw ", ERR_INVALID},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa0=", ERR_RANGE}, /* 23 bytes */
        {"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==", 0},
        {"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0A=",
         ERR_RANGE}, /* 65 bytes */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t key[ENDPOINT_KEY_MAX];
        size_t len = 0;
        int err = endpoint_secret_key(cases[i].secret, strlen(cases[i].secret), key, &len);
        if (err != cases[i].err)
            fail_msg("%s gave %s", cases[i].secret, err_name(err));
        assert_int_equal(len > 0, cases[i].err == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_id_follows_from_tenant_and_origin),
        cmocka_unit_test(test_a_sealing_context_names_only_an_endpoint),
        cmocka_unit_test(test_made_secrets_differ_and_read_back),
        cmocka_unit_test(test_secrets_of_another_form_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
