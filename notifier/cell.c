/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/cell.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/redis/reply.h"
#include "notifier/claim.h"
#include "notifier/deliver.h"
#include "notifier/expand.h"
#include "notifier/notifier.h"
#include "notifier/report.h"

#define TICK_US INT64_C(1000000) /* for each cell, so that all together run one tick a second */
#define LEASE_TICKS 5
#define MS_US 1000
#define RECLAIM_IDLE_MS 10000
#define RECLAIM_TAKEN_MS 1000 /* of a shard just taken over: its reader is gone */

/* The places in hook_poll's reply, and in each of its shards' rows. */
enum { POLL_NOW, POLL_DUE, POLL_EXPIRY, POLL_PENDING, POLL_LAG, POLL_ALIVE, POLL_SHARDS, POLL_SLOW_LAG };
enum { SHARD_NUMBER, SHARD_IS_TAKEN, SHARD_IS_NEW, SHARD_UNACKED, SHARD_WAITED };

static int64_t tick_us(const struct notifier *n)
{
    return TICK_US * (int64_t)n->n_cells;
}

bool cell_check_reply(struct cell *cell, const char *script, const struct redisReply *reply, int err, int *ret_err)
{
    if (!err)
        err = reply_to_err(reply);
    if (ret_err)
        *ret_err = err;
    if (!err)
        return true;
    if (reply) {
        metric_add(cell->notifier->stats.faults[STATS_FAULT_SCRIPT], 1);
        log_error("hooks.script_failed", log_str("cell", cell->name), log_str("script", script), log_err(err),
                  log_str("detail", reply_error(reply)));
    }
    return false;
}

void cell_tell_torn(struct cell *cell, const char *kind, const struct redisReply *rows)
{
    for (size_t i = 0; i < reply_len(rows); i++) {
        const char *which, *why;
        size_t len;
        if (reply_str(reply_at(reply_at(rows, i), 0), &which, &len) < 0 ||
            reply_str(reply_at(reply_at(rows, i), 1), &why, &len) < 0)
            continue;
        metric_add(cell->notifier->stats.faults[STATS_FAULT_SCRIPT], 1);
        log_error("hooks.torn", log_str("cell", cell->name), log_str(kind, which), log_str("detail", why));
    }
}

/* ---- due times ---- */

static int64_t due_at_us(int64_t now_ms, int64_t due_ms)
{
    return due_ms < 0 ? NOTIFIER_NEVER : clock_mono_us() + (due_ms - now_ms) * MS_US;
}

void cell_set_due(struct cell *cell, int64_t now_ms, int64_t due_ms)
{
    cell->due_us = due_at_us(now_ms, due_ms);
}

void cell_sooner(struct cell *cell, int64_t now_ms, int64_t due_ms)
{
    int64_t due_us = due_at_us(now_ms, due_ms);
    if (due_us < cell->due_us)
        cell->due_us = due_us;
}

/* ---- leaving ---- */

static void on_left(const struct redisReply *reply, int err, void *arg)
{
    struct cell *cell = arg;
    cell->is_leaving = false;
    cell->has_left = true;
    if (cell_check_reply(cell, "hook_leave", reply, err, NULL))
        log_info("hooks.shards_handed_over", log_str("cell", cell->name), log_i64("shards", (int64_t)cell->n_shards));
    cell->n_shards = 0;
    notifier_progress(cell->notifier);
}

/* Once the events in hand are queued: whoever takes the shard over finds nothing half done. */
static void leave(struct cell *cell)
{
    struct notifier *n = cell->notifier;
    if (cell->is_reading || cell->is_leaving || cell->has_left)
        return;
    script_args_clear(&n->args);
    script_args_str(&n->args, n->id);
    script_args_i64(&n->args, LIMIT_EVENT_SHARDS);
    if (script_run(n->redis, LUA_HOOK_LEAVE, cell->prefix.text, n->args.items, n->args.n, NOTIFIER_SCRIPT_DEADLINE_MS,
                   on_left, cell) == 0)
        cell->is_leaving = true;
    else
        cell->has_left = true; /* Redis is away: the leases end by themselves */
}

