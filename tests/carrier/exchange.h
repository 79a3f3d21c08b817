/* SPDX-License-Identifier: Apache-2.0
 *
 * The telephone exchange: lets placed calls ring, be answered, be talked on and end, each at its time, as their fate
 * has it. Whoever listens is told of each step from the loop.
 */
#ifndef CARILLON_CARRIER_EXCHANGE_H
#define CARILLON_CARRIER_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/loop/loop.h"
#include "tests/carrier/call.h"

struct exchange;

struct exchange_timing {
    int64_t
        ring_ms; /* from the first ring to the answer, the busy tone, the failure; no call rings longer than it asked */
    int64_t talk_ms; /* from the answer to the end; no call talks longer than it asked */
    int64_t analysis_ms; /* from the end until the call has been analyzed */
    int64_t late_analysis_ms; /* the same for a call with the fault summary_late */
};

/* Called from the loop, after the call has taken the step, or (on_ended) from inside exchange_stop(). */
struct exchange_listener {
    void (*on_ringing)(struct call *call, void *arg); /* a call that had to wait; not one that rang at once */
    void (*on_answered)(struct call *call, void *arg);
    void (*on_ended)(struct call *call, void *arg);
    void (*on_analyzed)(struct call *call, void *arg);
};

/* `listener` is borrowed for the exchange's life. `max_calls` bounds the calls under way. */
int exchange_create(struct loop *loop, const struct exchange_timing *timing, size_t max_calls,
                    const struct exchange_listener *listener, void *arg, struct exchange **ret_exchange) MUST_CHECK;
/* The calls are the caller's. Accepts NULL. */
void exchange_free(struct exchange *x);

/* Lets a new call (queued, with its fate) ring: at once where `queue_us` is 0, otherwise after that. One that is turned
 * away (call->is_turned_away) ends then instead. It is held (calls_hold()) until it is analyzed. ERR_NOMEM at the
 * bound. */
int exchange_place(struct exchange *x, struct call *call, int64_t queue_us) MUST_CHECK;
/* Hangs up a call that waits, rings or talks. ERR_STATE for one that is over. */
int exchange_stop(struct exchange *x, struct call *call) MUST_CHECK;

/* Calls that wait, ring or talk now. */
size_t exchange_open_calls(const struct exchange *x);

#endif
