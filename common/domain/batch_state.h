/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a batch is on its way. The scripts in common/lua are what changes it; this is the same table for C, compared
 * with theirs by a test and printed as docs/states.md.
 */
#ifndef CARILLON_DOMAIN_BATCH_STATE_H
#define CARILLON_DOMAIN_BATCH_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

enum batch_state {
    BATCH_STATE_DRAFT, /* filled in pieces; never dials before it is started */
    BATCH_STATE_INGESTING, /* its contacts are being written; nothing dials */
    BATCH_STATE_SCHEDULED, /* complete; its start lies ahead */
    BATCH_STATE_PENDING, /* started; nothing begun yet */
    BATCH_STATE_PROCESSING, /* at least one call was begun */
    BATCH_STATE_PAUSED, /* with a reason: user, credits, poison */
    BATCH_STATE_CANCELLING, /* nothing new begins; calls under way come to their end */
    BATCH_STATE_COMPLETED,
    BATCH_STATE_CANCELLED,
    BATCH_STATE_FAILED, /* can never run */
};
#define BATCH_STATE_COUNT 10

enum batch_event {
    BATCH_EVENT_DRAFT, /* a creation that is to be filled in pieces is written as far as it goes */
    BATCH_EVENT_SEAL, /* all contacts are in, or a draft is started: it may dial */
    BATCH_EVENT_SEAL_FUTURE, /* the same, and its start lies ahead */
    BATCH_EVENT_START, /* the scheduled start has come */
    BATCH_EVENT_BEGIN, /* a first call was begun */
    BATCH_EVENT_FINISH, /* every contact has a final outcome */
    BATCH_EVENT_PAUSE,
    BATCH_EVENT_RESUME, /* nothing was begun yet */
    BATCH_EVENT_RESUME_FUTURE, /* its start still lies ahead */
    BATCH_EVENT_RESUME_STARTED, /* calls were begun before the pause */
    BATCH_EVENT_CANCEL,
    BATCH_EVENT_FAIL,
};
#define BATCH_EVENT_COUNT 12

struct batch_transition {
    enum batch_state from;
    enum batch_event event;
    enum batch_state to;
};

/* Every permitted transition, for iteration. */
const struct batch_transition *batch_transitions(size_t *ret_n);
/* Where the event leads. ERR_STATE where the table does not permit it. */
int batch_state_after(enum batch_state from, enum batch_event event, enum batch_state *ret_to) MUST_CHECK;
bool batch_state_is_end(enum batch_state state);

const char *batch_state_name(enum batch_state state); /* "processing": persisted, and given by the API */
int batch_state_from_name(const char *name, size_t len, enum batch_state *ret_state) MUST_CHECK;
const char *batch_event_name(enum batch_event event);
/* What the value means, in a few words, for the generated page. */
const char *batch_state_meaning(enum batch_state state);
const char *batch_event_meaning(enum batch_event event);

#endif