void cell_drain(struct cell *cell)
{
    loop_timer_disarm(cell->due_timer);
    leave(cell);
}

bool cell_is_drained(const struct cell *cell)
{
    return cell->has_left && !cell->is_claiming && TAILQ_EMPTY(&cell->under_way) && TAILQ_EMPTY(&cell->to_report) &&
           TAILQ_EMPTY(&cell->reporting);
}

/* ---- the tick ---- */

static void show_gauges(const struct notifier *n)
{
    int64_t pending = 0, lag_ms = 0, slow_lag_ms = 0, stream_age_ms = 0;
    size_t shards = 0;
    for (size_t i = 0; i < n->n_cells; i++) {
        pending += n->cells[i].pending;
        shards += n->cells[i].n_shards;
        if (n->cells[i].lag_ms > lag_ms)
            lag_ms = n->cells[i].lag_ms;
        if (n->cells[i].slow_lag_ms > slow_lag_ms)
            slow_lag_ms = n->cells[i].slow_lag_ms;
        if (n->cells[i].stream_age_ms > stream_age_ms)
            stream_age_ms = n->cells[i].stream_age_ms;
    }
    metric_set(n->stats.stream_age_seconds, (double)stream_age_ms / 1000);
    metric_set(n->stats.pending, (double)pending);
    metric_set(n->stats.ring_lag_seconds, (double)lag_ms / 1000);
    metric_set(n->stats.slow_lag_seconds, (double)slow_lag_ms / 1000);
    metric_set(n->stats.shards, (double)shards);
}

/* Takes over the shards held, and what is to be read in them. */
static void take_shards(struct cell *cell, const struct redisReply *rows)
{
    size_t held_before = cell->n_shards;
    cell->n_shards = 0;
    cell->stream_age_ms = 0;
    for (size_t i = 0; i < reply_len(rows); i++) {
        const struct redisReply *row = reply_at(rows, i);
        int64_t number, is_taken, is_new, unacked, waited_ms;
        if (reply_i64(reply_at(row, SHARD_NUMBER), &number) < 0 || number < 0 || number >= LIMIT_EVENT_SHARDS ||
            reply_i64(reply_at(row, SHARD_IS_TAKEN), &is_taken) < 0 ||
            reply_i64(reply_at(row, SHARD_IS_NEW), &is_new) < 0 ||
            reply_i64(reply_at(row, SHARD_UNACKED), &unacked) < 0 || cell->n_shards == LIMIT_EVENT_SHARDS)
            continue;
        cell->shards[cell->n_shards++] = (unsigned)number;
        if (reply_i64(reply_at(row, SHARD_WAITED), &waited_ms) == 0 && waited_ms > cell->stream_age_ms)
            cell->stream_age_ms = waited_ms;
        if (is_new)
            cell->wants_read = true;
        if (unacked > 0) { /* what this reads now has not been idle for so long */
            cell->wants_read = true;
            if (cell->reclaim_idle_ms != RECLAIM_TAKEN_MS)
                cell->reclaim_idle_ms = is_taken ? RECLAIM_TAKEN_MS : RECLAIM_IDLE_MS;
        }
    }
    if (cell->n_shards != held_before)
        log_info("hooks.shards_held", log_str("cell", cell->name), log_i64("shards", (int64_t)cell->n_shards));
}

