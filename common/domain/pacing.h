/* SPDX-License-Identifier: Apache-2.0
 *
 * Pacing arithmetic (GCRA by theoretical arrival time, TAT), in integer microseconds: the exact mirror of
 * common/lua/lib/pace.lua, so that it can be tested and simulated here. TAT is the first instant at which the resource
 * (batch, tenant, trunk) permits its next begin.
 */
#ifndef CARILLON_DOMAIN_PACING_H
#define CARILLON_DOMAIN_PACING_H

#include <stdint.h>

/* The interval is half a percent wider than 1/N, so that clocks and networks between us and the provider cannot squeeze
 * an N+1st begin into a second. */
#define PACING_WIDENED_SECOND_US INT64_C(1005000)

/* The TAT of a resource that never had a slot, or was idle: its next slot is a first one. */
#define PACING_NO_TAT INT64_C(-1)

/* Microseconds between two begins at `per_second` (at least 1): ceil(1e6 * 1.005 / N). */
int64_t pacing_interval_us(int32_t per_second);

/* TAT after a slot was given: max(TAT, slot - I) + I. A resource that shares its grid with a faster one is served late
 * by up to an interval and would lose that much of its rate each time; hence the credit of at most one interval for
 * lateness. A first slot has none: slot + I. */
int64_t pacing_next_us(int64_t tat_us, int64_t slot_us, int64_t interval_us);
/* TAT of a resource that could have gone at `at_us` but had nothing to do: idleness earns no credit, so after more than
 * an interval the next slot is a first one; within an interval it is lateness. */
int64_t pacing_wake_us(int64_t tat_us, int64_t at_us, int64_t interval_us);
/* TAT after a clock may have stepped back: never more than now + horizon + I ahead. */
int64_t pacing_clip_us(int64_t tat_us, int64_t now_us, int64_t horizon_us, int64_t interval_us);
/* TAT after a slot that was given is given back unused: an interval less, where it still lies ahead. */
int64_t pacing_refund_us(int64_t tat_us, int64_t now_us, int64_t interval_us);

#endif
