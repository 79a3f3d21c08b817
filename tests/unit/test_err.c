/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_every_code_has_a_name_of_its_own(void **state)
{
    (void)state;
    assert_string_equal(err_name(ERR_OK), "ERR_OK");
    assert_string_equal(err_name(ERR_TIMEOUT), "ERR_TIMEOUT");
    assert_string_equal(err_name(ERR_QUOTA), "ERR_QUOTA");
    for (int a = ERR_OK; a >= ERR_QUOTA; a--) {
        assert_string_not_equal(err_name(a), "ERR_UNKNOWN");
        for (int b = a - 1; b >= ERR_QUOTA; b--)
            assert_string_not_equal(err_name(a), err_name(b));
    }
}

static void test_a_code_that_is_none_is_unknown(void **state)
{
    static const int codes[] = {1, ERR_QUOTA - 1, INT32_MIN, INT32_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        assert_string_equal(err_name(codes[i]), "ERR_UNKNOWN");
}

static void test_only_what_time_can_heal_is_retryable(void **state)
{
    (void)state;
    for (int code = ERR_OK; code >= ERR_QUOTA; code--) {
        bool want = code == ERR_TIMEOUT || code == ERR_CLOSED || code == ERR_UNAVAILABLE;
        assert_int_equal(err_is_retryable(code), want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_has_a_name_of_its_own),
        cmocka_unit_test(test_a_code_that_is_none_is_unknown),
        cmocka_unit_test(test_only_what_time_can_heal_is_retryable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
