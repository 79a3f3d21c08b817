/* SPDX-License-Identifier: Apache-2.0
 *
 * Places dials: the intent to Redis, the request to the platform, and what became of it back to Redis. The steps of one
 * dial, without the question of when: that is dispatch.c.
 */
#ifndef CARILLON_WORKER_PLACE_H
#define CARILLON_WORKER_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "worker/dial.h"
#include "worker/settle.h"
#include "worker/worker.h"

struct place;

/* What the owner of the dials is told. Neither is called from inside the call of place_* that leads to it, but for a
 * dial that turns out to be over at once. */
struct place_owner {
    /* The dial was begun, and replicas have it where they must: place_send() is to be called at `at_us` (monotonic). */
    void (*on_begun)(struct dial *dial, int64_t at_us, void *arg);
    /* Nothing is left to do. */
    void (*on_over)(struct dial *dial, void *arg);
    void *arg;
};

/* `owner` is copied. */
int place_create(struct worker_cell *cell, const struct place_owner *owner, struct place **ret_place) MUST_CHECK;
/* After the connection was freed. Accepts NULL. */
void place_free(struct place *p);

/* WAITING: writes the intent. Redis may refuse it (paused, late, ...): then the dial is over. */
void place_begin(struct place *p, struct dial *dial);
/* WAITING: gives the call back, nothing charged. */
void place_release(struct place *p, struct dial *dial);
/* A claimed call that nothing can be made of: it is tried once more, and in the end its contact is given up. why: a
 * word. Where this cannot be told, the lease gives it back. */
void place_strike(struct place *p, const struct settle_dial *dial, const char *why);
/* BEGUN: sends the create request. Where its instant lies more than LIMIT_SLOT_LATE_MS back, or Redis is away, nothing
 * is sent and the dial is taken back. */
void place_send(struct place *p, struct dial *dial);

/* The platform keeps no token of ours: a call that was lost there is looked up by number. */
bool place_is_by_number(const struct batch_settings *batch);
/* The number that the contact is called from, on such a platform; 0 elsewhere. */
uint64_t place_caller(const struct batch_settings *batch, uint64_t ordinal);
/* From a begin to its hard deadline: the create request, ringing and talk at their longest, and a margin. */
int64_t place_life_ms(const struct batch_settings *batch);
/* How far apart two lookups that find nothing must lie to prove that there is no call: as the trunk says, otherwise a
 * minute, and longer than a telephone may ring, because a platform may list a call only once it has begun. */
int64_t place_absent_after_ms(const struct batch_settings *batch);

/* REPLICATING: what Redis's replicas said of its begin (replicas_owner). */
void place_replicated(struct dial *dial, const char *why_not);

/* Redis is ready again: what waits is sent. */
void place_flush(struct place *p);

#endif
