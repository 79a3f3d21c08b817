/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/epoch.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/metrics/metrics.h"
#include "common/redis/script.h"
#include "worker/reassert.h"

static void on_closed(const struct redisReply *reply, int err, void *arg)
{
    struct worker_cell *cell = arg;
    int64_t epoch, until_ms = 0;
    if (err == 0)
        err = reply_to_err(reply);
    if (err == 0)
        err = reply_i64(reply_at(reply, 0), &epoch);
    if (err != 0) {
        log_error("cell.not_closed", log_str("cell", cell->id), log_err(err));
        return;
    }
    if (reply_i64(reply_at(reply, 1), &until_ms) != 0)
        until_ms = 0;
    epoch_heard(cell, epoch, until_ms);
}

static void close_cell(struct worker_cell *cell, int64_t seen_us)
{
    char seen[REDIS_I64_LEN], closed[REDIS_I64_LEN];
    const struct redis_arg args[] = {redis_arg_i64(seen_us / 1000, seen), redis_arg_i64(LIMIT_CELL_CLOSED_MS, closed)};
    int rc = script_run(cell->worker->redis, LUA_CELL_CLOSE, cell->prefix, args, 2, WORKER_SCRIPT_DEADLINE_MS,
                        on_closed, cell);
    if (rc != 0)
        log_error("cell.not_closed", log_str("cell", cell->id), log_err(rc));
}

void epoch_watch(struct worker *worker, int64_t asked_us, int64_t answered_us, int64_t redis_now_us)
{
    int64_t seen_us = worker->clock_watch.redis_us;
    if (!clock_watch_note(&worker->clock_watch, asked_us, answered_us, redis_now_us))
        return;
    metric_add(worker->metrics.clock_jumps, 1);
    log_warn("redis.clock_jumped", log_i64("from_ms", seen_us / 1000), log_i64("to_ms", redis_now_us / 1000));
    for (size_t i = 0; i < worker->n_cells; i++)
        close_cell(&worker->cells[i], seen_us);
}

void epoch_doubt_deadlines(struct worker_cell *cell)
{
    cell->deadlines_from_us = clock_mono_us() + LIMIT_CELL_CLOSED_MS * INT64_C(1000);
}

void epoch_heard(struct worker_cell *cell, int64_t epoch, int64_t closed_until_ms)
{
    if (cell->epoch == epoch)
        return;
    bool is_first = cell->epoch == 0;
    cell->epoch = epoch;
    if (closed_until_ms != 0)
        log_warn("cell.closed", log_str("cell", cell->id), log_i64("epoch", epoch),
                 log_i64("until_ms", closed_until_ms));
    if (is_first)
        return;
    epoch_doubt_deadlines(cell);
    reassert_all(cell->reassert);
}
