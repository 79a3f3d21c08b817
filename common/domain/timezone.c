/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/timezone.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"

#define MS_PER_S 1000
/* Wider than the largest difference between a wall clock and UTC together with the widest gap (a day, in Samoa). */
#define WINDOW_S (INT64_C(72) * 3600)
#define MEMO_MAX 512

/* ---- names ---- */

/* Zones of the database with a digit in their name, outside Etc/. Every other name with a digit is a POSIX rule, which
 * GLib would take. */
static const char *const NAMES_WITH_DIGITS[] = {"EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT", "GMT0", "GMT+0", "GMT-0"};

static bool has_digit(const char *name)
{
    return strpbrk(name, "0123456789") != NULL;
}

/* Names in the database begin with a capital; its other files and directories ("right/", "posixrules", "leapseconds")
 * do not. "Factory" is what a machine without a zone has. */
static bool is_plausible(const char *name)
{
    if (name[0] < 'A' || name[0] > 'Z' || strcmp(name, "Factory") == 0 || strstr(name, "//"))
        return false;
    size_t len = strlen(name);
    if (strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") != len ||
        name[len - 1] == '/')
        return false;
    if (!has_digit(name) || g_str_has_prefix(name, "Etc/GMT"))
        return true;
    for (size_t i = 0; i < G_N_ELEMENTS(NAMES_WITH_DIGITS); i++) {
        if (strcmp(name, NAMES_WITH_DIGITS[i]) == 0)
            return true;
    }
    return false;
}

/* The zone, owned by the caller, or NULL. */
static GTimeZone *open_zone(const char *name)
{
    return is_plausible(name) ? g_time_zone_new_identifier(name) : NULL;
}

bool timezone_is_valid(const char *name, size_t len)
{
    char copy[LIMIT_TIMEZONE_LEN + 1];
    if (len == 0 || len >= sizeof copy || memchr(name, '\0', len))
        return false;
    memcpy(copy, name, len);
    copy[len] = '\0';
    GTimeZone *zone = open_zone(copy);
    if (!zone)
        return false;
    g_time_zone_unref(zone);
    return true;
}

bool timezone_has_data(void)
{
    static const char well_known[] = "Europe/London";
    return timezone_is_valid(well_known, sizeof well_known - 1);
}

/* ---- memory of names ---- */

struct timezone_memo {
    GHashTable *valid; /* set of names, owned */
};

struct timezone_memo *timezone_memo_create(void)
{
    struct timezone_memo *memo = malloc(sizeof *memo);
    if (memo)
        memo->valid = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return memo;
}

void timezone_memo_free(struct timezone_memo *memo)
{
    if (!memo)
        return;
    g_hash_table_destroy(memo->valid);
    free(memo);
}

bool timezone_memo_is_valid(struct timezone_memo *memo, const char *name, size_t len)
{
    char copy[LIMIT_TIMEZONE_LEN + 1];
    if (len == 0 || len >= sizeof copy || memchr(name, '\0', len))
        return false;
    memcpy(copy, name, len);
    copy[len] = '\0';
    if (g_hash_table_contains(memo->valid, copy))
        return true;
    if (!timezone_is_valid(copy, len))
        return false;
    if (g_hash_table_size(memo->valid) < MEMO_MAX)
        g_hash_table_add(memo->valid, g_strdup(copy));
    return true;
}

/* ---- instants ---- */

static int64_t floor_to_s(int64_t ms)
{
    return ms >= 0 ? ms / MS_PER_S : -((-ms + MS_PER_S - 1) / MS_PER_S);
}

static int32_t offset_in(GTimeZone *zone, int64_t instant_s)
{
    return g_time_zone_get_offset(zone, g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, instant_s));
}

int timezone_offset_at(const char *name, int64_t ms, int32_t *ret_offset_s)
{
    GTimeZone *zone = open_zone(name);
    if (!zone)
        return ERR_INVALID;
    *ret_offset_s = offset_in(zone, floor_to_s(ms));
    g_time_zone_unref(zone);
    return 0;
}

/* The instants of a wall time: each offset in force around it gives one, which counts if that offset holds there. */
struct instants {
    int64_t earliest_s;
    unsigned n;
};

static struct instants find_instants(GTimeZone *zone, int64_t wall_s)
{
    struct instants found = {0};
    gint first = g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, wall_s - WINDOW_S);
    gint last = g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, wall_s + WINDOW_S);
    for (gint i = first; i <= last; i++) {
        int64_t instant_s = wall_s - g_time_zone_get_offset(zone, i);
        if (g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, instant_s) != i)
            continue;
        if (found.n == 0 || instant_s < found.earliest_s)
            found.earliest_s = instant_s;
        found.n++;
    }
    return found;
}

/* The first instant whose wall clock is past a wall time that never comes: where the clock jumps. */
static int64_t end_of_gap(GTimeZone *zone, int64_t wall_s)
{
    int64_t before_s = wall_s - WINDOW_S, after_s = wall_s + WINDOW_S;
    while (after_s - before_s > 1) {
        int64_t middle_s = before_s + (after_s - before_s) / 2;
        if (middle_s + offset_in(zone, middle_s) > wall_s)
            after_s = middle_s;
        else
            before_s = middle_s;
    }
    return after_s;
}

int timezone_resolve_wall(const char *name, int64_t wall_ms, int64_t *ret_ms, enum timezone_reading *ret_reading)
{
    GTimeZone *zone = open_zone(name);
    if (!zone)
        return ERR_INVALID;
    int64_t wall_s = floor_to_s(wall_ms);
    struct instants found = find_instants(zone, wall_s);
    enum timezone_reading reading = TIMEZONE_READING_GAP;
    if (found.n == 0) {
        *ret_ms = end_of_gap(zone, wall_s) * MS_PER_S;
    } else {
        *ret_ms = found.earliest_s * MS_PER_S + (wall_ms - wall_s * MS_PER_S);
        reading = found.n > 1 ? TIMEZONE_READING_FOLD : TIMEZONE_READING_PLAIN;
    }
    if (ret_reading)
        *ret_reading = reading;
    g_time_zone_unref(zone);
    return 0;
}

/* ---- a zone held open: its GTimeZone under a name of ours ---- */

static GTimeZone *zone_of(const struct timezone_rules *rules)
{
    return (GTimeZone *)rules;
}

int timezone_open(const char *name, struct timezone_rules **ret_rules)
{
    GTimeZone *zone = open_zone(name);
    if (!zone)
        return ERR_INVALID;
    *ret_rules = (struct timezone_rules *)zone;
    return 0;
}

void timezone_close(struct timezone_rules *rules)
{
    if (rules)
        g_time_zone_unref(zone_of(rules));
}

static gint interval_at(const struct timezone_rules *rules, int64_t instant_s)
{
    return g_time_zone_find_interval(zone_of(rules), G_TIME_TYPE_UNIVERSAL, instant_s);
}

int32_t timezone_stretch(const struct timezone_rules *rules, int64_t ms, int64_t limit_ms, int64_t *ret_until_ms)
{
    int64_t within_s = floor_to_s(ms), beyond_s = floor_to_s(limit_ms);
    gint here = interval_at(rules, within_s);
    *ret_until_ms = limit_ms;
    if (interval_at(rules, beyond_s) != here) {
        while (beyond_s - within_s > 1) {
            int64_t middle_s = within_s + (beyond_s - within_s) / 2;
            if (interval_at(rules, middle_s) == here)
                within_s = middle_s;
            else
                beyond_s = middle_s;
        }
        *ret_until_ms = beyond_s * MS_PER_S;
    }
    return g_time_zone_get_offset(zone_of(rules), here);
}
