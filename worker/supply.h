/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether slots are handed out far enough ahead. Any worker's claim hands out what the whole cell may start in the next
 * LIMIT_HORIZON_MS, so in a fleet most of the workers that come back for more would find nothing left, and a script
 * that finds nothing costs Redis a tenth of a millisecond. Each therefore looks first, by one cheap command, how far
 * the first trunk's slots are handed out, and claims only where that is less than half of the horizon.
 */
#ifndef CARILLON_WORKER_SUPPLY_H
#define CARILLON_WORKER_SUPPLY_H

#include <stdint.h>

#include "common/base/err.h"
#include "worker/worker.h"

struct supply;

/* `on_low`: little is handed out ahead, or nobody could say: a claim is worth while. `cell` is borrowed. */
int supply_create(struct worker_cell *cell, void (*on_low)(void *arg), void *arg,
                  struct supply **ret_supply) MUST_CHECK;
/* After the connection was freed. Accepts NULL. */
void supply_free(struct supply *s);

/* There is or will be something to claim at `at_us` (monotonic): looks in time, each worker at its own. */
void supply_expect(struct supply *s, int64_t at_us);

#endif
