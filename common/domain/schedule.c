/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/schedule.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/limits.h"
#include "common/base/timestamp.h"
#include "common/domain/timezone.h"

#define MS_PER_S 1000
#define OFFSET_LEN 6 /* "+05:30" */

static void format_offset(int32_t offset_s, char ret[OFFSET_LEN + 1])
{
    int minutes = abs(offset_s) / 60;
    (void)snprintf(ret, OFFSET_LEN + 1, "%c%02d:%02d", offset_s < 0 ? '-' : '+', minutes / 60 % 100, minutes % 60);
}

/* The tenant wrote an offset and a zone: where the zone's clocks show another offset then, one of the two is a mistake,
 * and only the tenant knows which. */
static void warn_of_two_readings(const char *path, const struct timestamp_parts *parts, const char *zone,
                                 int64_t taken_ms, struct faults *warnings)
{
    int32_t zone_offset_s;
    int64_t other_ms;
    if (timezone_offset_at(zone, taken_ms, &zone_offset_s) < 0 || zone_offset_s == parts->offset_s ||
        timezone_resolve_wall(zone, parts->wall_ms, &other_ms, NULL) < 0)
        return;
    char taken[TIMESTAMP_LEN + 1], other[TIMESTAMP_LEN + 1], offset[OFFSET_LEN + 1];
    timestamp_format(taken_ms, taken);
    timestamp_format(other_ms, other);
    format_offset(parts->offset_s, offset);
    faults_add(warnings, path, WARNING_TWO_READINGS,
               "is taken with its own offset %s, as %s; read as a clock in %s it would be %s", offset, taken, zone,
               other);
}

static void warn_of_clock_change(const char *path, enum timezone_reading reading, const char *zone, int64_t taken_ms,
                                 struct faults *warnings)
{
    char taken[TIMESTAMP_LEN + 1];
    timestamp_format(taken_ms, taken);
    switch (reading) {
    case TIMEZONE_READING_PLAIN:
        break;
    case TIMEZONE_READING_GAP:
        faults_add(warnings, path, WARNING_TWO_READINGS,
                   "never comes in %s, where clocks are put forward over it; the first instant after it, %s, is taken",
                   zone, taken);
        break;
    case TIMEZONE_READING_FOLD:
        faults_add(warnings, path, WARNING_TWO_READINGS,
                   "comes twice in %s, where clocks are put back over it; the earlier one, %s, is taken", zone, taken);
        break;
    }
}

/* An instant in one of the options. */
struct instant {
    const char *path;
    const char *zone;
    bool zone_given;
    struct timestamp_parts parts;
    enum timezone_reading reading;
    int64_t ms;
};

/* The instant that the text names, whether it may be or not. */
static int read_instant(struct instant *at, const char *text, size_t len, struct faults *faults)
{
    if (timestamp_parse(text, len, &at->parts) < 0) {
        faults_add(faults, at->path, FAULT_TIME, "must be a date and time like 2025-11-16T09:00:00.000Z");
        return ERR_INVALID;
    }
    at->reading = TIMEZONE_READING_PLAIN;
    if (at->parts.has_offset) {
        at->ms = at->parts.wall_ms - (int64_t)at->parts.offset_s * MS_PER_S;
    } else if (timezone_resolve_wall(at->zone, at->parts.wall_ms, &at->ms, &at->reading) < 0) {
        faults_add(faults, "timezone", FAULT_TIMEZONE, "must be an IANA time zone such as America/New_York");
        return ERR_INVALID;
    }
    return 0;
}

static int check_distance(const struct instant *at, int64_t now_ms, struct faults *faults)
{
    if (at->ms - now_ms <= LIMIT_SCHEDULE_AHEAD_MS)
        return 0;
    faults_add(faults, at->path, FAULT_RANGE, "must not lie more than ten years ahead");
    return ERR_INVALID;
}

static void warn(const struct instant *at, struct faults *warnings)
{
    if (at->parts.has_offset && at->zone_given)
        warn_of_two_readings(at->path, &at->parts, at->zone, at->ms, warnings);
    else
        warn_of_clock_change(at->path, at->reading, at->zone, at->ms, warnings);
}

int schedule_read_start(const char *text, size_t len, const char *zone, bool zone_given, int64_t now_ms,
                        int64_t *ret_start_ms, struct faults *faults, struct faults *warnings)
{
    struct instant at = {.path = "scheduledStartTime", .zone = zone, .zone_given = zone_given};
    int err = read_instant(&at, text, len, faults);
    if (!err && at.ms <= now_ms) {
        faults_add(faults, at.path, FAULT_START_PAST, SCHEDULE_PAST_MESSAGE);
        return ERR_INVALID;
    }
    if (!err)
        err = check_distance(&at, now_ms, faults);
    if (err)
        return err;
    warn(&at, warnings);
    *ret_start_ms = at.ms;
    return 0;
}

int schedule_read_expiry(const char *text, size_t len, const char *zone, bool zone_given, int64_t now_ms,
                         int64_t start_ms, int64_t *ret_expires_ms, struct faults *faults, struct faults *warnings)
{
    struct instant at = {.path = "expiresAt", .zone = zone, .zone_given = zone_given};
    int err = read_instant(&at, text, len, faults);
    if (!err && at.ms <= start_ms) {
        faults_add(faults, at.path, FAULT_EXPIRY_EARLY, "must lie after the batch's start");
        return ERR_INVALID;
    }
    if (!err)
        err = check_distance(&at, now_ms, faults);
    if (err)
        return err;
    warn(&at, warnings);
    *ret_expires_ms = at.ms;
    return 0;
}