static void on_poll(const struct redisReply *reply, int err, void *arg)
{
    struct cell *cell = arg;
    int64_t now_ms, due_ms, expiry_ms, pending, lag_ms, slow_lag_ms;
    cell->is_polling = false;
    if (!cell_check_reply(cell, "hook_poll", reply, err, NULL) || cell->notifier->is_draining)
        return;
    if (reply_i64(reply_at(reply, POLL_NOW), &now_ms) < 0 || reply_i64(reply_at(reply, POLL_DUE), &due_ms) < 0 ||
        reply_i64(reply_at(reply, POLL_EXPIRY), &expiry_ms) < 0 ||
        reply_i64(reply_at(reply, POLL_PENDING), &pending) < 0 || reply_i64(reply_at(reply, POLL_LAG), &lag_ms) < 0 ||
        reply_i64(reply_at(reply, POLL_SLOW_LAG), &slow_lag_ms) < 0)
        return;
    cell->pending = pending;
    cell->lag_ms = lag_ms;
    cell->slow_lag_ms = slow_lag_ms;
    take_shards(cell, reply_at(reply, POLL_SHARDS));
    show_gauges(cell->notifier);
    cell_set_due(cell, now_ms, due_ms);
    if (expiry_ms >= 0 && expiry_ms <= now_ms)
        claim_reap(cell);
    cell_work(cell);
}

static void poll_shards(struct cell *cell)
{
    struct notifier *n = cell->notifier;
    if (cell->is_polling || n->is_draining)
        return;
    script_args_clear(&n->args);
    script_args_str(&n->args, n->id);
    script_args_i64(&n->args, LEASE_TICKS * tick_us(n) / MS_US);
    script_args_i64(&n->args, LIMIT_EVENT_SHARDS);
    script_args_i64(&n->args, LIMIT_HOOK_TRIM);
    script_args_i64(&n->args, (clock_mono_us() - n->began_us) / MS_US);
    cell->is_polling = script_run(n->redis, LUA_HOOK_POLL, cell->prefix.text, n->args.items, n->args.n,
                                  NOTIFIER_SCRIPT_DEADLINE_MS, on_poll, cell) == 0;
}

void cell_look(struct cell *cell)
{
    loop_timer_arm_us(cell->tick_timer, tick_us(cell->notifier));
    cell->is_held = false;
    report_flush(cell);
    poll_shards(cell);
}

static void on_tick(void *arg)
{
    cell_look(arg);
}

/* ---- work ---- */

void cell_wake(struct cell *cell)
{
    cell->wants_read = true;
    cell_work(cell);
}

void cell_work(struct cell *cell)
{
    if (cell->notifier->is_draining) {
        leave(cell);
        return;
    }
    if (cell->wants_read && !cell->is_held)
        expand_start(cell);
    if (cell->due_us <= clock_mono_us())
        claim_start(cell);
    else if (cell->due_us != NOTIFIER_NEVER)
        loop_timer_arm_at_us(cell->due_timer, cell->due_us);
}

static void on_due(void *arg)
{
    cell_work(arg);
}

/* ---- life ---- */

int cell_init(struct cell *cell, struct notifier *n, const char *name)
{
    memset(cell, 0, sizeof *cell);
    cell->notifier = n;
    cell->name = name;
    cell->prefix = key_cell_prefix(name);
    cell->due_us = NOTIFIER_NEVER;
    cell->read_most = LIMIT_EVENTS_READ;
    cell->report_most = LIMIT_HOOK_CLAIM;
    cell->reclaim_idle_ms = -1;
    TAILQ_INIT(&cell->under_way);
    TAILQ_INIT(&cell->to_report);
    TAILQ_INIT(&cell->reporting);
    cell->loads = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    int err = loop_timer_create(n->loop, on_tick, cell, &cell->tick_timer);
    if (!err)
        err = loop_timer_create(n->loop, on_due, cell, &cell->due_timer);
    return err;
}

static void free_list(struct delivery_list *list)
{
    struct delivery *delivery;
    while ((delivery = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, delivery, link);
        deliver_drop(delivery);
    }
}

void cell_clear(struct cell *cell)
{
    loop_timer_free(cell->tick_timer);
    loop_timer_free(cell->due_timer);
    if (cell->loads)
        g_hash_table_destroy(cell->loads);
    free_list(&cell->under_way);
    free_list(&cell->to_report);
    free_list(&cell->reporting);
}
