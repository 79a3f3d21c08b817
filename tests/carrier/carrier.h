/* SPDX-License-Identifier: Apache-2.0
 *
 * The carrier behind its APIs: decides what becomes of a request for a call, keeps the calls, and writes the witness's
 * lines. A front speaks one vendor's API over it.
 */
#ifndef CARILLON_CARRIER_CARRIER_H
#define CARILLON_CARRIER_CARRIER_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/loop/loop.h"
#include "tests/carrier/calls.h"
#include "tests/carrier/exchange.h"
#include "tests/carrier/fate.h"
#include "tests/carrier/fault.h"
#include "tests/carrier/witness.h"

struct carrier;

struct carrier_config {
    struct fate_plan fates;
    struct fault_plan faults;
    struct exchange_timing timing;
    const struct exchange_listener *listener; /* the front; told after the witness */
    void *listener_arg;
    struct witness *witness; /* NULL: none; borrowed, as is the listener */
};

int carrier_create(struct loop *loop, const struct carrier_config *config, struct carrier **ret_carrier) MUST_CHECK;
/* Accepts NULL. */
void carrier_free(struct carrier *c);

/* Who asks, and when. */
struct carrier_request {
    int64_t started_us; /* clock_wall_us() at its beginning */
    int placed_status; /* how the front will answer each verdict */
    int throttled_status;
    int unavailable_status;
};

enum carrier_verdict {
    CARRIER_PLACED,
    CARRIER_THROTTLED, /* by a fault; nothing was placed */
    CARRIER_UNAVAILABLE, /* the same; or the carrier can remember no more calls or numbers */
};

/* A well-formed request for a call. Placed: `ret_call` rings, has its faults, and has taken over the order's texts.
 * Otherwise the order is the caller's. */
enum carrier_verdict carrier_place(struct carrier *c, const struct carrier_request *request, struct call_order *order,
                                   struct call **ret_call);

/* A request for a call that the front refuses by itself. `to` may be NULL. */
void carrier_refuse(struct carrier *c, int64_t started_us, const char *to, int status, const char *why);

/* Hangs up. ERR_STATE for a call that is over. */
int carrier_stop(struct carrier *c, struct call *call) MUST_CHECK;

const struct calls *carrier_calls(const struct carrier *c);
/* Calls that ring or talk now. */
size_t carrier_open_calls(const struct carrier *c);

#endif
