/* SPDX-License-Identifier: Apache-2.0
 *
 * What the receiver of bench_http.py tells the worker of its calls: signed callbacks as Retell sends them, over a few
 * connections that are kept.
 */
#ifndef CARILLON_BENCH_CALLBACKS_H
#define CARILLON_BENCH_CALLBACKS_H

#include <event2/event.h>

#include "common/base/err.h"
#include "tests/bench/receiver/calls.h"

struct callbacks;

struct callbacks_config {
    const char *url; /* http://127.0.0.1:port/path */
    const char *key; /* signs */
    int64_t wait_ms; /* from the answer to the first, and from each to the next */
    bool tells_all; /* of the begin and the end too, not only of the analysis */
};

/* Borrows all. ERR_INVALID for another URL than that. */
int callbacks_create(struct event_base *base, const struct callbacks_config *config, const struct calls *calls,
                     struct callbacks **ret_callbacks) MUST_CHECK;
/* Accepts NULL. */
void callbacks_free(struct callbacks *c);
/* The call was placed: what is to be told of it will be. ERR_NOMEM. */
int callbacks_begin(struct callbacks *c, size_t number) MUST_CHECK;

#endif
