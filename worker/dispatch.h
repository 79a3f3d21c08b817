/* SPDX-License-Identifier: Apache-2.0
 *
 * Claims calls of one cell and places each at its slot: claim -> (slot) -> begin -> (reserved instant) -> POST ->
 * accept. Driven by deadlines: the next claim when a claim's answer says that one is worth while, begins by the slots.
 * What is due in one turn of the loop goes to Redis in one script call.
 */
#ifndef CARILLON_WORKER_DISPATCH_H
#define CARILLON_WORKER_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "worker/worker.h"

struct dispatch;
struct doubt;
struct place;

/* `cell` is borrowed; its settings, settle and reap must exist when the first claim is answered. */
int dispatch_create(struct worker_cell *cell, struct dispatch **ret_dispatch) MUST_CHECK;
/* After the connection was freed. Forgets every dial: leases and checks settle them. Accepts NULL. */
void dispatch_free(struct dispatch *d);

/* Redis is ready (again): what waits is sent, and calls are claimed. */
void dispatch_on_ready(struct dispatch *d);
/* There may be work now. */
void dispatch_wake(struct dispatch *d);
/* There will be work at `at_ms` (Redis's clock): makes the next claim come in time. */
void dispatch_expect(struct dispatch *d, int64_t at_ms);
/* The pulse of an otherwise idle worker: claims, unless a claim was made since the last pulse. True where it did. */
bool dispatch_pulse(struct dispatch *d);

/* Claims nothing more and gives back what is not begun; dispatch_is_idle() turns true when requests in flight are done.
 */
void dispatch_drain(struct dispatch *d);
bool dispatch_is_idle(const struct dispatch *d);
/* Where its dials are placed, and where those in doubt are settled before. */
struct place *dispatch_place(const struct dispatch *d);
struct doubt *dispatch_doubt(const struct dispatch *d);
/* Monotonic instant of the last answered claim; 0: none yet. */
int64_t dispatch_last_claim_us(const struct dispatch *d);
/* How long what was due first had waited when the last claim came to it. */
int64_t dispatch_lag_us(const struct dispatch *d);
/* Adds its dials to the counts of their states. */
void dispatch_count_phases(const struct dispatch *d, size_t ret_counts[DIAL_STATE_COUNT]);

#endif
