/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/clock_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/base/limits.h"

#define SECOND INT64_C(1000000)
#define REDIS_START (INT64_C(1795976230) * SECOND)
#define STEP (LIMIT_CLOCK_STEP_MS * INT64_C(1000))

/* Redis reads its clock, `ahead_us` ahead of ours, between asking and answer. */
static bool note(struct clock_watch *watch, int64_t asked_us, int64_t way_us, int64_t back_us, int64_t ahead_us)
{
    return clock_watch_note(watch, asked_us, asked_us + way_us + back_us, asked_us + way_us + REDIS_START + ahead_us);
}

static void test_a_clock_that_goes_on_does_not_jump(void **state)
{
    struct clock_watch watch = {0};
    (void)state;
    for (int64_t at = SECOND; at < 100 * SECOND; at += SECOND)
        assert_false(note(&watch, at, 200, 300, at / 10000)); /* 100 ppm fast */
}

static void test_a_jump_forward_of_more_than_the_limit_is_seen_once(void **state)
{
    struct clock_watch watch = {0};
    (void)state;
    assert_false(note(&watch, SECOND, 200, 300, 0));
    assert_true(note(&watch, 2 * SECOND, 200, 300, STEP + 2000));
    assert_false(note(&watch, 3 * SECOND, 200, 300, STEP + 2000));
    assert_true(note(&watch, 4 * SECOND, 200, 300, 3600 * SECOND));
}

static void test_a_smaller_jump_and_one_backward_close_nothing(void **state)
{
    struct clock_watch watch = {0};
    (void)state;
    assert_false(note(&watch, SECOND, 200, 300, 0));
    assert_false(note(&watch, 2 * SECOND, 200, 300, STEP - 2000));
    assert_false(note(&watch, 3 * SECOND, 200, 300, -3600 * SECOND));
    assert_false(note(&watch, 4 * SECOND, 200, 300, -3600 * SECOND));
}

/* The worker was stopped, or the network: Redis answered long before the answer was read, or read the question late. */
static void test_a_process_that_stood_still_sees_no_jump(void **state)
{
    struct clock_watch watch = {0};
    (void)state;
    assert_false(note(&watch, SECOND, 200, 60 * SECOND, 0));
    assert_false(note(&watch, 62 * SECOND, 200, 300, 0));
    assert_false(note(&watch, 63 * SECOND, 60 * SECOND, 300, 0));
    assert_false(note(&watch, 130 * SECOND, 200, 300, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_clock_that_goes_on_does_not_jump),
        cmocka_unit_test(test_a_jump_forward_of_more_than_the_limit_is_seen_once),
        cmocka_unit_test(test_a_smaller_jump_and_one_backward_close_nothing),
        cmocka_unit_test(test_a_process_that_stood_still_sees_no_jump),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
