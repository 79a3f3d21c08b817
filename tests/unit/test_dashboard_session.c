/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/dashboard_session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])
#define NOW_MS INT64_C(1794470461480)

static struct seal_keys *keys_of(uint8_t first)
{
    struct seal_keys *keys;
    const uint8_t key[32] = {first};
    assert_int_equal(seal_keys_create(key, &keys), 0);
    return keys;
}

static struct dashboard_session made(int64_t until_ms)
{
    struct dashboard_session session = {.until_ms = until_ms};
    for (size_t i = 0; i < sizeof session.key; i++)
        session.key[i] = (uint8_t)(i * 9);
    return session;
}

static void test_a_session_holds_until_its_end_and_no_longer(void **state)
{
    (void)state;
    static const int64_t ends[] = {NOW_MS + 1, NOW_MS + INT64_C(1000) * DASHBOARD_SESSION_S, INT64_MAX};
    struct seal_keys *keys = keys_of(1);
    for (size_t i = 0; i < COUNT(ends); i++) {
        struct dashboard_session session = made(ends[i]), back;
        char *value;
        assert_int_equal(dashboard_session_seal(keys, &session, &value), 0);
        assert_int_equal(dashboard_session_open(keys, value, strlen(value), NOW_MS, &back), 0);
        assert_int_equal(back.until_ms, ends[i]);
        assert_memory_equal(back.key, session.key, sizeof back.key);
        assert_int_equal(dashboard_session_open(keys, value, strlen(value), ends[i] - 1, &back), 0);
        assert_int_equal(dashboard_session_open(keys, value, strlen(value), ends[i], &back), ERR_AUTH);
        free(value);
    }
    seal_keys_free(keys);
}

static void test_what_another_key_or_place_sealed_is_no_session(void **state)
{
    (void)state;
    struct seal_keys *keys = keys_of(1), *others = keys_of(2);
    struct dashboard_session session = made(NOW_MS + 1), back;
    char *value;
    assert_int_equal(dashboard_session_seal(others, &session, &value), 0);
    assert_int_equal(dashboard_session_open(keys, value, strlen(value), NOW_MS, &back), ERR_AUTH);
    free(value);
    uint8_t plain[40];
    memset(plain, 0x7F, sizeof plain);
    assert_int_equal(seal_secret(keys, "trunk/main", plain, sizeof plain, &value), 0);
    assert_int_equal(dashboard_session_open(keys, value, strlen(value), NOW_MS, &back), ERR_AUTH);
    free(value);
    for (size_t len = 0; len < sizeof plain; len++) {
        assert_int_equal(seal_secret(keys, "dashboard/session", plain, len, &value), 0);
        assert_int_equal(dashboard_session_open(keys, value, strlen(value), NOW_MS, &back), ERR_AUTH);
        free(value);
    }
    assert_int_equal(dashboard_session_open(keys, "", 0, NOW_MS, &back), ERR_AUTH);
    seal_keys_free(others);
    seal_keys_free(keys);
}

static void test_the_value_can_stand_in_a_cookie(void **state)
{
    (void)state;
    struct seal_keys *keys = keys_of(1);
    struct dashboard_session session = made(NOW_MS);
    char *value;
    assert_int_equal(dashboard_session_seal(keys, &session, &value), 0);
    for (const char *at = value; *at; at++)
        assert_true(*at > 0x20 && *at < 0x7F && !strchr("\",;\\", *at));
    free(value);
    seal_keys_free(keys);
}

static void test_the_cookie_is_found_among_others(void **state)
{
    (void)state;
    static const char *const with[] = {"carillon_session=v1.x",        " carillon_session=v1.x ",
                                       "a=b; carillon_session=v1.x",   "a; carillon_session=v1.x; c=d",
                                       "a=b;carillon_session=v1.x;c=", "xcarillon_session=no; carillon_session=v1.x",
                                       ";;carillon_session=v1.x;;"};
    static const char *const without[] = {"",
                                          ";",
                                          "carillon_session",
                                          "carillon_session=",
                                          "xcarillon_session=v1.x",
                                          "a=carillon_session=v1.x",
                                          "Carillon_Session=v1.x",
                                          "a=b carillon_session=v1.x"};
    size_t len;
    for (size_t i = 0; i < COUNT(with); i++) {
        const char *value = dashboard_session_find(with[i], &len);
        assert_non_null(value);
        assert_int_equal(len, 4);
        assert_memory_equal(value, "v1.x", 4);
    }
    for (size_t i = 0; i < COUNT(without); i++)
        assert_null(dashboard_session_find(without[i], &len));
    assert_null(dashboard_session_find(NULL, &len));
}

static void test_only_the_dashboards_own_page_is_its_own(void **state)
{
    (void)state;
    assert_true(dashboard_session_is_own("1", NULL));
    assert_true(dashboard_session_is_own("1", "same-origin"));
    static const char *const marks[] = {NULL, "", "0", "11", "true"};
    static const char *const sites[] = {"", "none", "same-site", "cross-site", "same-origin, same-origin"};
    for (size_t i = 0; i < COUNT(marks); i++)
        assert_false(dashboard_session_is_own(marks[i], "same-origin"));
    for (size_t i = 0; i < COUNT(sites); i++)
        assert_false(dashboard_session_is_own("1", sites[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_session_holds_until_its_end_and_no_longer),
        cmocka_unit_test(test_what_another_key_or_place_sealed_is_no_session),
        cmocka_unit_test(test_the_value_can_stand_in_a_cookie),
        cmocka_unit_test(test_the_cookie_is_found_among_others),
        cmocka_unit_test(test_only_the_dashboards_own_page_is_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
