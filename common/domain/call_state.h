/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a call is on its way. The scripts in common/lua are what changes it; this is the same table for C, compared
 * with theirs by a test and printed as docs/states.md.
 */
#ifndef CARILLON_DOMAIN_CALL_STATE_H
#define CARILLON_DOMAIN_CALL_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/domain/outcome.h"

enum call_state {
    CALL_STATE_DUE, /* waits: behind its lane's cursor's turn, or in the lane's retries */
    CALL_STATE_CLAIMED, /* handed to a worker with a slot; nothing was sent; safe to hand out again */
    CALL_STATE_LIVE, /* begun: the provider may have been asked; never safe to repeat */
    CALL_STATE_ENDED, /* hung up; waits for its summary */
    CALL_STATE_FINAL,
};
#define CALL_STATE_COUNT 5

enum call_event {
    CALL_EVENT_CLAIM, /* a slot was given */
    CALL_EVENT_RELEASE, /* not begun after all: late, number busy, draining, or the lease ran out */
    CALL_EVENT_BEGIN, /* the intent is written; the attempt is charged */
    CALL_EVENT_GIVEBACK, /* throttled, not sent, or proven absent: the attempt is not charged */
    CALL_EVENT_HANGUP, /* over; number and concurrency are free, the summary may follow */
    CALL_EVENT_RETRY, /* the attempt's outcome is known, another attempt follows */
    CALL_EVENT_FINISH, /* the outcome is final */
    CALL_EVENT_REASSERT, /* Redis forgot a dial that was begun, and is told of it again */
};
#define CALL_EVENT_COUNT 8

struct call_transition {
    enum call_state from;
    enum call_event event;
    enum call_state to;
};

/* Every permitted transition, for iteration. */
const struct call_transition *call_transitions(size_t *ret_n);
/* Where the event leads. ERR_STATE where the table does not permit it. */
int call_state_after(enum call_state from, enum call_event event, enum call_state *ret_to) MUST_CHECK;

const char *call_state_name(enum call_state state); /* "due": persisted */
int call_state_from_name(const char *name, size_t len, enum call_state *ret_state) MUST_CHECK;
const char *call_event_name(enum call_event event);
/* What the value means, in a few words, for the generated page. */
const char *call_state_meaning(enum call_state state);
const char *call_event_meaning(enum call_event event);

/* What the API calls a call: `has_attempt` where at least one attempt was charged, `last` being its outcome. */
enum call_status call_state_status(enum call_state state, bool has_attempt, enum outcome last);

#endif
