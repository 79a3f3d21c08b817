/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/bearer.h"
#include "producer/key_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/limits.h"

static void test_a_key_is_known_by_its_hash(void **state)
{
    uint8_t sha256[DIGEST_SHA256_LEN];
    char hex[2 * DIGEST_SHA256_LEN + 1];
    (void)state;
    assert_int_equal(bearer_read("Bearer abc", sha256), 0);
    bearer_hex(sha256, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(bearer_read("bearer   abc", sha256), 0);
    bearer_hex(sha256, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_what_is_no_bearer_key_is_refused(void **state)
{
    uint8_t sha256[DIGEST_SHA256_LEN];
    char longest[16 + LIMIT_API_KEY_LEN] = "Bearer ";
    static const char *const headers[] = {NULL,        "",    "Bearer",     "Bearer ",           "Bearer   ",
                                          "Basic abc", "abc", "Bearer a b", "Bearer a, Bearer b"};
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        assert_int_equal(bearer_read(headers[i], sha256), ERR_AUTH);
    memset(longest + 7, 'k', LIMIT_API_KEY_LEN);
    assert_int_equal(bearer_read(longest, sha256), 0);
    longest[7 + LIMIT_API_KEY_LEN] = 'k';
    assert_int_equal(bearer_read(longest, sha256), ERR_AUTH);
}

static struct key_cache *make_cache(void)
{
    struct key_cache *cache = NULL;
    assert_int_equal(key_cache_create(&cache), 0);
    return cache;
}

static void test_a_key_holds_for_two_seconds_from_when_redis_was_asked(void **state)
{
    const struct identity acme = {.role = ROLE_VIEWER, .tenant = "acme", .alias = "user_456", .cell = "c0"};
    const uint8_t key[DIGEST_SHA256_LEN] = {1, 2, 3};
    struct identity found;
    struct key_cache *cache = make_cache();
    (void)state;
    assert_false(key_cache_find(cache, key, 0, &found));
    key_cache_put(cache, key, 1000, &acme);
    assert_true(key_cache_find(cache, key, 1000 + KEY_CACHE_LIFE_US - 1, &found));
    assert_string_equal(found.tenant, "acme");
    assert_string_equal(found.alias, "user_456");
    assert_string_equal(found.cell, "c0");
    assert_int_equal(found.role, ROLE_VIEWER);
    assert_false(key_cache_find(cache, key, 1000 + KEY_CACHE_LIFE_US, &found));
    key_cache_free(cache);
}

static void test_keys_that_share_a_place_are_never_mistaken(void **state)
{
    const struct identity acme = {.tenant = "acme"}, beta = {.tenant = "beta"};
    uint8_t one[DIGEST_SHA256_LEN] = {7}, two[DIGEST_SHA256_LEN] = {7};
    struct identity found;
    struct key_cache *cache = make_cache();
    (void)state;
    two[DIGEST_SHA256_LEN - 1] = 1;
    key_cache_put(cache, one, 0, &acme);
    assert_false(key_cache_find(cache, two, 1, &found));
    key_cache_put(cache, two, 0, &beta);
    assert_false(key_cache_find(cache, one, 1, &found));
    assert_true(key_cache_find(cache, two, 1, &found));
    assert_string_equal(found.tenant, "beta");
    key_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_is_known_by_its_hash),
        cmocka_unit_test(test_what_is_no_bearer_key_is_refused),
        cmocka_unit_test(test_a_key_holds_for_two_seconds_from_when_redis_was_asked),
        cmocka_unit_test(test_keys_that_share_a_place_are_never_mistaken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
