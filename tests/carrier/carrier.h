/* SPDX-License-Identifier: Apache-2.0
 *
 * An account at the carrier, behind its API: decides what becomes of a request for a call, keeps the calls, and writes
 * the witness's lines. A front speaks one vendor's API over it. All accounts share one world: the same telephones,
 * fates and faults.
 */
#ifndef CARILLON_CARRIER_CARRIER_H
#define CARILLON_CARRIER_CARRIER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/loop/loop.h"
#include "tests/carrier/calls.h"
#include "tests/carrier/exchange.h"
#include "tests/carrier/fate.h"
#include "tests/carrier/fault.h"
#include "tests/carrier/numbers.h"
#include "tests/carrier/witness.h"

struct carrier;

/* What all accounts share. */
struct carrier_world {
    struct fate_plan fates;
    struct fault_plan faults;
    struct exchange_timing timing;
    int64_t slow_ms; /* how late an answer with the fault slow comes */
    struct numbers *numbers; /* borrowed, as is the witness */
    struct witness *witness; /* NULL: none */
};

struct carrier_config {
    const struct carrier_world *world; /* borrowed for the carrier's life, as is the listener */
    const struct exchange_listener *listener; /* the front; told after the witness */
    void *listener_arg;
    calls_id_fn make_id;
    int64_t interval_us; /* the least time between two calls that begin to ring; the later one waits. 0: none */
    bool turns_away; /* the fault concurrency: true accepts the call and ends it, false refuses the request */
};

int carrier_create(struct loop *loop, const struct carrier_config *config, struct carrier **ret_carrier) MUST_CHECK;
/* Accepts NULL. */
void carrier_free(struct carrier *c);

enum carrier_verdict {
    CARRIER_PLACED,
    CARRIER_THROTTLED, /* by a fault, as the next two; nothing was placed */
    CARRIER_CONCURRENCY,
    CARRIER_NO_CREDITS,
    CARRIER_UNAVAILABLE, /* the same; or the carrier can remember no more calls or numbers */
    CARRIER_LOST, /* nothing was placed, and the answer must not say so: unplaced and fault_loses_answer() */
};
#define CARRIER_VERDICTS 6

/* Who asks, and when. */
struct carrier_request {
    int64_t started_us; /* clock_wall_us() at its beginning */
    const int *statuses; /* how the front answers each verdict; that of CARRIER_LOST is not read */
};

struct carrier_answer {
    enum carrier_verdict verdict;
    struct call *call; /* CARRIER_PLACED */
    unsigned faults; /* that strike this request */
    uint64_t chance; /* a number drawn for this request, for whatever the answer leaves open */
};

/* A well-formed request for a call. Placed: the call rings or waits, and has taken over the order's texts. Otherwise
 * the order is the caller's. */
struct carrier_answer carrier_place(struct carrier *c, const struct carrier_request *request, struct call_order *order);

/* A request for a call that the front refuses by itself. `to` may be NULL. */
void carrier_refuse(struct carrier *c, int64_t started_us, const char *to, int status, const char *why);

/* Hangs up. ERR_STATE for a call that is over. */
int carrier_stop(struct carrier *c, struct call *call) MUST_CHECK;

const struct calls *carrier_calls(const struct carrier *c);
/* Calls that wait, ring or talk now. */
size_t carrier_open_calls(const struct carrier *c);

#endif
