/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/pacing.h"

int64_t pacing_interval_us(int32_t per_second)
{
    int64_t n = per_second < 1 ? 1 : per_second;
    return (PACING_WIDENED_SECOND_US + n - 1) / n;
}

int64_t pacing_next_us(int64_t tat_us, int64_t slot_us, int64_t interval_us)
{
    if (tat_us == PACING_NO_TAT)
        return slot_us + interval_us;
    int64_t with_credit_us = slot_us - interval_us;
    return (tat_us > with_credit_us ? tat_us : with_credit_us) + interval_us;
}

int64_t pacing_wake_us(int64_t tat_us, int64_t at_us, int64_t interval_us)
{
    if (tat_us != PACING_NO_TAT && at_us - tat_us > interval_us)
        return PACING_NO_TAT;
    return tat_us;
}

int64_t pacing_clip_us(int64_t tat_us, int64_t now_us, int64_t horizon_us, int64_t interval_us)
{
    int64_t latest_us = now_us + horizon_us + interval_us;
    return tat_us < latest_us ? tat_us : latest_us;
}

int64_t pacing_refund_us(int64_t tat_us, int64_t now_us, int64_t interval_us)
{
    return tat_us != PACING_NO_TAT && tat_us > now_us ? tat_us - interval_us : tat_us;
}
