/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/etag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_a_tag_is_found_by_the_strong_comparison_alone(void **state)
{
    (void)state;
    static const char *const named[] = {
        "\"7\"", "*", "  \"7\"  ", "\"1\", \"7\"", "\"7\",\"8\"", " * \t", "W/\"7\" , \"x\",\"7\""};
    static const char *const not_named[] = {"",          "7",           "\"8\"",  "W/\"7\"",  "\"7",
                                            "\"77\"",    "\"7\" \"8\"", "\"\"",   "\"7\",",   "*,\"7\"",
                                            "\"7\";q=1", "w/\"7\"",     ",\"7\"", "\"8\" , 7"};
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
        assert_true(etag_is_named(named[i], 7));
    for (size_t i = 0; i < sizeof not_named / sizeof not_named[0]; i++)
        assert_false(etag_is_named(not_named[i], 7));
}

static void test_what_is_written_names_itself_and_no_other(void **state)
{
    (void)state;
    static const int64_t revisions[] = {1, 42, INT64_MAX};
    for (size_t i = 0; i < sizeof revisions / sizeof revisions[0]; i++) {
        char etag[ETAG_LEN + 1];
        etag_format(revisions[i], etag);
        assert_true(etag_is_named(etag, revisions[i]));
        assert_false(etag_is_named(etag, revisions[i] - 1));
    }
}

static void test_what_the_client_has_is_known_by_the_weak_comparison(void **state)
{
    (void)state;
    assert_true(etag_is_known("\"x\", \"a1\"", "W/\"a1\""));
    assert_true(etag_is_known("W/\"a1\"", "W/\"a1\""));
    static const char *const known[] = {"\"a1\"", "W/\"a1\"", "*", "\"x\" , W/\"a1\""};
    static const char *const unknown[] = {"", "a1", "\"a\"", "\"a11\"", "W/\"x\"", "w/\"a1\""};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_true(etag_is_known(known[i], "\"a1\""));
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        assert_false(etag_is_known(unknown[i], "\"a1\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_tag_is_found_by_the_strong_comparison_alone),
        cmocka_unit_test(test_what_is_written_names_itself_and_no_other),
        cmocka_unit_test(test_what_the_client_has_is_known_by_the_weak_comparison),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
