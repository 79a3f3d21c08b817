/* SPDX-License-Identifier: Apache-2.0
 *
 * The answer to a create request, given as the request's faults have it: at once, late, after the callback of the
 * call's end, with a 500, with garbage, by a reset, or never.
 */
#ifndef CARILLON_CARRIER_ANSWER_H
#define CARILLON_CARRIER_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/http/server.h"
#include "common/loop/loop.h"
#include "tests/carrier/carrier.h"

struct answer;

/* How a front answers. Borrowed for the front's life. */
struct answer_style {
    struct loop *loop;
    int64_t slow_ms;
    int placed_status;
    struct answer *hanging; /* those that will never be given */
    bool is_ending; /* none hangs any more */
    /* The call as the API shows it to whoever has just created it. */
    void (*give_call)(struct http_request *req, const struct call *call, void *arg);
    /* The API's words for a status of 500. */
    void (*give_error)(struct http_request *req, void *arg);
    void *arg;
};

/* Answers a request of the verdict CARRIER_PLACED or CARRIER_LOST, now or later. `tells_end`: a callback will tell of
 * the call's end, and answer_release() will be called behind it. */
void answer_give(struct answer_style *style, struct http_request *req, const struct carrier_answer *content,
                 bool tells_end);

/* The first try to deliver the callback of the call's end is over, or there will be none. */
void answer_release(struct call *call);

/* Resets the connections of all that hang, and of all that would from now on: the process is about to end. */
void answer_end_hanging(struct answer_style *style);

/* The route's on_gone. */
void answer_gone(struct http_request *req, void *arg);

#endif
