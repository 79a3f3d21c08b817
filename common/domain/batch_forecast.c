/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/batch_forecast.h"

#include "common/base/limits.h"
#include "common/domain/calling_window.h"
#include "common/domain/pacing.h"

#define HOURS_AT_A_TIME 64

struct forecast {
    int64_t left_ms; /* of open time, from the first begin to the last */
    int64_t first_ms; /* -1: not known */
    int64_t last_ms; /* -1: not known */
};

static void take_hours(struct forecast *f, int64_t open_ms, int64_t close_ms)
{
    if (f->last_ms >= 0 || close_ms <= open_ms)
        return;
    if (f->first_ms < 0)
        f->first_ms = open_ms;
    if (f->left_ms < close_ms - open_ms)
        f->last_ms = open_ms + f->left_ms;
    f->left_ms -= close_ms - open_ms;
}

static int walk_window(struct forecast *f, const struct calling_window *w, int64_t from_ms, int64_t until_ms)
{
    struct calling_hours hours[HOURS_AT_A_TIME];
    while (from_ms < until_ms && f->last_ms < 0) {
        size_t n;
        int64_t known_ms;
        int err = calling_window_hours(w, from_ms, until_ms, hours, HOURS_AT_A_TIME, &n, &known_ms);
        if (err)
            return err;
        for (size_t i = 0; i < n; i++)
            take_hours(f, hours[i].open_ms, hours[i].close_ms);
        if (known_ms <= from_ms)
            break;
        from_ms = known_ms;
    }
    return 0;
}

int batch_forecast(const struct batch_options *o, uint64_t contacts, int64_t now_ms, int64_t *ret_first_ms,
                   int64_t *ret_last_ms)
{
    int64_t start_ms = o->has_start && o->start_ms > now_ms ? o->start_ms : now_ms;
    int64_t until_ms = o->has_expiry ? o->expires_ms : start_ms + LIMIT_BATCH_LIFE_MS;
    int64_t steps = contacts > 1 ? (int64_t)contacts - 1 : 0;
    struct forecast f = {
        .left_ms = steps * pacing_interval_us(o->max_calls_per_second) / 1000, .first_ms = -1, .last_ms = -1};
    int err = 0;
    if (o->has_window)
        err = walk_window(&f, &o->window, start_ms, until_ms);
    else
        take_hours(&f, start_ms, until_ms);
    if (err)
        return err;
    *ret_first_ms = f.first_ms >= 0 ? f.first_ms : start_ms;
    *ret_last_ms = f.last_ms >= 0 ? f.last_ms : until_ms;
    return f.last_ms >= 0 ? 0 : ERR_NOT_FOUND;
}
