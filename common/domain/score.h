/* SPDX-License-Identifier: Apache-2.0
 *
 * The order of a flow's eligible lanes: higher priority first, then the earlier start. One number, exact in a double
 * (below 2^53), because a Redis sorted set keeps scores as doubles.
 */
#ifndef CARILLON_DOMAIN_SCORE_H
#define CARILLON_DOMAIN_SCORE_H

#include <stdint.h>

#define SCORE_PRIORITY_MIN 1
#define SCORE_PRIORITY_MAX 10
#define SCORE_PRIORITY_STEP (INT64_C(1) << 43) /* milliseconds; beyond every start that is taken (year 2248) */

/* (10 - priority) * 2^43 + start_ms; both are brought into their ranges first. */
int64_t score_ready(int32_t priority, int64_t start_ms);

#endif
