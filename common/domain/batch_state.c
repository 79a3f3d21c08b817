/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/batch_state.h"

#include <string.h>

static const struct batch_transition TRANSITIONS[] = {
    {BATCH_STATE_INGESTING, BATCH_EVENT_DRAFT, BATCH_STATE_DRAFT},
    {BATCH_STATE_INGESTING, BATCH_EVENT_SEAL_FUTURE, BATCH_STATE_SCHEDULED},
    {BATCH_STATE_INGESTING, BATCH_EVENT_SEAL, BATCH_STATE_PENDING},
    {BATCH_STATE_DRAFT, BATCH_EVENT_SEAL_FUTURE, BATCH_STATE_SCHEDULED},
    {BATCH_STATE_DRAFT, BATCH_EVENT_SEAL, BATCH_STATE_PENDING},
    {BATCH_STATE_SCHEDULED, BATCH_EVENT_START, BATCH_STATE_PENDING},
    {BATCH_STATE_PENDING, BATCH_EVENT_BEGIN, BATCH_STATE_PROCESSING},
    {BATCH_STATE_PENDING, BATCH_EVENT_FINISH, BATCH_STATE_COMPLETED}, /* every contact withheld */
    {BATCH_STATE_PROCESSING, BATCH_EVENT_FINISH, BATCH_STATE_COMPLETED},
    {BATCH_STATE_PAUSED, BATCH_EVENT_FINISH, BATCH_STATE_COMPLETED}, /* its last calls were under way */
    {BATCH_STATE_SCHEDULED, BATCH_EVENT_PAUSE, BATCH_STATE_PAUSED},
    {BATCH_STATE_PENDING, BATCH_EVENT_PAUSE, BATCH_STATE_PAUSED},
    {BATCH_STATE_PROCESSING, BATCH_EVENT_PAUSE, BATCH_STATE_PAUSED},
    {BATCH_STATE_PAUSED, BATCH_EVENT_RESUME_FUTURE, BATCH_STATE_SCHEDULED},
    {BATCH_STATE_PAUSED, BATCH_EVENT_RESUME, BATCH_STATE_PENDING},
    {BATCH_STATE_PAUSED, BATCH_EVENT_RESUME_STARTED, BATCH_STATE_PROCESSING},
    {BATCH_STATE_DRAFT, BATCH_EVENT_CANCEL, BATCH_STATE_CANCELLING},
    {BATCH_STATE_INGESTING, BATCH_EVENT_CANCEL, BATCH_STATE_CANCELLING},
    {BATCH_STATE_SCHEDULED, BATCH_EVENT_CANCEL, BATCH_STATE_CANCELLING},
    {BATCH_STATE_PENDING, BATCH_EVENT_CANCEL, BATCH_STATE_CANCELLING},
    {BATCH_STATE_PROCESSING, BATCH_EVENT_CANCEL, BATCH_STATE_CANCELLING},
    {BATCH_STATE_PAUSED, BATCH_EVENT_CANCEL, BATCH_STATE_CANCELLING},
    {BATCH_STATE_CANCELLING, BATCH_EVENT_FINISH, BATCH_STATE_CANCELLED},
    {BATCH_STATE_DRAFT, BATCH_EVENT_FAIL, BATCH_STATE_FAILED},
    {BATCH_STATE_INGESTING, BATCH_EVENT_FAIL, BATCH_STATE_FAILED},
    {BATCH_STATE_SCHEDULED, BATCH_EVENT_FAIL, BATCH_STATE_FAILED},
    {BATCH_STATE_PENDING, BATCH_EVENT_FAIL, BATCH_STATE_FAILED},
    {BATCH_STATE_PROCESSING, BATCH_EVENT_FAIL, BATCH_STATE_FAILED},
    {BATCH_STATE_PAUSED, BATCH_EVENT_FAIL, BATCH_STATE_FAILED},
    {BATCH_STATE_CANCELLING, BATCH_EVENT_FAIL, BATCH_STATE_FAILED},
};
#define TRANSITION_COUNT (sizeof TRANSITIONS / sizeof TRANSITIONS[0])

