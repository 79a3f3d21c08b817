/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/score.h"

int64_t score_ready(int32_t priority, int64_t start_ms)
{
    if (priority < SCORE_PRIORITY_MIN)
        priority = SCORE_PRIORITY_MIN;
    if (priority > SCORE_PRIORITY_MAX)
        priority = SCORE_PRIORITY_MAX;
    if (start_ms < 0)
        start_ms = 0;
    if (start_ms >= SCORE_PRIORITY_STEP)
        start_ms = SCORE_PRIORITY_STEP - 1;
    return (SCORE_PRIORITY_MAX - priority) * SCORE_PRIORITY_STEP + start_ms;
}
