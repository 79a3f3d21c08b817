/* SPDX-License-Identifier: Apache-2.0
 *
 * The faults that the carrier plays, each at a rate of its own, which may change while it runs (control.h). Whether one
 * strikes is a pure function of the seed, the number, and which create request for that number it is:
 * draw_fraction("fault.<name>", ..) below the rate. A request that is refused and asked again is another request, so a
 * fault that refuses does not stick to a number.
 *
 * Several may strike one request. The first of unavailable, throttle, concurrency and no_credits decides whether a call
 * is placed; where one is, the first of reset, hang, error and garbage how it is answered, or else callback_early, or
 * else slow. `unplaced` alone does nothing: with reset, hang, error or garbage no call was placed either, so that a
 * client learns from neither that nor the other.
 */
#ifndef CARILLON_CARRIER_FAULT_H
#define CARILLON_CARRIER_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

enum fault {
    FAULT_THROTTLE, /* 429 with Retry-After: 1; nothing is placed */
    FAULT_UNAVAILABLE, /* 503; nothing is placed */
    FAULT_RESET, /* the call is placed, the connection is reset instead of an answer */
    FAULT_CALLBACK_EARLY, /* the callback of the call's end has been delivered before the 201 is sent */
    FAULT_CALLBACK_TWICE, /* every callback of the call is delivered, then delivered again */
    FAULT_CALLBACK_NEVER, /* no callback of the call is ever sent */
    FAULT_HANG, /* the call is placed, and the request is never answered */
    FAULT_SLOW, /* the call is placed, the answer comes late */
    FAULT_ERROR, /* the call is placed, the answer is 500 */
    FAULT_GARBAGE, /* the call is placed, the answer is 201 and tells nothing */
    FAULT_UNPLACED, /* see above */
    FAULT_CONCURRENCY, /* too many calls at once: refused, or accepted and ended at once, as the API has it */
    FAULT_NO_CREDITS, /* the account's money has run out; nothing is placed */
    FAULT_SUMMARY_LATE, /* the analysis of the call comes late */
    FAULT_SUMMARY_NEVER, /* there is none */
    FAULT_FORGET, /* the call is placed and its answer given; from then on the platform knows nothing of it */
};
#define FAULT_KINDS 16

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

/* Takes "NAME=RATE,NAME=RATE,..." as all the rates there are, in place of those of `plan`; an empty text is no faults.
 * Errors as fault_plan_add(), and ERR_TOO_LARGE; then `plan` is as it was. */
int fault_plan_replace(struct fault_plan *plan, const char *text, size_t len, const char **ret_why) MUST_CHECK;

/* The set of faults that strike the create request `request` (counted from 1 for each number). */
int fault_draw(const struct fault_plan *plan, const char *number, uint64_t request, unsigned *ret_set) MUST_CHECK;

static inline bool fault_is_in(unsigned set, enum fault fault)
{
    return set & FAULT_BIT(fault);
}

/* True where the answer tells nothing of a call that may have been placed: reset, hang, error, garbage. */
bool fault_loses_answer(unsigned set);

#endif
