/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/calling_window.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/domain/timezone.h"

#define MS_PER_S INT64_C(1000)
#define MS_PER_MIN INT64_C(60000)
#define MS_PER_DAY INT64_C(86400000)
#define THURSDAY 3 /* 1970-01-01 */

static int64_t floor_to_day(int64_t ms)
{
    return ms >= 0 ? ms / MS_PER_DAY : -((-ms + MS_PER_DAY - 1) / MS_PER_DAY);
}

static int compare_days(const void *left, const void *right)
{
    int32_t a = *(const int32_t *)left, b = *(const int32_t *)right;
    return a < b ? -1 : a > b;
}

static bool starts_on(const struct calling_window *w, int64_t day)
{
    int64_t weekday = (day + THURSDAY) % CALLING_WINDOW_DAYS;
    if (weekday < 0)
        weekday += CALLING_WINDOW_DAYS;
    if (!(w->days & (1u << weekday)))
        return false;
    int32_t key = (int32_t)day;
    return !bsearch(&key, w->closed, w->n_closed, sizeof w->closed[0], compare_days);
}

/* A walk that gathers hours. */
struct walk {
    const struct calling_window *w;
    struct calling_hours *hours;
    size_t n;
    size_t max;
    int64_t known_ms;
};

/* False where there is no room for it. */
static bool take(struct walk *walk, int64_t open_ms, int64_t close_ms)
{
    struct calling_hours *last = walk->n > 0 ? &walk->hours[walk->n - 1] : NULL;
    if (last && open_ms <= last->close_ms) {
        last->close_ms = close_ms;
        return true;
    }
    if (walk->n == walk->max) {
        walk->known_ms = open_ms;
        return false;
    }
    walk->hours[walk->n++] = (struct calling_hours){open_ms, close_ms};
    return true;
}

/* Through [from_ms, until_ms), in which the zone's clocks run evenly: each day's window on the clock's face is a
 * stretch of time. False where there was no room for all. */
static bool walk_stretch(struct walk *walk, int64_t from_ms, int64_t until_ms, int64_t offset_ms)
{
    const struct calling_window *w = walk->w;
    int64_t end_min = w->end_min > w->start_min ? w->end_min : w->end_min + 24 * 60;
    int64_t last_day = floor_to_day(until_ms - 1 + offset_ms);
    /* A window over midnight may have started the day before. */
    for (int64_t day = floor_to_day(from_ms + offset_ms) - 1; day <= last_day; day++) {
        if (!starts_on(w, day))
            continue;
        int64_t open_ms = day * MS_PER_DAY + w->start_min * MS_PER_MIN - offset_ms;
        int64_t close_ms = day * MS_PER_DAY + end_min * MS_PER_MIN - offset_ms;
        open_ms = open_ms > from_ms ? open_ms : from_ms;
        close_ms = close_ms < until_ms ? close_ms : until_ms;
        if (open_ms < close_ms && !take(walk, open_ms, close_ms))
            return false;
    }
    return true;
}

int calling_window_hours(const struct calling_window *w, int64_t from_ms, int64_t until_ms, struct calling_hours *ret,
                         size_t max, size_t *ret_n, int64_t *ret_known_ms)
{
    struct timezone_rules *rules;
    int err = timezone_open(w->timezone, &rules);
    if (err)
        return err;
    if (until_ms - from_ms > LIMIT_WINDOW_SEARCH_MS)
        until_ms = from_ms + LIMIT_WINDOW_SEARCH_MS;
    struct walk walk = {.w = w, .hours = ret, .max = max, .known_ms = until_ms};
    bool has_room = true;
    for (int64_t at_ms = from_ms; has_room && at_ms < until_ms;) {
        int64_t stretch_end_ms;
        int32_t offset_s = timezone_stretch(rules, at_ms, until_ms, &stretch_end_ms);
        has_room = walk_stretch(&walk, at_ms, stretch_end_ms, offset_s * MS_PER_S);
        at_ms = stretch_end_ms;
    }
    timezone_close(rules);
    *ret_n = walk.n;
    *ret_known_ms = walk.known_ms;
    return 0;
}

int calling_window_next(const struct calling_window *w, int64_t from_ms, int64_t until_ms, struct calling_hours *ret)
{
    while (from_ms < until_ms) {
        size_t n;
        int err = calling_window_hours(w, from_ms, until_ms, ret, 1, &n, &from_ms);
        if (err || n > 0)
            return err;
    }
    return ERR_NOT_FOUND;
}

int calling_window_publish(const struct calling_window *w, int64_t from_ms, int64_t until_ms,
                           char ret_hours[CALLING_WINDOW_HOURS_LEN + 1], int64_t *ret_known_ms)
{
    struct calling_hours hours[LIMIT_WINDOW_HOURS];
    size_t n, len = 0;
    int err = calling_window_hours(w, from_ms, until_ms, hours, LIMIT_WINDOW_HOURS, &n, ret_known_ms);
    if (err)
        return err;
    ret_hours[0] = '\0';
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(ret_hours + len, CALLING_WINDOW_HOURS_LEN + 1 - len, "%s%" PRId64 "-%" PRId64,
                                i > 0 ? " " : "", hours[i].open_ms, hours[i].close_ms);
    return 0;
}
