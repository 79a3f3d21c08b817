/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/delivery_hint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "notifier/verdict.h"

static void test_whatever_an_attempt_ends_with_has_a_hint_of_one_sentence(void **state)
{
    (void)state;
    for (int fail = HTTP_FAIL_NONE; fail <= HTTP_FAIL_LOCAL; fail++) {
        static const int statuses[] = {0, 302, 404, 410, 429, 500, 700};
        for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
            const struct http_result result = {
                .fail = (enum http_fail)fail, .status = statuses[i], .retry_after_ms = -1};
            const struct verdict_attempt attempt = {.number = 1};
            const char *code = verdict_of(&result, &attempt).code, *hint = delivery_hint(code);
            assert_non_null(hint);
            assert_int_equal(hint[strlen(hint) - 1], '.');
        }
    }
}

static void test_success_and_what_is_not_known_have_none(void **state)
{
    (void)state;
    assert_null(delivery_hint("ok"));
    assert_null(delivery_hint("novel"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whatever_an_attempt_ends_with_has_a_hint_of_one_sentence),
        cmocka_unit_test(test_success_and_what_is_not_known_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
