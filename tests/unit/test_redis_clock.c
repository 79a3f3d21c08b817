/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/redis_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/base/limits.h"

#define MS INT64_C(1000)
#define SECOND INT64_C(1000000)
#define STEP (LIMIT_CLOCK_STEP_MS * MS)
#define AHEAD (INT64_C(1795976230) * SECOND)

/* Redis, `ahead_us` ahead of us, reads its clock `way_us` after the asking, and the answer takes `back_us`. */
static bool note(struct redis_clock *clock, int64_t asked_us, int64_t way_us, int64_t back_us, int64_t ahead_us)
{
    return redis_clock_note(clock, asked_us, asked_us + way_us + back_us, asked_us + way_us + ahead_us);
}

static void test_an_instant_comes_when_redis_has_surely_reached_it(void **state)
{
    struct redis_clock clock = {0};
    (void)state;
    (void)note(&clock, SECOND, 2 * MS, 3 * MS, AHEAD);
    assert_int_equal(redis_clock_mono_us(&clock, AHEAD + 5 * SECOND), 5 * SECOND + 3 * MS);
}

static void test_a_slow_answer_takes_nothing_from_what_a_quick_one_told(void **state)
{
    struct redis_clock clock = {0};
    (void)state;
    (void)note(&clock, SECOND, MS, MS / 10, AHEAD);
    (void)note(&clock, SECOND + 100 * MS, MS, 15 * MS, AHEAD);
    (void)note(&clock, SECOND + 200 * MS, 40 * MS, MS / 5, AHEAD);
    assert_int_equal(redis_clock_mono_us(&clock, AHEAD + 5 * SECOND), 5 * SECOND + MS / 10);
}

/* The clocks drift apart: what was told long ago is not believed for ever. */
static void test_what_an_answer_told_counts_for_at_most_two_seconds(void **state)
{
    struct redis_clock clock = {0};
    (void)state;
    (void)note(&clock, SECOND, MS, 1, AHEAD);
    for (int64_t at_us = SECOND + 500 * MS; at_us <= 3 * SECOND + 500 * MS; at_us += 500 * MS)
        (void)note(&clock, at_us, MS, 2 * MS, AHEAD);
    assert_int_equal(redis_clock_mono_us(&clock, AHEAD + 5 * SECOND), 5 * SECOND + 2 * MS);
    (void)note(&clock, 60 * SECOND, MS, 7 * MS, AHEAD);
    assert_int_equal(redis_clock_mono_us(&clock, AHEAD + 61 * SECOND), 61 * SECOND + 7 * MS);
}

/* Nothing may go out before its instant, as Redis now sees it. */
static void test_a_clock_that_was_set_back_is_followed_at_once(void **state)
{
    struct redis_clock clock = {0};
    (void)state;
    (void)note(&clock, SECOND, MS, MS, AHEAD);
    (void)note(&clock, SECOND + 100 * MS, MS, 2 * MS, AHEAD - 20 * MS);
    assert_int_equal(redis_clock_mono_us(&clock, AHEAD + 5 * SECOND), 5 * SECOND + 22 * MS);
}

static void test_a_clock_that_was_set_forward_is_followed_at_once(void **state)
{
    struct redis_clock clock = {0};
    (void)state;
    assert_false(note(&clock, SECOND, MS, MS, AHEAD));
    (void)note(&clock, SECOND + 100 * MS, MS, 2 * MS, AHEAD + SECOND);
    assert_int_equal(redis_clock_mono_us(&clock, AHEAD + 5 * SECOND), 4 * SECOND + 2 * MS);
    assert_int_equal(redis_clock_wall_us(&clock, 4 * SECOND + 2 * MS), AHEAD + 5 * SECOND);
}

static void test_a_step_forward_is_told_once_and_however_long_nothing_was_heard_before(void **state)
{
    struct redis_clock clock = {0};
    (void)state;
    assert_false(note(&clock, SECOND, MS, MS, AHEAD));
    assert_false(note(&clock, SECOND + 100 * MS, MS, MS, AHEAD + STEP));
    assert_true(note(&clock, SECOND + 200 * MS, MS, MS, AHEAD + 2 * STEP + 1));
    assert_false(note(&clock, SECOND + 300 * MS, MS, MS, AHEAD + 2 * STEP + 1));
    assert_true(note(&clock, 60 * SECOND, MS, MS, AHEAD + 4 * STEP));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_instant_comes_when_redis_has_surely_reached_it),
        cmocka_unit_test(test_a_slow_answer_takes_nothing_from_what_a_quick_one_told),
        cmocka_unit_test(test_what_an_answer_told_counts_for_at_most_two_seconds),
        cmocka_unit_test(test_a_clock_that_was_set_back_is_followed_at_once),
        cmocka_unit_test(test_a_clock_that_was_set_forward_is_followed_at_once),
        cmocka_unit_test(test_a_step_forward_is_told_once_and_however_long_nothing_was_heard_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