struct words {
    const char *name;
    const char *meaning;
};

static const struct words STATES[BATCH_STATE_COUNT] = {
    [BATCH_STATE_DRAFT] = {"draft", "filled in pieces; never dials before it is started"},
    [BATCH_STATE_INGESTING] = {"ingesting", "its contacts are being written; nothing dials"},
    [BATCH_STATE_SCHEDULED] = {"scheduled", "complete; its start lies ahead"},
    [BATCH_STATE_PENDING] = {"pending", "started; nothing begun yet"},
    [BATCH_STATE_PROCESSING] = {"processing", "at least one call was begun"},
    [BATCH_STATE_PAUSED] = {"paused", "nothing new begins until it is resumed; has a reason"},
    [BATCH_STATE_CANCELLING] = {"cancelling", "nothing new begins; calls under way come to their end"},
    [BATCH_STATE_COMPLETED] = {"completed", "every contact has a final outcome"},
    [BATCH_STATE_CANCELLED] = {"cancelled", "cancelled, and nothing is under way any more"},
    [BATCH_STATE_FAILED] = {"failed", "can never run"},
};

static const struct words EVENTS[BATCH_EVENT_COUNT] = {
    [BATCH_EVENT_DRAFT] = {"draft", "a creation that is to be filled in pieces is written as far as it goes"},
    [BATCH_EVENT_SEAL] = {"seal", "all contacts are in, or a draft is started: it may dial"},
    [BATCH_EVENT_SEAL_FUTURE] = {"seal_future", "the same, and its start lies ahead"},
    [BATCH_EVENT_START] = {"start", "the scheduled start has come"},
    [BATCH_EVENT_BEGIN] = {"begin", "a first call was begun"},
    [BATCH_EVENT_FINISH] = {"finish", "every contact has a final outcome"},
    [BATCH_EVENT_PAUSE] = {"pause", "by its tenant, for want of credits, or to keep a bad batch from doing harm"},
    [BATCH_EVENT_RESUME] = {"resume", "back; nothing was begun before the pause"},
    [BATCH_EVENT_RESUME_FUTURE] = {"resume_future", "back; its start still lies ahead"},
    [BATCH_EVENT_RESUME_STARTED] = {"resume_started", "back; calls were begun before the pause"},
    [BATCH_EVENT_CANCEL] = {"cancel", "by its tenant"},
    [BATCH_EVENT_FAIL] = {"fail", "it turned out that it can never run"},
};

const struct batch_transition *batch_transitions(size_t *ret_n)
{
    *ret_n = TRANSITION_COUNT;
    return TRANSITIONS;
}

int batch_state_after(enum batch_state from, enum batch_event event, enum batch_state *ret_to)
{
    for (size_t i = 0; i < TRANSITION_COUNT; i++) {
        if (TRANSITIONS[i].from == from && TRANSITIONS[i].event == event) {
            *ret_to = TRANSITIONS[i].to;
            return 0;
        }
    }
    return ERR_STATE;
}

bool batch_state_is_end(enum batch_state state)
{
    return state == BATCH_STATE_COMPLETED || state == BATCH_STATE_CANCELLED || state == BATCH_STATE_FAILED;
}

const char *batch_state_name(enum batch_state state)
{
    return STATES[state].name;
}

int batch_state_from_name(const char *name, size_t len, enum batch_state *ret_state)
{
    for (size_t i = 0; i < BATCH_STATE_COUNT; i++) {
        if (strlen(STATES[i].name) == len && memcmp(STATES[i].name, name, len) == 0) {
            *ret_state = (enum batch_state)i;
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

const char *batch_event_name(enum batch_event event)
{
    return EVENTS[event].name;
}

const char *batch_state_meaning(enum batch_state state)
{
    return STATES[state].meaning;
}

const char *batch_event_meaning(enum batch_event event)
{
    return EVENTS[event].meaning;
}
