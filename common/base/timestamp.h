/* SPDX-License-Identifier: Apache-2.0
 *
 * RFC 3339 instants as the API writes and reads them: UTC with milliseconds out, any offset in. And RFC 2822 instants,
 * as some platforms write them.
 */
#ifndef CARILLON_BASE_TIMESTAMP_H
#define CARILLON_BASE_TIMESTAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define TIMESTAMP_LEN 24 /* 2025-11-16T09:00:00.000Z */

/* Writes "YYYY-MM-DDTHH:MM:SS.mmmZ" and a NUL. `ms` within years 1970 to 9999; outside it is clamped. */
void timestamp_format(int64_t ms, char ret[TIMESTAMP_LEN + 1]);

struct timestamp_parts {
    int64_t wall_ms; /* the written date and time read as if it were UTC */
    bool has_offset; /* "Z" or "+hh:mm" was given */
    int32_t offset_s; /* east of UTC; 0 without an offset */
};

/* Reads YYYY-MM-DDTHH:MM[:SS[.fraction]][Z|+hh:mm|-hh:mm] ("t" and a space are taken for "T", "z" for "Z"; a fraction
 * is cut to milliseconds; a leap second :60 is refused). Years 1970 to 9999. ERR_INVALID otherwise. Source: RFC 3339
 * section 5.6. */
int timestamp_parse(const char *text, size_t len, struct timestamp_parts *ret_parts) MUST_CHECK;

/* Reads "[Tue, ]18 Nov 2025 09:05:07 +0000": the form without comments, the zone as digits or "GMT", "UTC", "UT"; the
 * weekday is not held against the date, a leap second is refused. ERR_INVALID otherwise. Source: RFC 2822 section 3.3.
 */
int timestamp_parse_rfc2822(const char *text, size_t len, struct timestamp_parts *ret_parts) MUST_CHECK;

#endif
