/* SPDX-License-Identifier: Apache-2.0
 *
 * What is shown of a batch while it is watched: read from the API's status, written as text for a terminal of any width
 * or as a plain line. Pure.
 */
#ifndef CARILLON_PRODUCER_CLI_PROGRESS_H
#define CARILLON_PRODUCER_CLI_PROGRESS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

#define PROGRESS_TEXT_MOST 2048 /* bytes of any text that is rendered */

/* Texts are borrowed from the answer. Counts lie within 0 and 10^15. */
struct progress {
    const char *status;
    const char *reason; /* of a pause or a failure; "" for none */
    const cJSON *outcomes; /* name -> how many contacts ended so; may be NULL */
    int64_t total;
    int64_t processed;
    int64_t succeeded;
    int64_t ongoing; /* on the line, or waiting for their summary */
    int64_t attempts;
    int64_t remaining_s; /* -1 where nobody can tell */
    int64_t elapsed_s;
    int64_t starts_in_s; /* of a scheduled batch; -1 for any other */
    double rate; /* calls a second */
    double limit;
};

/* Reads the API's status of a batch at `now_ms`. ERR_PROTOCOL where it is none. */
int progress_read(const cJSON *status, int64_t now_ms, struct progress *ret_progress) MUST_CHECK;

bool progress_has_ended(const struct progress *p);
bool progress_is_completed(const struct progress *p);

/* Two lines for a terminal, a bar with rate against limit and ETA, then the outcomes; each at most `width` columns, as
 * ASCII, without line ends. What does not fit is left out, the least telling first. */
int progress_render_bar(const struct progress *p, size_t width, struct buf *out) MUST_CHECK;
int progress_render_outcomes(const struct progress *p, size_t width, struct buf *out) MUST_CHECK;
/* All of it in one line. */
int progress_render_line(const struct progress *p, struct buf *out) MUST_CHECK;
/* The line at the end: how long it took, what came of it. */
int progress_render_end(const struct progress *p, struct buf *out) MUST_CHECK;

#endif
