/* SPDX-License-Identifier: Apache-2.0
 *
 * The faults that the carrier plays, each at a rate of its own. Whether one strikes is a pure function of the seed, the
 * number, and which create request for that number it is: draw_fraction("fault.<name>", ..) below the rate. A request
 * that is refused and asked again is another request, so a fault that refuses does not stick to a number.
 */
#ifndef CARILLON_CARRIER_FAULT_H
#define CARILLON_CARRIER_FAULT_H

#include <stdint.h>

#include "common/base/err.h"

enum fault {
    FAULT_THROTTLE, /* 429 with Retry-After: 1; nothing is placed */
    FAULT_UNAVAILABLE, /* 503; nothing is placed */
    FAULT_RESET, /* the call is placed, the connection is reset instead of an answer */
    FAULT_CALLBACK_EARLY, /* call_ended has been delivered before the 201 is sent */
    FAULT_CALLBACK_TWICE, /* every callback of the call is delivered, then delivered again */
    FAULT_CALLBACK_NEVER, /* no callback of the call is ever sent */
};
#define FAULT_KINDS 6

/* A set of faults. */
#define FAULT_BIT(fault) (1u << (fault))

struct fault_plan {
    uint64_t seed;
    double rates[FAULT_KINDS]; /* 0 to 1 */
};

/* "throttle", ... */
const char *fault_name(enum fault fault);

/* Takes one "NAME=RATE" into `plan`. ERR_NOT_FOUND for an unknown name, ERR_EXISTS for one that has a rate already,
 * ERR_INVALID or ERR_RANGE for a rate that is not a number from 0 to 1; `ret_why` (a static text) then says so. */
int fault_plan_add(struct fault_plan *plan, const char *text, const char **ret_why) MUST_CHECK;

/* The set of faults that strike the create request `request` (counted from 1 for each number). */
int fault_draw(const struct fault_plan *plan, const char *number, uint64_t request, unsigned *ret_set) MUST_CHECK;

#endif
