/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/score.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NOW INT64_C(1763283600000)
#define YEAR_2248 (SCORE_PRIORITY_STEP - 1)

static void test_priority_goes_before_time_and_time_before_nothing(void **state)
{
    (void)state;
    for (int32_t p = SCORE_PRIORITY_MIN; p < SCORE_PRIORITY_MAX; p++)
        assert_true(score_ready(p + 1, YEAR_2248) < score_ready(p, 0));
    assert_true(score_ready(5, NOW) < score_ready(5, NOW + 1));
}

static void test_a_score_is_the_formula_and_exact_in_a_double(void **state)
{
    (void)state;
    assert_int_equal(score_ready(10, NOW), NOW);
    assert_int_equal(score_ready(5, NOW), INT64_C(5) * INT64_C(8796093022208) + NOW);
    int64_t greatest = score_ready(1, YEAR_2248);
    assert_true(greatest < INT64_C(9007199254740992));
    assert_true((int64_t)(double)greatest == greatest);
    assert_true((int64_t)(double)(greatest - 1) == greatest - 1);
}

static void test_what_lies_outside_is_brought_in(void **state)
{
    (void)state;
    assert_int_equal(score_ready(0, NOW), score_ready(1, NOW));
    assert_int_equal(score_ready(11, NOW), score_ready(10, NOW));
    assert_int_equal(score_ready(5, -1), score_ready(5, 0));
    assert_int_equal(score_ready(5, INT64_MAX), score_ready(5, YEAR_2248));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_priority_goes_before_time_and_time_before_nothing),
        cmocka_unit_test(test_a_score_is_the_formula_and_exact_in_a_double),
        cmocka_unit_test(test_what_lies_outside_is_brought_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
