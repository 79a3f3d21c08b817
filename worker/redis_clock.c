/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/redis_clock.h"

#include "common/base/limits.h"

#define PERIOD_US INT64_C(1000000)

bool redis_clock_note(struct redis_clock *clock, int64_t asked_us, int64_t answered_us, int64_t redis_now_us)
{
    int64_t least_us = redis_now_us - answered_us, most_us = redis_now_us - asked_us;
    int64_t age_us = answered_us - clock->period_from_us;
    bool is_known = redis_clock_is_known(clock), is_stale = !is_known || age_us >= 2 * PERIOD_US;
    bool is_set_forward = is_known && least_us - clock->ahead_us > LIMIT_CLOCK_STEP_MS * INT64_C(1000);
    if (is_stale || clock->ahead_us > most_us) {
        *clock = (struct redis_clock){least_us, least_us, answered_us};
        return is_set_forward;
    }
    if (age_us >= PERIOD_US) {
        clock->ahead_us = clock->now_ahead_us;
        clock->now_ahead_us = least_us;
        clock->period_from_us = answered_us;
    }
    if (least_us > clock->now_ahead_us)
        clock->now_ahead_us = least_us;
    if (least_us > clock->ahead_us)
        clock->ahead_us = least_us;
    return is_set_forward;
}

bool redis_clock_is_known(const struct redis_clock *clock)
{
    return clock->period_from_us != 0;
}

int64_t redis_clock_wall_us(const struct redis_clock *clock, int64_t mono_us)
{
    return mono_us + clock->ahead_us;
}

int64_t redis_clock_mono_us(const struct redis_clock *clock, int64_t redis_us)
{
    return redis_us - clock->ahead_us;
}
