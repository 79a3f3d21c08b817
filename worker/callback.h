/* SPDX-License-Identifier: Apache-2.0
 *
 * What platforms tell us: POST /callbacks/<profile>[/<token>]. A callback is believed about the dial whose token it
 * carries, once the token's MAC and the platform's own signature hold; where the platform signs nothing, it only says
 * that there is something to ask for, and what the platform answers is believed. It is answered 200 when Redis has it,
 * so that a platform which retries loses nothing.
 */
#ifndef CARILLON_WORKER_CALLBACK_H
#define CARILLON_WORKER_CALLBACK_H

#include "common/base/err.h"
#include "worker/worker.h"

struct callbacks;

/* Adds the routes to the process's HTTP server. */
int callbacks_create(struct worker *worker, struct callbacks **ret_callbacks) MUST_CHECK;
/* After the server and the connection were freed. Accepts NULL. */
void callbacks_free(struct callbacks *callbacks);

#endif
