/* SPDX-License-Identifier: Apache-2.0
 *
 * What can hold a batch back, as data: a code, the level of the chain from trunk to call where it lies, how it ends,
 * and words that an operator can pass on. batch_why.lua finds the reasons that hold now; here it is judged which one
 * counts.
 */
#ifndef CARILLON_DOMAIN_WHY_H
#define CARILLON_DOMAIN_WHY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum why_level { WHY_LEVEL_CELL, WHY_LEVEL_TRUNK, WHY_LEVEL_TENANT, WHY_LEVEL_FLOW, WHY_LEVEL_BATCH, WHY_LEVEL_CALLS };
#define WHY_LEVEL_COUNT 6

/* How a reason ends: the order in which reasons count, the heaviest first. */
enum why_end {
    WHY_END_OVER, /* there is nothing to hold back any more */
    WHY_END_SOMEBODY, /* somebody must do something; time alone changes nothing */
    WHY_END_TIME, /* at a known instant; the latest one counts */
    WHY_END_ROOM, /* when a call under way ends */
    WHY_END_TURN, /* when its turn comes */
    WHY_END_PACE, /* with the next free place of a rate: calls are being placed */
    WHY_END_PROGRESS, /* nothing is left to dial; calls under way come to their end */
};

struct why_row {
    const char *code; /* "TRUNK_STOPPED": stable, given by the API */
    enum why_level level;
    enum why_end end;
    const char *until; /* "an operator starts it": what ends it; NULL: an instant, or it is over */
    const char *message; /* a sentence with {count}, {of}, {until}, {latest} and {why} (" (word)") in it */
};

/* A reason that was found; a plain value. Instants are Unix ms, 0 where there is none; counts -1. */
struct why_reason {
    const struct why_row *row;
    bool holds; /* it alone keeps the batch from its next call, or from its end */
    int64_t until_ms; /* time alone changes it then */
    int64_t next_ms; /* when the engine looks again */
    int64_t latest_ms; /* it is over then */
    int64_t count;
    int64_t of;
    const char *word; /* borrowed; "" for none */
};

/* The table, in the order of the chain. */
const struct why_row *why_rows(size_t *ret_n);
/* ERR_NOT_FOUND for a code that is none. */
int why_row_of(const char *code, size_t len, const struct why_row **ret_row) MUST_CHECK;
const char *why_level_name(enum why_level level);

/* The one that counts: of those that hold, the heaviest by its end; among instants the latest, otherwise the first of
 * the chain. Where none holds, calls are being placed: the row RUNNING, made from nothing. */
struct why_reason why_verdict(const struct why_reason *reasons, size_t n);

/* Appends the reason's sentence. ERR_NOMEM. */
int why_write(const struct why_reason *reason, struct buf *out) MUST_CHECK;

#endif
