/* SPDX-License-Identifier: Apache-2.0
 *
 * Calling windows whose published hours run out: the next ones are reckoned here and published (batch_hours.lua). Any
 * worker may do it, at any time, more than once.
 */
#ifndef CARILLON_WORKER_HOURS_H
#define CARILLON_WORKER_HOURS_H

#include "common/redis/reply.h"
#include "worker/worker.h"

/* Publishes more for each {batch, window, expiry ms or ""} that a worker_tick handed out. What cannot be done now is
 * handed out again, to this worker or another. `cell` must outlive the connection. */
void hours_publish(struct worker_cell *cell, const struct redisReply *wanted);

#endif
