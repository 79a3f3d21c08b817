/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/batch_forecast.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)
#define MONDAY INT64_C(1763337600000) /* 2025-11-17T00:00:00Z */

static struct batch_options options(int32_t cps)
{
    return (struct batch_options){.max_calls_per_second = cps};
}

static void give_window(struct batch_options *o, int32_t start_min, int32_t end_min, uint8_t days)
{
    o->has_window = true;
    o->window = (struct calling_window){.timezone = "UTC", .start_min = start_min, .end_min = end_min, .days = days};
}

static void assert_forecast(const struct batch_options *o, uint64_t contacts, int err, int64_t first_ms,
                            int64_t last_ms)
{
    int64_t first, last;
    assert_int_equal(batch_forecast(o, contacts, MONDAY, &first, &last), err);
    assert_int_equal(first, first_ms);
    assert_int_equal(last, last_ms);
}

static void test_calls_follow_each_other_at_the_batchs_rate(void **state)
{
    (void)state;
    struct batch_options o = options(10); /* 100.5 ms apart */
    assert_forecast(&o, 0, 0, MONDAY, MONDAY);
    assert_forecast(&o, 1, 0, MONDAY, MONDAY);
    assert_forecast(&o, 1001, 0, MONDAY, MONDAY + 100500);
    o.has_start = true;
    o.start_ms = MONDAY + HOUR_MS;
    assert_forecast(&o, 3, 0, MONDAY + HOUR_MS, MONDAY + HOUR_MS + 201);
}

static void test_what_does_not_fit_into_a_days_hours_goes_on_with_the_next(void **state)
{
    (void)state;
    struct batch_options o = options(1); /* 1.005 s apart */
    give_window(&o, 9 * 60, 10 * 60, 0x01); /* Mondays, an hour */
    assert_forecast(&o, 3000, 0, MONDAY + 9 * HOUR_MS, MONDAY + 9 * HOUR_MS + 2999 * INT64_C(1005));
    assert_forecast(&o, 5000, 0, MONDAY + 9 * HOUR_MS,
                    MONDAY + 7 * DAY_MS + 9 * HOUR_MS + 4999 * INT64_C(1005) - HOUR_MS);
}

static void test_what_expires_before_is_told(void **state)
{
    (void)state;
    struct batch_options o = options(1);
    o.has_expiry = true;
    o.expires_ms = MONDAY + HOUR_MS;
    assert_forecast(&o, 4000, ERR_NOT_FOUND, MONDAY, MONDAY + HOUR_MS);
    give_window(&o, 9 * 60, 10 * 60, 0x7f);
    assert_forecast(&o, 1, ERR_NOT_FOUND, MONDAY, MONDAY + HOUR_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_follow_each_other_at_the_batchs_rate),
        cmocka_unit_test(test_what_does_not_fit_into_a_days_hours_goes_on_with_the_next),
        cmocka_unit_test(test_what_expires_before_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
