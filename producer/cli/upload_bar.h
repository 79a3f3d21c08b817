/* SPDX-License-Identifier: Apache-2.0
 *
 * How far an upload has come, as a line of text. Pure.
 */
#ifndef CARILLON_PRODUCER_CLI_UPLOAD_BAR_H
#define CARILLON_PRODUCER_CLI_UPLOAD_BAR_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

#define UPLOAD_BAR_MOST 512 /* bytes */

struct upload_progress {
    uint64_t bytes, total_bytes; /* of the file */
    uint64_t rows, rejected;
    int64_t elapsed_us;
};

/* A bar, rows, rows a second, the time that is left, rejected rows: at most `width` columns of ASCII. What does not fit
 * is left out from the end. */
int upload_bar_render(const struct upload_progress *p, size_t width, struct buf *out) MUST_CHECK;

#endif
