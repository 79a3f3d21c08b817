/* SPDX-License-Identifier: Apache-2.0
 *
 * The carrier's log, which the tests judge by: a file, one JSON object a line, appended and in the kernel's hands
 * before the next thing happens. Every line has
 *
 *     "t"   the instant in Unix milliseconds      "us"  the same in microseconds
 *     "ev"  create | placed | refused | ended | callback
 *
 * and where they are known "to", "id" (of the call) and "token". Beside those
 *
 *     create    "t" is when the request began to arrive; "n": which dial of this number it is, or would have been;
 *               "request": which create request for this number; "status": the answer's, 0 for none; "from"; "faults"
 *     placed    a telephone rings: "n"
 *     refused   none does: "status", "why"
 *     ended     "n", "outcome", "talk_ms"
 *     callback  one delivery: "event", "status" (0: no answer), "try" from 1, "copy" from 1
 */
#ifndef CARILLON_CARRIER_WITNESS_H
#define CARILLON_CARRIER_WITNESS_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "common/base/err.h"
#include "tests/carrier/call.h"

struct witness;

/* The file takes no more (ERR_IO), or a line could not be built (ERR_NOMEM): from now on the log lies. */
typedef void (*witness_lost_fn)(int err, void *arg);

/* Opens `path` for appending. ERR_IO with errno. */
int witness_open(const char *path, witness_lost_fn on_lost, void *arg, struct witness **ret_witness) MUST_CHECK;
/* Accepts NULL. */
void witness_close(struct witness *w);

/* A line to be filled with json_add_*(): `at_us` as clock_wall_us() gives it. NULL where memory ran out. */
cJSON *witness_line(int64_t at_us, const char *event, const char *to, const char *id, const char *token);
/* The same for a call that has been placed. */
cJSON *witness_line_of_call(int64_t at_us, const char *event, const struct call *call);

/* Writes the line and frees it. A `w` of NULL only frees. */
void witness_take(struct witness *w, cJSON *line);

#endif
