/* SPDX-License-Identifier: Apache-2.0
 *
 * Who sent a callback. The vectors were made with retell-sdk 5.66.1 and, independently, with Python's hmac.
 */
#include "tests/support/provider_fixture.h"

#include <stdio.h>
#include <strings.h>

#define SIGNED_MS INT64_C(1764000000123)
#define WINDOW_MS INT64_C(300000)

static const char body[] = "{\"event\":\"call_ended\",\"call\":{\"call_id\":\"call_7f3a\",\"metadata\":"
                           "{\"carillon_token\":\"b.0.1.ab\"},\"note\":\"h\xc3\xa9 {{x}}\"}}";
static const char digest[] = "d5ab285bec439a1e32b5e571b78d85b5d59d4d6e57f603d70874a70b25c4a745";
static const char empty_digest[] = "70a319d3370f74f86d1d92e100e0c858038840753180f4f80f9d67d5b5ddafa7";

static const char *header(const char *name, void *arg)
{
    return strcasecmp(name, "X-Retell-Signature") == 0 ? arg : NULL;
}

static int verify(const char *signature, const void *data, size_t len, int64_t now_ms)
{
    struct provider_profile *profile = fixture_retell();
    struct provider_trunk trunk = fixture_trunk();
    struct provider_callback callback = {
        .url = "https://callbacks.example/callbacks/retell",
        .body = data,
        .body_len = len,
        .header_fn = header,
        .header_arg = (void *)signature,
    };
    int rc = provider_verify_callback(profile, &trunk, &callback, now_ms);
    provider_profile_free(profile);
    return rc;
}

static int verify_digest(const char *hex, int64_t now_ms)
{
    char signature[256];
    snprintf(signature, sizeof signature, "v=%lld,d=%s", (long long)SIGNED_MS, hex);
    return verify(signature, body, sizeof body - 1, now_ms);
}

static void test_the_vendors_own_signature_holds(void **state)
{
    (void)state;
    assert_int_equal(verify_digest(digest, SIGNED_MS), 0);
    char signature[256];
    snprintf(signature, sizeof signature, "v=%lld,d=%s", (long long)SIGNED_MS, empty_digest);
    assert_int_equal(verify(signature, "", 0, SIGNED_MS), 0);
}

static void test_upper_case_digits_are_the_same_digest(void **state)
{
    (void)state;
    assert_int_equal(verify_digest("D5AB285BEC439A1E32B5E571B78D85B5D59D4D6E57F603D70874A70B25C4A745", SIGNED_MS), 0);
}

static void test_the_window_is_five_minutes_either_way(void **state)
{
    (void)state;
    assert_int_equal(verify_digest(digest, SIGNED_MS + WINDOW_MS), 0);
    assert_int_equal(verify_digest(digest, SIGNED_MS - WINDOW_MS), 0);
    assert_int_equal(verify_digest(digest, SIGNED_MS + WINDOW_MS + 1), ERR_AUTH);
    assert_int_equal(verify_digest(digest, SIGNED_MS - WINDOW_MS - 1), ERR_AUTH);
}

static void test_each_changed_byte_of_the_body_is_noticed(void **state)
{
    (void)state;
    char signature[256];
    char changed[sizeof body];
    snprintf(signature, sizeof signature, "v=%lld,d=%s", (long long)SIGNED_MS, digest);
    for (size_t i = 0; i < sizeof body - 1; i++) {
        memcpy(changed, body, sizeof body);
        changed[i] ^= 1;
        assert_int_equal(verify(signature, changed, sizeof body - 1, SIGNED_MS), ERR_AUTH);
    }
    assert_int_equal(verify(signature, body, sizeof body - 2, SIGNED_MS), ERR_AUTH);
}

static void test_the_time_is_signed_too(void **state)
{
    (void)state;
    char signature[256];
    snprintf(signature, sizeof signature, "v=%lld,d=%s", (long long)SIGNED_MS + 1, digest);
    assert_int_equal(verify(signature, body, sizeof body - 1, SIGNED_MS), ERR_AUTH);
}

static void test_a_header_of_another_form_is_refused(void **state)
{
    (void)state;
    static const char hex[] = "d5ab285bec439a1e32b5e571b78d85b5d59d4d6e57f603d70874a70b25c4a745";
    static const char *const forms[] = {
        "",
        "v=",
        "v=1764000000123",
        "v=1764000000123,d=",
        "v=1764000000123,d=d5ab",
        "v=1764000000123,d=%s0",
        "v=1764000000123,d=%s00",
        "v=1764000000123,d=%s,d=%s",
        "v=1764000000123, d=%s",
        " v=1764000000123,d=%s",
        "v=01764000000123,d=%s",
        "v=+1764000000123,d=%s",
        "v=-1764000000123,d=%s",
        "v=1764000000123.0,d=%s",
        "v=17640000001230000000000000000000,d=%s",
        "v=,d=%s",
        "d=%s,v=1764000000123",
        "v=1764000000123;d=%s",
        "v=1764000000123,d=zzab285bec439a1e32b5e571b78d85b5d59d4d6e57f603d70874a70b25c4a745",
        "%s",
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char signature[512];
        const char *at = forms[i];
        size_t n = 0;
        while (*at != '\0') {
            bool is_digest = strncmp(at, "%s", 2) == 0;
            n +=
                (size_t)snprintf(signature + n, sizeof signature - n, "%.*s", is_digest ? 64 : 1, is_digest ? hex : at);
            at += is_digest ? 2 : 1;
        }
        signature[n] = '\0';
        if (verify(signature, body, sizeof body - 1, SIGNED_MS) != ERR_AUTH)
            fail_msg("taken: %s", signature);
    }
}

static void test_no_header_and_no_key_prove_nothing(void **state)
{
    (void)state;
    assert_int_equal(verify(NULL, body, sizeof body - 1, SIGNED_MS), ERR_AUTH);

    struct provider_profile *profile = fixture_retell();
    struct provider_trunk trunk = fixture_trunk();
    char signature[256];
    snprintf(signature, sizeof signature, "v=%lld,d=%s", (long long)SIGNED_MS, digest);
    struct provider_callback callback = {
        .body = body, .body_len = sizeof body - 1, .header_fn = header, .header_arg = signature};
    trunk.credential = "key_3f9c1b2a7e";
    assert_int_equal(provider_verify_callback(profile, &trunk, &callback, SIGNED_MS), ERR_AUTH);
    trunk.credential_len = 0;
    assert_int_equal(provider_verify_callback(profile, &trunk, &callback, SIGNED_MS), ERR_AUTH);
    trunk.credential = NULL;
    assert_int_equal(provider_verify_callback(profile, &trunk, &callback, SIGNED_MS), ERR_AUTH);
    provider_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_vendors_own_signature_holds),
        cmocka_unit_test(test_upper_case_digits_are_the_same_digest),
        cmocka_unit_test(test_the_window_is_five_minutes_either_way),
        cmocka_unit_test(test_each_changed_byte_of_the_body_is_noticed),
        cmocka_unit_test(test_the_time_is_signed_too),
        cmocka_unit_test(test_a_header_of_another_form_is_refused),
        cmocka_unit_test(test_no_header_and_no_key_prove_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
