/* SPDX-License-Identifier: Apache-2.0
 *
 * When a delivery that failed is tried again: 5 s, 30 s, 2 min, 10 min, 30 min, 2 h, 5 h, 10 h, 12 h after one another
 * (ten attempts in about 30 hours), for events of a batch also 18 h and 24 h (twelve in about three days, since they
 * are few and say the most). Jitter makes it later, never earlier. Pure.
 */
#ifndef CARILLON_NOTIFIER_RETRY_H
#define CARILLON_NOTIFIER_RETRY_H

#include <stdbool.h>
#include <stdint.h>

/* Whether a delivery is tried soon after a failure, or only on the slow part of the ladder: where a fast retry cannot
 * help, such as a name that leads to an address we refuse. */
enum webhook_pace { WEBHOOK_PACE_NORMAL, WEBHOOK_PACE_SLOW };

/* Attempts that an event has in all. */
int32_t webhook_retry_attempts(bool is_call_event);

/* Ms from the end of failed attempt `attempt` (from 1) to the next; -1 where it was the last. `random` is uniform over
 * its range: the delay grows by up to a fifth, or by up to 2 s where that is more. */
int64_t webhook_retry_delay_ms(bool is_call_event, int32_t attempt, enum webhook_pace pace, uint32_t random);

#endif
