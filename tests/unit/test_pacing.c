/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/pacing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND_US INT64_C(1000000)
#define T INT64_C(1763283600000000)

static void test_an_interval_is_half_a_percent_wider_and_rounded_up(void **state)
{
    static const struct {
        int32_t per_second;
        int64_t interval_us;
    } cases[] = {{1, 1005000}, {7, 143572}, {12, 83750}, {13, 77308}, {30, 33500}, {1000, 1005}, {0, 1005000}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(pacing_interval_us(cases[i].per_second), cases[i].interval_us);
}

static void test_each_step_is_as_the_scripts_take_it(void **state)
{
    static const struct {
        int64_t tat, slot, interval, want;
    } cases[] = {
        {PACING_NO_TAT, T, 100, T + 100}, /* a first slot: no credit */
        {T, T, 100, T + 100}, /* on time */
        {T, T + 40, 100, T + 100}, /* 40 late: the grid stays */
        {T, T + 100, 100, T + 100}, /* a whole interval late: the next one may follow at once */
        {T, T + 5000, 100, T + 5000}, /* more is not made up for */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(pacing_next_us(cases[i].tat, cases[i].slot, cases[i].interval), cases[i].want);
}

/* Slots as one limited resource gets them on the grid of a faster one. */
static void run_on_grid(int32_t per_second, int32_t grid_per_second, int64_t length_us, int64_t *slots, size_t cap,
                        size_t *ret_n)
{
    int64_t interval = pacing_interval_us(per_second), grid = pacing_interval_us(grid_per_second);
    int64_t tat = PACING_NO_TAT;
    *ret_n = 0;
    for (int64_t slot = T; slot < T + length_us && *ret_n < cap; slot += grid) {
        if (tat != PACING_NO_TAT && tat > slot)
            continue;
        slots[(*ret_n)++] = slot;
        tat = pacing_next_us(tat, slot, interval);
    }
}

static void test_a_shared_grid_costs_no_rate_and_the_credit_breaks_no_limit(void **state)
{
    static const int32_t rates[] = {1, 7, 13, 30};
    static const int32_t grids[] = {31, 40, 50, 97, 1000};
    static int64_t slots[1000];
    (void)state;
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        for (size_t g = 0; g < sizeof grids / sizeof grids[0]; g++) {
            size_t n;
            run_on_grid(rates[r], grids[g], 20 * SECOND_US, slots, 1000, &n);
            assert_true((double)n >= 0.99 * 20.0 * rates[r]);
            /* A credit may bring two slots closer together than I, never more than one interval in all. */
            for (size_t i = (size_t)rates[r] + 1; i < n; i++)
                assert_true(slots[i] - slots[i - (size_t)rates[r] - 1] > SECOND_US);
        }
    }
}

static void test_idleness_earns_nothing(void **state)
{
    (void)state;
    assert_int_equal(pacing_wake_us(T, T + 100, 100), T);
    assert_int_equal(pacing_wake_us(T, T + 101, 100), PACING_NO_TAT);
    assert_int_equal(pacing_wake_us(T + 500, T, 100), T + 500);
    assert_int_equal(pacing_wake_us(PACING_NO_TAT, T, 100), PACING_NO_TAT);
    /* An hour idle, then as fast as permitted: no burst. */
    int64_t tat = pacing_wake_us(T, T + 3600 * SECOND_US, 33500), slot = T + 3600 * SECOND_US;
    for (int i = 0; i < 10; i++) {
        int64_t next = pacing_next_us(tat, slot, 33500);
        assert_true(next - slot >= 33500);
        tat = next;
        slot = next;
    }
}

static void test_after_a_clock_step_a_resource_waits_a_horizon_and_an_interval_at_most(void **state)
{
    (void)state;
    assert_int_equal(pacing_clip_us(T + 3600 * SECOND_US, T, 200000, 33500), T + 233500);
    assert_int_equal(pacing_clip_us(T + 10, T, 200000, 33500), T + 10);
    assert_int_equal(pacing_clip_us(PACING_NO_TAT, T, 200000, 33500), PACING_NO_TAT);
}

static void test_a_slot_given_back_is_used_by_the_next_one(void **state)
{
    (void)state;
    int64_t tat = pacing_next_us(T + 100, T + 100, 100);
    assert_int_equal(pacing_refund_us(tat, T, 100), T + 100);
    assert_int_equal(pacing_refund_us(T, T + 1, 100), T);
    assert_int_equal(pacing_refund_us(PACING_NO_TAT, T, 100), PACING_NO_TAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_interval_is_half_a_percent_wider_and_rounded_up),
        cmocka_unit_test(test_each_step_is_as_the_scripts_take_it),
        cmocka_unit_test(test_a_shared_grid_costs_no_rate_and_the_credit_breaks_no_limit),
        cmocka_unit_test(test_idleness_earns_nothing),
        cmocka_unit_test(test_after_a_clock_step_a_resource_waits_a_horizon_and_an_interval_at_most),
        cmocka_unit_test(test_a_slot_given_back_is_used_by_the_next_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
