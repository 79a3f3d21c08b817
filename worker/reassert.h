/* SPDX-License-Identifier: Apache-2.0
 *
 * What this worker has begun lately in one cell, so that it can tell Redis again: a Redis that was killed may have
 * forgotten its last second, but the telephones ring all the same (cell_reassert.lua). A bounded memory, filled by
 * begins and accepts; it holds nothing that Redis would not hold too if it had not died.
 */
#ifndef CARILLON_WORKER_REASSERT_H
#define CARILLON_WORKER_REASSERT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"
#include "worker/outbox.h"
#include "worker/settle.h"
#include "worker/worker.h"

struct reassert;

/* A dial that was begun. A plain value; instants are monotonic. */
struct begun_dial {
    char batch_id[LIMIT_BATCH_ID_LEN + 1];
    uint64_t ordinal;
    uint32_t number;
    int32_t attempt; /* which of the contact's it is, from 1 */
    uint64_t phone;
    int64_t begin_us;
    int64_t answer_by_us; /* its create request has ended by then */
    int64_t life_ms; /* from its begin to its hard deadline */
    uint64_t caller; /* the number it is called from, where its platform keeps no token; 0 elsewhere */
    char provider_id[LIMIT_PROVIDER_ID_LEN + 1]; /* "": not accepted yet */
};

int reassert_create(struct worker_cell *cell, struct reassert **ret_reassert) MUST_CHECK;
/* After the connection was freed; nothing is called back. Accepts NULL. */
void reassert_free(struct reassert *r);

/* Remembers a begin (copied) for as long as its call may be on the line; the oldest of LIMIT_RECENT_DIALS goes first.
 */
void reassert_note_begun(struct reassert *r, const struct begun_dial *dial);
/* The platform took it and gave it that id; it may wait there for `queue_ms`. */
void reassert_note_accepted(struct reassert *r, const struct settle_dial *dial, const char *provider_id,
                            int64_t queue_ms);
/* It was surely not placed: nothing to tell. */
void reassert_forget(struct reassert *r, const struct settle_dial *dial);

/* The cell was closed: tells all that is remembered. */
void reassert_all(struct reassert *r);
/* Tells one dial that was found at the platform. ERR_NOMEM. */
int reassert_tell(struct reassert *r, const struct begun_dial *dial, outbox_fn fn, void *arg) MUST_CHECK;

/* Redis is ready again: what waits is sent. */
void reassert_flush(struct reassert *r);
/* Nothing waits for an answer. */
bool reassert_is_idle(const struct reassert *r);

#endif
