/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HOUR_MS INT64_C(3600000)

static void test_the_ladder_without_jitter_is_what_the_documentation_says(void **state)
{
    static const int64_t expected_s[] = {5, 30, 120, 600, 1800, 7200, 18000, 36000, 43200, 64800, 86400};
    (void)state;
    for (int32_t attempt = 1; attempt <= 11; attempt++) {
        int64_t ms = expected_s[attempt - 1] * 1000;
        assert_int_equal(webhook_retry_delay_ms(false, attempt, WEBHOOK_PACE_NORMAL, 0), ms);
        assert_int_equal(webhook_retry_delay_ms(true, attempt, WEBHOOK_PACE_NORMAL, 0), attempt <= 9 ? ms : -1);
    }
}

static void test_attempts_end(void **state)
{
    (void)state;
    assert_int_equal(webhook_retry_attempts(true), 10);
    assert_int_equal(webhook_retry_attempts(false), 12);
    for (int32_t attempt = 1; attempt < 20; attempt++) {
        assert_int_equal(webhook_retry_delay_ms(true, attempt, WEBHOOK_PACE_NORMAL, 7) < 0, attempt >= 10);
        assert_int_equal(webhook_retry_delay_ms(false, attempt, WEBHOOK_PACE_NORMAL, 7) < 0, attempt >= 12);
    }
}

static void test_the_whole_ladder_lasts_as_long_as_promised(void **state)
{
    int64_t call_ms = 0, batch_ms = 0;
    (void)state;
    for (int32_t attempt = 1; attempt < 12; attempt++) {
        batch_ms += webhook_retry_delay_ms(false, attempt, WEBHOOK_PACE_NORMAL, 0);
        if (attempt < 10)
            call_ms += webhook_retry_delay_ms(true, attempt, WEBHOOK_PACE_NORMAL, 0);
    }
    assert_in_range(call_ms, 29 * HOUR_MS, 30 * HOUR_MS);
    assert_in_range(batch_ms, 71 * HOUR_MS, 73 * HOUR_MS);
}

static void test_jitter_makes_it_later_and_never_earlier(void **state)
{
    static const uint32_t randoms[] = {0, 1, UINT32_MAX / 3, UINT32_MAX / 2, UINT32_MAX};
    (void)state;
    for (int32_t attempt = 1; attempt < 12; attempt++) {
        int64_t base_ms = webhook_retry_delay_ms(false, attempt, WEBHOOK_PACE_NORMAL, 0);
        int64_t most_ms = base_ms / 5 > 2000 ? base_ms / 5 : 2000, last_ms = base_ms;
        for (size_t i = 0; i < sizeof randoms / sizeof randoms[0]; i++) {
            int64_t delay_ms = webhook_retry_delay_ms(false, attempt, WEBHOOK_PACE_NORMAL, randoms[i]);
            assert_in_range(delay_ms, last_ms, base_ms + most_ms - 1);
            last_ms = delay_ms;
        }
        assert_int_equal(last_ms, base_ms + most_ms - 1);
    }
}

static void test_the_slow_pace_leaves_out_the_fast_steps(void **state)
{
    (void)state;
    for (int32_t attempt = 1; attempt < 12; attempt++) {
        int64_t normal_ms = webhook_retry_delay_ms(false, attempt, WEBHOOK_PACE_NORMAL, 0);
        int64_t slow_ms = webhook_retry_delay_ms(false, attempt, WEBHOOK_PACE_SLOW, 0);
        assert_int_equal(slow_ms, normal_ms < 600000 ? 600000 : normal_ms);
    }
    assert_int_equal(webhook_retry_delay_ms(true, 10, WEBHOOK_PACE_SLOW, 0), -1);
}

static void test_an_attempt_number_out_of_range_reads_nothing_beyond_the_ladder(void **state)
{
    (void)state;
    assert_int_equal(webhook_retry_delay_ms(true, 0, WEBHOOK_PACE_NORMAL, 0), 5000);
    assert_int_equal(webhook_retry_delay_ms(true, INT32_MIN, WEBHOOK_PACE_NORMAL, 0), 5000);
    assert_int_equal(webhook_retry_delay_ms(false, INT32_MAX, WEBHOOK_PACE_NORMAL, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_ladder_without_jitter_is_what_the_documentation_says),
        cmocka_unit_test(test_attempts_end),
        cmocka_unit_test(test_the_whole_ladder_lasts_as_long_as_promised),
        cmocka_unit_test(test_jitter_makes_it_later_and_never_earlier),
        cmocka_unit_test(test_the_slow_pace_leaves_out_the_fast_steps),
        cmocka_unit_test(test_an_attempt_number_out_of_range_reads_nothing_beyond_the_ladder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
