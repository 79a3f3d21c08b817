/* SPDX-License-Identifier: Apache-2.0
 *
 * How long a dial is waited for.
 */
#include "worker/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/settings.h"

static struct batch_settings batch_that_rings(int ring_timeout_s, const struct trunk_settings *trunk)
{
    return (struct batch_settings){.ring_timeout_s = ring_timeout_s, .max_call_duration_s = 60, .trunk = trunk};
}

/* Retell lists calls by when they began; one that is ringing has not. */
static void test_a_call_that_may_still_ring_is_not_absent(void **state)
{
    (void)state;
    const struct trunk_settings trunk = {.lookup_absent_after_ms = 0};
    const int rings_s[] = {5, 30, 31, 60, 120};
    for (size_t i = 0; i < sizeof rings_s / sizeof rings_s[0]; i++) {
        const struct batch_settings batch = batch_that_rings(rings_s[i], &trunk);
        int64_t after_ms = place_absent_after_ms(&batch);
        assert_true(after_ms >= 60000);
        assert_true(after_ms >= rings_s[i] * 1000 + 30000);
        assert_true(after_ms < place_life_ms(&batch));
    }
}

static void test_a_trunk_that_says_when_a_call_is_absent_is_believed(void **state)
{
    (void)state;
    const struct trunk_settings trunk = {.lookup_absent_after_ms = 700};
    const struct batch_settings batch = batch_that_rings(120, &trunk);
    assert_int_equal(place_absent_after_ms(&batch), 700);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_that_may_still_ring_is_not_absent),
        cmocka_unit_test(test_a_trunk_that_says_when_a_call_is_absent_is_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
