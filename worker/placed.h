/* SPDX-License-Identifier: Apache-2.0
 *
 * Which of a platform's calls to a number are whose. A platform that keeps no token of ours lists calls by number and
 * time; this tells which of them belong to other dials, and whether any other dial could have a claim on the rest
 * (docs/decisions/0007-whose-call-is-it.md).
 */
#ifndef CARILLON_WORKER_PLACED_H
#define CARILLON_WORKER_PLACED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "worker/settle.h"
#include "worker/worker.h"

/* Borrowed for the callback. */
struct placed {
    bool is_complete; /* the dial itself is recorded, and so are all others that could be mistaken for it */
    bool is_contested; /* another dial, begun within the span, whose call is not known either */
    const char *const *ids; /* the platform's ids of the other dials' calls */
    size_t n_ids;
};

/* `placed` is NULL where `err` is not 0: the connection's errors, ERR_INVALID for what makes no sense, ERR_TOO_LARGE.
 */
typedef void (*placed_fn)(const struct placed *placed, int err, void *arg);

struct placed_question {
    uint64_t number;
    struct settle_dial dial; /* its batch id is borrowed until `fn` is called */
    int64_t span_ms; /* provider_profile_lookup_span_ms() */
    placed_fn fn;
    void *arg;
};

/* `question` is borrowed until its `fn` is called, which is never from inside. Where an error is returned, it is not.
 */
int placed_read(struct worker_cell *cell, const struct placed_question *question) MUST_CHECK;

#endif
