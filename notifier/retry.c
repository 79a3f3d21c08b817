/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/retry.h"

#include <stddef.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

#define JITTER_MIN_MS (2 * SECOND)
#define JITTER_PART 5
#define SLOW_MIN_MS (10 * MINUTE)

static const int64_t ladder_ms[] = {5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, 2 * HOUR,
                                    5 * HOUR,   10 * HOUR,   12 * HOUR,  18 * HOUR,   24 * HOUR};
#define LADDER_STEPS ((int32_t)(sizeof ladder_ms / sizeof ladder_ms[0]))
#define CALL_STEPS 9

int32_t webhook_retry_attempts(bool is_call_event)
{
    return 1 + (is_call_event ? CALL_STEPS : LADDER_STEPS);
}

int64_t webhook_retry_delay_ms(bool is_call_event, int32_t attempt, enum webhook_pace pace, uint32_t random)
{
    if (attempt >= webhook_retry_attempts(is_call_event))
        return -1;
    int64_t delay_ms = ladder_ms[attempt < 1 ? 0 : attempt - 1];
    if (pace == WEBHOOK_PACE_SLOW && delay_ms < SLOW_MIN_MS)
        delay_ms = SLOW_MIN_MS;
    int64_t jitter_ms = delay_ms / JITTER_PART > JITTER_MIN_MS ? delay_ms / JITTER_PART : JITTER_MIN_MS;
    return delay_ms + (int64_t)(((uint64_t)jitter_ms * random) >> 32);
}
