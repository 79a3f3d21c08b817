/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls that the receiver of bench_http.py was told to place: when each request came, and what the platform would
 * say of it. Numbered from 0 in the order in which they came.
 */
#ifndef CARILLON_BENCH_CALLS_H
#define CARILLON_BENCH_CALLS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

struct calls;

int calls_create(struct calls **ret_calls) MUST_CHECK;
/* Accepts NULL. */
void calls_free(struct calls *c);

/* Takes note of a request for a call that came now; `metadata` is the JSON object that came with it. */
int calls_add(struct calls *c, const char *metadata, size_t len, size_t *ret_number) MUST_CHECK;
size_t calls_count(const struct calls *c);

enum call_phase { CALL_REGISTERED, CALL_ONGOING, CALL_ENDED, CALL_ANALYZED };

/* Adds Retell's object of the call, as of that phase, to `out`. ERR_NOT_FOUND where no such call was placed. */
int calls_show(const struct calls *c, size_t number, enum call_phase phase, struct buf *out) MUST_CHECK;
/* The number of "call_0000000012". ERR_NOT_FOUND for anything else. */
int calls_find(const struct calls *c, const char *id, size_t len, size_t *ret_number) MUST_CHECK;

/* How long it took from the first tenth of the calls to the last tenth of them, 0 where they are too few. */
int64_t calls_middle_us(const struct calls *c);

#endif
