/* SPDX-License-Identifier: Apache-2.0
 *
 * When a batch may call: a time of day, on some days of the week, in one zone, but for closed dates. The window is open
 * whenever the zone's clocks show a time inside it, and only then. So what clocks skip is never open: a window that
 * would open inside of a gap opens at the first instant after it, one that would close there closes at it. Times that
 * clocks show twice are inside or outside both times: a window that opens at one of them opens at the earlier, and
 * where clocks fall back behind the opening it is closed until they show it again.
 *
 * Pure: the clock is an argument. Instants are Unix ms, stretches half-open.
 */
#ifndef CARILLON_DOMAIN_CALLING_WINDOW_H
#define CARILLON_DOMAIN_CALLING_WINDOW_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/domain/faults.h"

#define CALLING_WINDOW_DAYS 7
#define CALLING_WINDOW_EVERY_DAY 0x7fu
/* Room for what calling_window_publish() writes: two instants, a dash and a space each. */
#define CALLING_WINDOW_HOURS_LEN (LIMIT_WINDOW_HOURS * 42)

/* A plain value. */
struct calling_window {
    char timezone[LIMIT_TIMEZONE_LEN + 1];
    int32_t start_min; /* minutes after midnight, 0 to 1439 */
    int32_t end_min; /* 1 to 1440, or 0; not after start_min: on the day after the one it started on */
    uint8_t days; /* bit 0: Monday ... bit 6: Sunday; the days on which it starts */
    size_t n_closed;
    int32_t closed[LIMIT_CLOSED_DATES]; /* days since 1970-01-01 on which it does not start, ascending */
};

struct calling_hours {
    int64_t open_ms;
    int64_t close_ms;
};

/* ---- as JSON: {"start":"09:00","end":"17:00","days":["mon",..],"timezone":"..","closedDates":["2026-12-25",..]} ----
 */

/* Reads `json` into `ret`. Faults and warnings go under `path`; both lists may be NULL. `zone` is the zone where it
 * names none itself. ERR_INVALID, with `ret` as it was, where a fault was found. */
int calling_window_read(const cJSON *json, const char *path, const char *zone, struct calling_window *ret,
                        struct faults *faults, struct faults *warnings) MUST_CHECK;
/* Adds it under `key`, every member filled in. ERR_NOMEM. */
int calling_window_add_json(const struct calling_window *w, cJSON *object, const char *key) MUST_CHECK;

/* ---- in time ---- */

/* The stretches of [from_ms, until_ms) in which it is open, in order, none touching the next; at most `max`. They are
 * all there are before `ret_known_ms`, which is `until_ms`, or earlier where `max` were found or LIMIT_WINDOW_SEARCH_MS
 * was walked through. ERR_INVALID for a zone that this machine does not know. */
int calling_window_hours(const struct calling_window *w, int64_t from_ms, int64_t until_ms, struct calling_hours *ret,
                         size_t max, size_t *ret_n, int64_t *ret_known_ms) MUST_CHECK;

/* The first of them, however far off. ERR_NOT_FOUND where there is none; ERR_INVALID as above. */
int calling_window_next(const struct calling_window *w, int64_t from_ms, int64_t until_ms,
                        struct calling_hours *ret) MUST_CHECK;

/* The same as the scripts take it: "<open>-<close> <open>-<close>", at most LIMIT_WINDOW_HOURS of them. */
int calling_window_publish(const struct calling_window *w, int64_t from_ms, int64_t until_ms,
                           char ret_hours[CALLING_WINDOW_HOURS_LEN + 1], int64_t *ret_known_ms) MUST_CHECK;

#endif
