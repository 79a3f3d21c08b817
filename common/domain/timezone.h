/* SPDX-License-Identifier: Apache-2.0
 *
 * IANA time zones (GLib's GTimeZone over the system's tzdata). Nothing here reads or sets TZ.
 */
#ifndef CARILLON_DOMAIN_TIMEZONE_H
#define CARILLON_DOMAIN_TIMEZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

/* True for a name of the IANA database that this machine knows: "America/New_York", "UTC". False for offsets
 * ("+02:00"), POSIX rules ("EST5EDT4,M3..."), paths, and the database's own directories and files. */
bool timezone_is_valid(const char *name, size_t len);

/* A memory of the names that were found valid, for lists in which a few zones come again and again: loading one takes
 * some hundred microseconds. Bounded. */
struct timezone_memo;
/* NULL where memory ran out. */
struct timezone_memo *timezone_memo_create(void);
/* Accepts NULL. */
void timezone_memo_free(struct timezone_memo *memo);
bool timezone_memo_is_valid(struct timezone_memo *memo, const char *name, size_t len);

/* False on a machine without tzdata, where every zone but UTC would be refused: a reason not to start. */
bool timezone_has_data(void);

/* Seconds east of UTC in `name` at the instant `ms`. ERR_INVALID for an unknown zone. */
int timezone_offset_at(const char *name, int64_t ms, int32_t *ret_offset_s) MUST_CHECK;

enum timezone_reading {
    TIMEZONE_READING_PLAIN, /* the wall time happens once */
    TIMEZONE_READING_GAP, /* it never happens: the first instant after the gap is given */
    TIMEZONE_READING_FOLD, /* it happens twice: the earlier instant is given */
};

/* The instant at which a clock in `name` shows `wall_ms` (a date and time read as if it were UTC). ERR_INVALID for an
 * unknown zone. `ret_reading` may be NULL. */
int timezone_resolve_wall(const char *name, int64_t wall_ms, int64_t *ret_ms,
                          enum timezone_reading *ret_reading) MUST_CHECK;

/* ---- a zone held open, for walks over many days ---- */
struct timezone_rules;
/* ERR_INVALID for an unknown zone. */
int timezone_open(const char *name, struct timezone_rules **ret_rules) MUST_CHECK;
/* Accepts NULL. */
void timezone_close(struct timezone_rules *rules);
/* Seconds east of UTC at the instant `ms`. `ret_until_ms`: the first instant after it at which the zone may have
 * another offset, at most `limit_ms` (which lies after `ms`). */
int32_t timezone_stretch(const struct timezone_rules *rules, int64_t ms, int64_t limit_ms, int64_t *ret_until_ms);

#endif
