/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static void test_the_monotonic_clock_never_goes_back_and_moves(void **state)
{
    int64_t first = clock_mono_us(), before = first, now;
    (void)state;
    do {
        now = clock_mono_us();
        assert_true(now >= before);
        before = now;
    } while (now < first + 1000);
}

static void test_the_wall_clock_is_the_systems(void **state)
{
    int64_t ms = clock_wall_ms(), us = clock_wall_us(), s = (int64_t)time(NULL);
    (void)state;
    assert_true(llabs(ms / 1000 - s) <= 2);
    assert_true(us / 1000 >= ms && us / 1000 - ms < 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_monotonic_clock_never_goes_back_and_moves),
        cmocka_unit_test(test_the_wall_clock_is_the_systems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
