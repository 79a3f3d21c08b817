/* SPDX-License-Identifier: Apache-2.0
 *
 * The heartbeat of a worker in a cell: it says that it is there, and does its share of what time alone brings about
 * there (worker_tick).
 */
#ifndef CARILLON_WORKER_TICK_H
#define CARILLON_WORKER_TICK_H

#include "common/base/err.h"
#include "worker/worker.h"

struct tick;

/* `cell` is borrowed; its reap and dispatch must exist when the first tick is answered. */
int tick_create(struct worker_cell *cell, struct tick **ret_tick) MUST_CHECK;
/* After the connection was freed. Accepts NULL. */
void tick_free(struct tick *t);

/* Redis is ready again. */
void tick_on_ready(struct tick *t);
/* The worker's pulse: a tick, where there was none for a second. */
void tick_pulse(struct tick *t);

#endif
