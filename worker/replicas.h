/* SPDX-License-Identifier: Apache-2.0
 *
 * With --redis-wait-replicas nothing is sent to a platform before so many replicas of Redis have its begin: what a
 * failover forgets holds no dial then (docs/failure-model.md). WAIT asks them, over the connection that wrote the
 * begins, once for all that were answered in a turn of the loop. Redis takes no further command from that connection
 * until WAIT is answered.
 *
 * Where they are too few, nothing is claimed and nothing begins until they are there: the question alone goes on, every
 * REPLICAS_AGAIN_MS.
 */
#ifndef CARILLON_WORKER_REPLICAS_H
#define CARILLON_WORKER_REPLICAS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "worker/dial.h"
#include "worker/worker.h"

#define REPLICAS_AGAIN_MS 500

struct replicas;

struct replicas_owner {
    /* NULL: enough replicas have its begin. Otherwise it is not to be sent, for that reason: "replicas", or
     * "redis_away" where nothing was heard of them. */
    void (*on_answer)(struct dial *dial, const char *why_not);
    /* There are enough (again): there may be work. */
    void (*on_enough)(struct worker *worker);
};

/* `wanted` 0: nobody is asked, and none of the below does anything. `wait_ms`: how long they have. `owner` is copied.
 */
int replicas_create(struct worker *worker, int64_t wanted, int64_t wait_ms, const struct replicas_owner *owner,
                    struct replicas **ret_replicas) MUST_CHECK;
/* After the connection was freed. Accepts NULL. */
void replicas_free(struct replicas *r);

/* Redis is ready (again): asks how many there are. */
void replicas_on_ready(struct replicas *r);
/* True where a begin must be known to replicas before its request is sent. */
bool replicas_are_wanted(const struct replicas *r);
/* True where claims and begins make sense: nobody is wanted, or enough were there when last asked. */
bool replicas_permit(const struct replicas *r);
/* The dial's begin has just been answered: asks at the end of this turn. Its owner is answered in any case, and leaves
 * the dial alone until then. */
void replicas_await(struct replicas *r, struct dial *dial);
/* False, with a reason appended, where too few were there when last asked. */
bool replicas_are_enough(const struct replicas *r, struct buf *why);

#endif
