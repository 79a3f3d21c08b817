/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/clock_watch.h"

#include "common/base/limits.h"

bool clock_watch_note(struct clock_watch *watch, int64_t asked_us, int64_t answered_us, int64_t redis_now_us)
{
    int64_t least_us = redis_now_us - answered_us, most_us = redis_now_us - asked_us;
    bool has_jumped = watch->redis_us != 0 && least_us - watch->most_ahead_us > LIMIT_CLOCK_STEP_MS * INT64_C(1000);
    watch->most_ahead_us = most_us;
    watch->redis_us = redis_now_us;
    return has_jumped;
}
