/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/call_state.h"

#include <string.h>

static const struct call_transition TRANSITIONS[] = {
    {CALL_STATE_DUE, CALL_EVENT_CLAIM, CALL_STATE_CLAIMED},
    {CALL_STATE_CLAIMED, CALL_EVENT_RELEASE, CALL_STATE_DUE},
    {CALL_STATE_CLAIMED, CALL_EVENT_BEGIN, CALL_STATE_LIVE},
    {CALL_STATE_CLAIMED, CALL_EVENT_FINISH, CALL_STATE_FINAL}, /* its number is on a do-not-call list */
    {CALL_STATE_LIVE, CALL_EVENT_HANGUP, CALL_STATE_ENDED},
    {CALL_STATE_LIVE, CALL_EVENT_FINISH, CALL_STATE_FINAL},
    {CALL_STATE_LIVE, CALL_EVENT_RETRY, CALL_STATE_DUE},
    {CALL_STATE_LIVE, CALL_EVENT_GIVEBACK, CALL_STATE_DUE},
    {CALL_STATE_ENDED, CALL_EVENT_FINISH, CALL_STATE_FINAL},
    {CALL_STATE_ENDED, CALL_EVENT_RETRY, CALL_STATE_DUE},
    {CALL_STATE_DUE, CALL_EVENT_FINISH, CALL_STATE_FINAL}, /* swept by a cancel, or settled by a late truth */
    {CALL_STATE_DUE, CALL_EVENT_REASSERT, CALL_STATE_LIVE},
    {CALL_STATE_CLAIMED, CALL_EVENT_REASSERT, CALL_STATE_LIVE},
    {CALL_STATE_LIVE, CALL_EVENT_REASSERT, CALL_STATE_LIVE}, /* of an older dial, the end of which was forgotten */
    {CALL_STATE_ENDED, CALL_EVENT_REASSERT, CALL_STATE_LIVE},
};
#define TRANSITION_COUNT (sizeof TRANSITIONS / sizeof TRANSITIONS[0])

struct words {
    const char *name;
    const char *meaning;
};

static const struct words STATES[CALL_STATE_COUNT] = {
    [CALL_STATE_DUE] = {"due", "waits for its turn, or for the time of its next attempt"},
    [CALL_STATE_CLAIMED] = {"claimed", "a worker holds it with a slot; nothing was sent; safe to hand out again"},
    [CALL_STATE_LIVE] = {"live", "begun: the provider may have been asked; never safe to repeat"},
    [CALL_STATE_ENDED] = {"ended", "hung up; number and concurrency are free; waits for its summary"},
    [CALL_STATE_FINAL] = {"final", "has its last outcome"},
};

static const struct words EVENTS[CALL_EVENT_COUNT] = {
    [CALL_EVENT_CLAIM] = {"claim", "its lane's turn came and a slot was given"},
    [CALL_EVENT_RELEASE] = {"release", "not begun after all: late, number busy, worker draining, or the lease ran out"},
    [CALL_EVENT_BEGIN] = {"begin", "the intent is written and the attempt charged, before the request leaves"},
    [CALL_EVENT_GIVEBACK] = {"giveback", "throttled, not sent, or proven absent: the attempt is not charged"},
    [CALL_EVENT_HANGUP] = {"hangup", "the call is over and its summary may follow"},
    [CALL_EVENT_RETRY] = {"retry", "the attempt has its outcome and another one follows"},
    [CALL_EVENT_FINISH] = {"finish", "the outcome is final"},
    [CALL_EVENT_REASSERT] = {"reassert",
                             "Redis lost its last second, and a worker or the platform knows of a later dial"},
};

const struct call_transition *call_transitions(size_t *ret_n)
{
    *ret_n = TRANSITION_COUNT;
    return TRANSITIONS;
}

int call_state_after(enum call_state from, enum call_event event, enum call_state *ret_to)
{
    for (size_t i = 0; i < TRANSITION_COUNT; i++) {
        if (TRANSITIONS[i].from == from && TRANSITIONS[i].event == event) {
            *ret_to = TRANSITIONS[i].to;
            return 0;
        }
    }
    return ERR_STATE;
}

const char *call_state_name(enum call_state state)
{
    return STATES[state].name;
}

int call_state_from_name(const char *name, size_t len, enum call_state *ret_state)
{
    for (size_t i = 0; i < CALL_STATE_COUNT; i++) {
        if (strlen(STATES[i].name) == len && memcmp(STATES[i].name, name, len) == 0) {
            *ret_state = (enum call_state)i;
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

const char *call_event_name(enum call_event event)
{
    return EVENTS[event].name;
}

const char *call_state_meaning(enum call_state state)
{
    return STATES[state].meaning;
}

const char *call_event_meaning(enum call_event event)
{
    return EVENTS[event].meaning;
}

enum call_status call_state_status(enum call_state state, bool has_attempt, enum outcome last)
{
    switch (state) {
    case CALL_STATE_DUE:
    case CALL_STATE_CLAIMED:
        return has_attempt ? outcome_row(last)->status : CALL_STATUS_SCHEDULED;
    case CALL_STATE_LIVE:
    case CALL_STATE_ENDED:
        return CALL_STATUS_ONGOING;
    case CALL_STATE_FINAL:
        break;
    }
    return outcome_row(last)->status;
}
