/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/tick.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/metrics/metrics.h"
#include "common/redis/script.h"
#include "worker/dispatch.h"
#include "worker/epoch.h"
#include "worker/hours.h"
#include "worker/notes.h"
#include "worker/reap.h"

#define LEAST_US 1000000 /* between two ticks of one cell */

/* The places in the answer of worker_tick.lua. */
enum {
    TICK_NOW,
    TICK_NEXT,
    TICK_NEXT_CHECK,
    TICK_MORE,
    TICK_RECLAIMED,
    TICK_SUMMARIES,
    TICK_CUT,
    TICK_LOST,
    TICK_EXPIRED,
    TICK_HOURS,
    TICK_EPOCH,
    TICK_CLOSED_UNTIL,
    TICK_NOTES
};

struct tick {
    struct worker_cell *cell;
    struct worker *worker;
    struct loop_timer *timer;
    int64_t last_us; /* when the last was asked for */
    bool is_under_way;
};

static void note_epoch(struct tick *t, const struct redisReply *reply)
{
    int64_t epoch, closed_until_ms = 0;
    if (reply_i64(reply_at(reply, TICK_EPOCH), &epoch) != 0)
        return;
    if (reply_i64(reply_at(reply, TICK_CLOSED_UNTIL), &closed_until_ms) != 0)
        closed_until_ms = 0;
    epoch_heard(t->cell, epoch, closed_until_ms);
}

static void plan_next(struct tick *t, const struct redisReply *reply)
{
    int64_t next_ms, check_ms, more = 0, earliest_us = t->last_us + LEAST_US;
    if (reply_i64(reply_at(reply, TICK_MORE), &more) == 0 && more == 1) {
        loop_timer_arm_at_us(t->timer, clock_mono_us());
    } else if (reply_i64(reply_at(reply, TICK_NEXT), &next_ms) == 0) {
        int64_t at_us = worker_mono_us(t->worker, next_ms);
        loop_timer_arm_at_us(t->timer, at_us > earliest_us ? at_us : earliest_us);
    }
    if (reply_i64(reply_at(reply, TICK_NEXT_CHECK), &check_ms) == 0)
        reap_expect(t->cell->reap, check_ms);
}

static void note_done(struct tick *t, const struct redisReply *reply)
{
    int64_t reclaimed = 0, lost = 0, expired = 0;
    if (reply_i64(reply_at(reply, TICK_RECLAIMED), &reclaimed) == 0 && reclaimed > 0) {
        metric_add(t->worker->metrics.reclaimed, (double)reclaimed);
        log_info("claims.reclaimed", log_str("cell", t->cell->id), log_i64("calls", reclaimed));
        dispatch_wake(t->cell->dispatch);
    }
    if (reply_i64(reply_at(reply, TICK_LOST), &lost) == 0 && lost > 0)
        metric_add(t->worker->metrics.lost_wakes, (double)lost);
    if (reply_i64(reply_at(reply, TICK_EXPIRED), &expired) == 0 && expired > 0)
        log_info("batches.expired", log_str("cell", t->cell->id), log_i64("batches", expired));
}

static void on_tick(const struct redisReply *reply, int err, void *arg)
{
    struct tick *t = arg;
    int64_t redis_now_us;
    t->is_under_way = false;
    if (err == 0)
        err = reply_to_err(reply);
    if (err == 0)
        err = reply_i64(reply_at(reply, TICK_NOW), &redis_now_us);
    if (err != 0) {
        log_warn("tick.failed", log_str("cell", t->cell->id), log_err(err));
        return;
    }
    worker_note_redis_time(t->worker, t->last_us, redis_now_us);
    epoch_watch(t->worker, t->last_us, clock_mono_us(), redis_now_us);
    note_epoch(t, reply);
    plan_next(t, reply);
    note_done(t, reply);
    hours_publish(t->cell, reply_at(reply, TICK_HOURS));
    for (size_t i = TICK_NOTES; i < reply_len(reply); i++)
        notes_take(reply_at(reply, i), t->cell);
}

static void ask(struct tick *t)
{
    if (t->is_under_way || !redis_is_ready(t->worker->redis))
        return;
    char items[REDIS_I64_LEN];
    const struct redis_arg args[] = {redis_arg_str(t->worker->id), redis_arg_i64(LIMIT_TICK_ITEMS, items)};
    if (script_run(t->worker->redis, LUA_WORKER_TICK, t->cell->prefix, args, 2, WORKER_SCRIPT_DEADLINE_MS, on_tick,
                   t) != 0)
        return;
    t->is_under_way = true;
    t->last_us = clock_mono_us();
}

static void on_timer(void *arg)
{
    ask(arg);
}

void tick_pulse(struct tick *t)
{
    if (clock_mono_us() - t->last_us >= LEAST_US)
        ask(t);
}

void tick_on_ready(struct tick *t)
{
    ask(t);
}

int tick_create(struct worker_cell *cell, struct tick **ret_tick)
{
    struct tick *t = calloc(1, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    t->cell = cell;
    t->worker = cell->worker;
    int rc = loop_timer_create(t->worker->loop, on_timer, t, &t->timer);
    if (rc == 0)
        *ret_tick = t;
    else
        free(t);
    return rc;
}

void tick_free(struct tick *t)
{
    if (!t)
        return;
    loop_timer_free(t->timer);
    free(t);
}
