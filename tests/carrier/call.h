/* SPDX-License-Identifier: Apache-2.0
 *
 * One call of the carrier: what was asked for, what fate holds, how far it has come. Knows no provider's API: a front
 * such as retell.c reads requests into orders and shows calls in its vendor's words.
 *
 *     QUEUED -> RINGING -> TALKING -> ENDED -> ANALYZED
 *        `---------`--------------------^
 */
#ifndef CARILLON_CARRIER_CALL_H
#define CARILLON_CARRIER_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/carrier/fate.h"
#include "tests/carrier/numbers.h"

#define CALL_ID_CAP 40
#define CALL_FROM_CAP 33 /* a caller id need not be E.164 where the request says so */

enum call_phase {
    CALL_QUEUED, /* accepted, and no telephone rings yet */
    CALL_RINGING,
    CALL_TALKING, /* picked up, by a person or a machine */
    CALL_ENDED, /* hung up; what was said is being looked at */
    CALL_ANALYZED, /* nothing more will happen */
};

enum call_end {
    CALL_END_NONE, /* it has not ended */
    CALL_END_CALLEE_HUNG_UP,
    CALL_END_AGENT_HUNG_UP,
    CALL_END_MAX_DURATION,
    CALL_END_STOPPED, /* by a request of the API */
    CALL_END_BUSY,
    CALL_END_NO_ANSWER,
    CALL_END_FAILED,
    CALL_END_VOICEMAIL,
    CALL_END_BLOCKED,
    CALL_END_INVALID_NUMBER,
    CALL_END_CONCURRENCY, /* accepted, and turned away before anything rang: too many calls at once */
};

/* Which steps of a call its callbacks tell of. */
#define CALL_STEP_INITIATED 1u
#define CALL_STEP_RINGING 2u
#define CALL_STEP_ANSWERED 4u
#define CALL_STEP_COMPLETED 8u

/* Whether somebody listens for an answering machine, and until when. */
enum call_detection {
    CALL_DETECTION_NONE,
    CALL_DETECTION_START, /* until it is told from a person */
    CALL_DETECTION_MESSAGE_END, /* until its greeting is over */
};

/* What was asked for. Texts are owned, by whoever holds the order, and NULL where absent. */
struct call_order {
    char from[CALL_FROM_CAP];
    char to[NUMBERS_E164_CAP];
    char *agent_id;
    char *agent_tag; /* an agent's version may be asked for by tag */
    int64_t agent_version;
    int64_t ring_ms; /* how long to let it ring */
    int64_t max_talk_ms;
    char *callback_url; /* in place of the account's */
    bool callback_by_get; /* by GET, not POST */
    unsigned callback_steps; /* CALL_STEP_*, where an API lets its clients choose */
    enum call_detection detection;
    char *detection_url; /* where to tell what it heard; NULL: nowhere */
    char *token; /* what the log calls the call by */
    char *metadata; /* JSON, as are the next two */
    char *variables;
    char *sip_headers;
};

struct answer;

struct call {
    char id[CALL_ID_CAP];
    struct call_order order;

    uint64_t dial; /* which call placed to order.to this is, from 1 */
    int64_t queue_ms; /* how long it waits before it rings */
    unsigned faults;
    enum fate fate;
    bool agent_hangs_up;
    bool is_turned_away; /* nothing will ever ring (CALL_END_CONCURRENCY) */

    enum call_phase phase;
    enum call_end end;
    int64_t accepted_ms; /* wall clock, as the next three; 0 where that never happened */
    int64_t rang_ms;
    int64_t answered_ms;
    int64_t ended_ms;

    /* The exchange's: where the call's next deadline stands in its heap. */
    size_t deadline_place;
    /* The create request's answer that waits for the call to end, or NULL (answer.h). */
    struct answer *waiting;
    /* The front's: callbacks sent so far. */
    unsigned callbacks;

    /* The table's (calls.h). */
    unsigned holds;
    size_t bytes;
    struct call *older;
    struct call *newer;
    struct call *older_of_token;
    struct call *newer_of_token;
};

/* Frees the texts; the order is as if it were new. */
void call_order_clear(struct call_order *order);
/* The bytes that its texts take. */
size_t call_order_bytes(const struct call_order *order);

/* The only writer of call->phase. A step that the picture above does not have is a bug, and aborts. */
void call_set_phase(struct call *call, enum call_phase to);
/* True where the platform knows nothing of it any more (the fault forget). */
bool call_is_forgotten(const struct call *call);
/* True once somebody or something has picked up. */
bool call_was_connected(const struct call *call);
/* How long they talked; 0 where nobody picked up or the call has not ended. */
int64_t call_talk_ms(const struct call *call);
/* The outcome as it came to be, which a stop request or the maximum duration may have changed: "completed", "busy",
 * ..., "stopped" where it was stopped before anybody picked up, "concurrency". Of a call that has ended. */
const char *call_outcome_name(const struct call *call);

#endif
