/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/schedule.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/limits.h"
#include "common/base/timestamp.h"
#include "common/domain/timezone.h"

#define PATH "options.scheduledStartTime"
#define MS_PER_S 1000
#define OFFSET_LEN 6 /* "+05:30" */

static void format_offset(int32_t offset_s, char ret[OFFSET_LEN + 1])
{
    int minutes = abs(offset_s) / 60;
    (void)snprintf(ret, OFFSET_LEN + 1, "%c%02d:%02d", offset_s < 0 ? '-' : '+', minutes / 60 % 100, minutes % 60);
}

/* The tenant wrote an offset and a zone: where the zone's clocks show another offset then, one of the two is a mistake,
 * and only the tenant knows which. */
static void warn_of_two_readings(const struct timestamp_parts *parts, const char *zone, int64_t start_ms,
                                 struct faults *warnings)
{
    int32_t zone_offset_s;
    int64_t other_ms;
    if (timezone_offset_at(zone, start_ms, &zone_offset_s) < 0 || zone_offset_s == parts->offset_s ||
        timezone_resolve_wall(zone, parts->wall_ms, &other_ms, NULL) < 0)
        return;
    char taken[TIMESTAMP_LEN + 1], other[TIMESTAMP_LEN + 1], offset[OFFSET_LEN + 1];
    timestamp_format(start_ms, taken);
    timestamp_format(other_ms, other);
    format_offset(parts->offset_s, offset);
    faults_add(warnings, PATH, WARNING_TWO_READINGS,
               "is taken with its own offset %s, as %s; read as a clock in %s it would be %s", offset, taken, zone,
               other);
}

static void warn_of_clock_change(enum timezone_reading reading, const char *zone, int64_t start_ms,
                                 struct faults *warnings)
{
    char taken[TIMESTAMP_LEN + 1];
    timestamp_format(start_ms, taken);
    switch (reading) {
    case TIMEZONE_READING_PLAIN:
        break;
    case TIMEZONE_READING_GAP:
        faults_add(warnings, PATH, WARNING_TWO_READINGS,
                   "never comes in %s, where clocks are put forward over it; the first instant after it, %s, is taken",
                   zone, taken);
        break;
    case TIMEZONE_READING_FOLD:
        faults_add(warnings, PATH, WARNING_TWO_READINGS,
                   "comes twice in %s, where clocks are put back over it; the earlier one, %s, is taken", zone, taken);
        break;
    }
}

int schedule_read_start(const char *text, size_t len, const char *zone, bool zone_given, int64_t now_ms,
                        int64_t *ret_start_ms, struct faults *faults, struct faults *warnings)
{
    struct timestamp_parts parts;
    if (timestamp_parse(text, len, &parts) < 0) {
        faults_add(faults, PATH, FAULT_TIME, "must be a date and time like 2025-11-16T09:00:00.000Z");
        return ERR_INVALID;
    }
    int64_t start_ms;
    enum timezone_reading reading = TIMEZONE_READING_PLAIN;
    if (parts.has_offset) {
        start_ms = parts.wall_ms - (int64_t)parts.offset_s * MS_PER_S;
    } else if (timezone_resolve_wall(zone, parts.wall_ms, &start_ms, &reading) < 0) {
        faults_add(faults, "options.timezone", FAULT_TIMEZONE, "must be an IANA time zone such as America/New_York");
        return ERR_INVALID;
    }
    if (start_ms <= now_ms) {
        faults_add(faults, PATH, FAULT_START_PAST, SCHEDULE_PAST_MESSAGE);
        return ERR_INVALID;
    }
    if (start_ms - now_ms > LIMIT_SCHEDULE_AHEAD_MS) {
        faults_add(faults, PATH, FAULT_RANGE, "must not lie more than ten years ahead");
        return ERR_INVALID;
    }
    if (parts.has_offset && zone_given)
        warn_of_two_readings(&parts, zone, start_ms, warnings);
    else
        warn_of_clock_change(reading, zone, start_ms, warnings);
    *ret_start_ms = start_ms;
    return 0;
}
