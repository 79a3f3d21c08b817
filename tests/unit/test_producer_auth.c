/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/bearer.h"
#include "producer/key_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
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

static void test_a_key_holds_for_half_a_second_from_when_redis_was_asked(void **state)
{
    const struct identity acme = {.role = ROLE_VIEWER, .tenant = "acme", .alias = "user_456", .cell = "c0"};
    const uint8_t key[DIGEST_SHA256_LEN] = {1, 2, 3};
    struct identity found;
    struct key_cache *cache = make_cache();
    (void)state;
    assert_int_equal(key_cache_find(cache, key, 0, &found), KEY_UNKNOWN);
    key_cache_put(cache, key, 1000, -1, &acme);
    assert_int_equal(key_cache_find(cache, key, 1000 + 499999, &found), KEY_OPENS);
    assert_string_equal(found.tenant, "acme");
    assert_string_equal(found.alias, "user_456");
    assert_string_equal(found.cell, "c0");
    assert_int_equal(found.role, ROLE_VIEWER);
    assert_int_equal(key_cache_find(cache, key, 1000 + 500000, &found), KEY_UNKNOWN);
    key_cache_free(cache);
}

static void test_a_key_that_ends_by_itself_is_not_remembered_beyond_its_end(void **state)
{
    const struct identity acme = {.tenant = "acme"};
    const uint8_t key[DIGEST_SHA256_LEN] = {1};
    struct identity found;
    struct key_cache *cache = make_cache();
    (void)state;
    key_cache_put(cache, key, 1000, 7, &acme);
    assert_int_equal(key_cache_find(cache, key, 1006, &found), KEY_OPENS);
    assert_int_equal(key_cache_find(cache, key, 1007, &found), KEY_UNKNOWN);
    key_cache_put(cache, key, 1000, INT64_C(86400000000), &acme);
    assert_int_equal(key_cache_find(cache, key, 1000 + KEY_CACHE_LIFE_US, &found), KEY_UNKNOWN);
    key_cache_free(cache);
}

static void test_keys_that_share_places_are_never_mistaken_and_the_oldest_leaves(void **state)
{
    char name[8];
    struct identity found;
    struct key_cache *cache = make_cache();
    (void)state;
    for (uint8_t i = 0; i < 5; i++) {
        const uint8_t key[DIGEST_SHA256_LEN] = {7, [DIGEST_SHA256_LEN - 1] = i};
        struct identity who = {.tenant = ""};
        snprintf(who.tenant, sizeof who.tenant, "t%u", i);
        key_cache_put(cache, key, i, -1, &who);
    }
    for (uint8_t i = 0; i < 5; i++) {
        const uint8_t key[DIGEST_SHA256_LEN] = {7, [DIGEST_SHA256_LEN - 1] = i};
        snprintf(name, sizeof name, "t%u", i);
        assert_int_equal(key_cache_find(cache, key, 10, &found), i == 0 ? KEY_UNKNOWN : KEY_OPENS);
        if (i > 0)
            assert_string_equal(found.tenant, name);
    }
    key_cache_free(cache);
}

static void test_keys_that_open_nothing_are_known_for_a_moment_and_drive_no_other_out(void **state)
{
    const struct identity acme = {.tenant = "acme"};
    const uint8_t good[DIGEST_SHA256_LEN] = {7, 1};
    struct identity found;
    struct key_cache *cache = make_cache();
    (void)state;
    key_cache_put(cache, good, 0, -1, &acme);
    for (uint8_t i = 2; i < 100; i++) {
        const uint8_t bad[DIGEST_SHA256_LEN] = {7, i};
        key_cache_put_refused(cache, bad, 0);
        assert_int_equal(key_cache_find(cache, bad, 499999, &found), KEY_OPENS_NOTHING);
        assert_int_equal(key_cache_find(cache, bad, 500000, &found), KEY_UNKNOWN);
    }
    assert_int_equal(key_cache_find(cache, good, 1, &found), KEY_OPENS);
    key_cache_put_refused(cache, good, 1); /* it was revoked */
    assert_int_equal(key_cache_find(cache, good, 2, &found), KEY_OPENS_NOTHING);
    key_cache_free(cache);
}

static void test_keys_that_open_nothing_are_asked_about_so_often_a_second_and_others_always(void **state)
{
    (void)state;
    struct identity acme = {.role = ROLE_TENANT, .tenant = "acme", .cell = "c0"};
    uint8_t good[DIGEST_SHA256_LEN] = {7}, bad[DIGEST_SHA256_LEN] = {7, 1};
    struct key_cache *cache = make_cache();
    key_cache_put(cache, good, 0, -1, &acme);
    for (unsigned i = 0; i < LIMIT_KEY_GUESSES; i++) {
        bad[2] = (uint8_t)i;
        bad[3] = (uint8_t)(i >> 8);
        assert_true(key_cache_may_ask(cache, bad, 5000000 + i));
        key_cache_put_refused(cache, bad, 5000000 + i);
    }
    assert_false(key_cache_may_ask(cache, bad, 5999999));
    assert_true(key_cache_may_ask(cache, good, 5999999)); /* it is not known any more, but opened something */
    assert_true(key_cache_may_ask(cache, bad, 6000000));
    key_cache_put_refused(cache, good, 5999999); /* revoked */
    assert_false(key_cache_may_ask(cache, good, 5999999));
    key_cache_put_refused(cache, bad, 6000000);
    assert_true(key_cache_may_ask(cache, good, 6000000));
    key_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_is_known_by_its_hash),
        cmocka_unit_test(test_what_is_no_bearer_key_is_refused),
        cmocka_unit_test(test_a_key_holds_for_half_a_second_from_when_redis_was_asked),
        cmocka_unit_test(test_a_key_that_ends_by_itself_is_not_remembered_beyond_its_end),
        cmocka_unit_test(test_keys_that_share_places_are_never_mistaken_and_the_oldest_leaves),
        cmocka_unit_test(test_keys_that_open_nothing_are_known_for_a_moment_and_drive_no_other_out),
        cmocka_unit_test(test_keys_that_open_nothing_are_asked_about_so_often_a_second_and_others_always),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
