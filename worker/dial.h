/* SPDX-License-Identifier: Apache-2.0
 *
 * One dial on its way through a worker, from the claim's answer until Redis knows what became of the request. Its state
 * changes through dial_set_state() alone, along the table in dial.c.
 */
#ifndef CARILLON_WORKER_DIAL_H
#define CARILLON_WORKER_DIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/domain/contact.h"
#include "worker/settings.h"

struct dispatch;

enum dial_state {
    DIAL_LOADING, /* its batch's settings, or metadata kept elsewhere, are being read, or its platform is asked whether
                     it was placed already (doubt.h); its slot may come meanwhile */
    DIAL_WAITING, /* for its slot */
    DIAL_BEGINNING, /* the intent is on its way to Redis */
    DIAL_REPLICATING, /* the intent is on its way to Redis's replicas (replicas.h) */
    DIAL_BEGUN, /* waits for the instant that the begin reserved */
    DIAL_SENDING, /* the create request is being made, or out */
    DIAL_TELLING, /* what became of it is on its way to Redis */
    DIAL_RELEASING, /* given back unbegun */
    DIAL_OVER, /* nothing is left to do: freed */
};
#define DIAL_STATE_COUNT 9

/* What the platform was asked of a call in doubt. */
struct doubt_state {
    uint32_t first; /* of the dial numbers that may have been used; 0: the call is in no doubt */
    uint32_t asked; /* how many of them were looked up; without a token, how many tails were asked about */
    uint32_t found; /* the last that the platform has, */
    unsigned n_found;
    int64_t found_ms; /* when the platform made it; -1: not known */
    int64_t tail_from_ms; /* what Redis lost was written from then */
    int64_t tail_ms; /* until then (Redis's clock) */
    int64_t earlier_ms[LIMIT_DOUBT_EARLIER]; /* from when on what it lost before was written, oldest first */
    size_t n_earlier;
    int64_t again_ms; /* a look proved nothing: when the next may; 0: each did */
    char provider_id[LIMIT_PROVIDER_ID_LEN + 1]; /* of `found` */
};

struct dial {
    struct dispatch *dispatch;
    struct dial *next, *previous; /* among all of its dispatch */
    struct dial *next_awaiting; /* among those whose begins replicas are asked for */
    enum dial_state state;
    char batch_id[LIMIT_BATCH_ID_LEN + 1];
    uint64_t ordinal;
    uint32_t number; /* this dial, per contact */
    int32_t attempts; /* charged before it; from its begin on, with it */
    int credit_s; /* from its begin on: how long its tenant's credit lets it talk; INT_MAX where that has no limit */
    struct doubt_state doubt;
    int64_t slot_us; /* monotonic */
    int64_t asked_us; /* monotonic: when the begin was asked for */
    int64_t begin_us; /* monotonic; from its begin on: the instant that was reserved, at the latest that it can be */
    int64_t send_by_us; /* monotonic; from its begin on: the request is made by then or not at all */
    size_t place; /* in the dispatch's timetable */
    unsigned n_loading; /* readings under way */
    int load_err; /* the first that failed */
    unsigned n_newer; /* how often newer settings were asked for, because those known lacked columns of its */
    bool is_torn; /* what is kept of its contact cannot be read, by anybody */
    struct contact contact;
    const struct batch_settings *batch; /* a reference; NULL while loading */
};

/* Makes a dial in DIAL_LOADING from one call of a claim's answer. ERR_INVALID where the record or an id is malformed.
 */
int dial_create(struct dispatch *dispatch, const char *batch_id, size_t batch_len, uint64_t ordinal, uint32_t number,
                int64_t slot_us, const void *record, size_t record_len, bool *ret_metadata_elsewhere,
                struct dial **ret_dial) MUST_CHECK;
/* From any state. Accepts NULL. */
void dial_free(struct dial *dial);

/* Aborts the process on a transition that the table does not know: that is a bug, and going on could dial twice. */
void dial_set_state(struct dial *dial, enum dial_state to);
const char *dial_state_name(enum dial_state state);
/* For the test of the table. */
bool dial_state_may(enum dial_state from, enum dial_state to);

#endif
