/* SPDX-License-Identifier: Apache-2.0
 *
 * Pacing arithmetic (GCRA by theoretical arrival time, TAT), in integer microseconds: the exact mirror of what
 * call_claim does in Lua, so that it can be tested and simulated here. TAT is the first instant at which the resource
 * (batch, tenant, trunk) permits its next begin.
 */
#ifndef CARILLON_DOMAIN_PACING_H
#define CARILLON_DOMAIN_PACING_H

#include <stdint.h>

/* The interval is half a percent wider than 1/N, so that clocks and networks between us and the provider cannot squeeze
 * an N+1st begin into a second. */
#define PACING_WIDENED_SECOND_US INT64_C(1005000)

/* Microseconds between two begins at `per_second` (at least 1): ceil(1e6 * 1.005 / N). */
int64_t pacing_interval_us(int32_t per_second);

/* TAT after a slot was given. A resource that shares its grid with a faster one is served late by up to an interval and
 * would lose that much of its rate each time; hence the credit: max(tat, slot - I) + I. A first slot has none: slot +
 * I. */
int64_t pacing_charge_us(int64_t tat_us, int64_t slot_us, int64_t interval_us);
int64_t pacing_charge_first_us(int64_t slot_us, int64_t interval_us);
/* TAT of a resource that wakes from idleness: idleness earns nothing, so never before now. */
int64_t pacing_wake_us(int64_t tat_us, int64_t now_us);
/* TAT after a clock may have stepped back: never more than now + horizon + I ahead. */
int64_t pacing_clamp_us(int64_t tat_us, int64_t now_us, int64_t horizon_us, int64_t interval_us);

#endif
