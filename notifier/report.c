/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/report.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/redis/reply.h"
#include "notifier/cell.h"
#include "notifier/deliver.h"
#include "notifier/notifier.h"

/* The places in hook_finish's reply: now, then a pair for each attempt. */
enum { FINISH_NOW, FINISH_FIRST };
enum { RESULT_CODE, RESULT_DUE, RESULT_WORD };
enum { CODE_LATE_SUCCESS = 2 };

/* Once, however often it is reported. */
static void load_drop(struct delivery *d)
{
    struct endpoint_load *load = d->is_loaded ? g_hash_table_lookup(d->cell->loads, d->endpoint) : NULL;
    d->is_loaded = false;
    if (load && --load->in_flight == 0)
        g_hash_table_remove(d->cell->loads, d->endpoint);
}

/* What an endpoint's owner and the operator are told: it fails since long, it is given up, it is well again. */
static void tell_word(struct cell *cell, const char *endpoint, const struct redisReply *reply)
{
    static const struct {
        const char *word;
        enum stats_endpoint change;
        const char *event;
    } words[] = {
        {"failing", STATS_ENDPOINT_FAILING, "webhook.endpoint_failing"},
        {"disabled", STATS_ENDPOINT_DISABLED, "webhook.endpoint_disabled"},
        {"recovered", STATS_ENDPOINT_RECOVERED, "webhook.endpoint_recovered"},
    };
    const char *word;
    size_t len;
    if (reply_str(reply, &word, &len) < 0 || len == 0)
        return;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(word, words[i].word) != 0)
            continue;
        metric_add(cell->notifier->stats.endpoints[words[i].change], 1);
        log_warn(words[i].event, log_str("cell", cell->name), log_str("endpoint", endpoint));
    }
}

static void take_result(struct cell *cell, const char *endpoint, const struct redisReply *result, int64_t now_ms)
{
    int64_t code, due_ms;
    if (reply_i64(reply_at(result, RESULT_CODE), &code) < 0 || reply_i64(reply_at(result, RESULT_DUE), &due_ms) < 0)
        return;
    if (code == CODE_LATE_SUCCESS)
        metric_add(cell->notifier->stats.late, 1);
    tell_word(cell, endpoint, reply_at(result, RESULT_WORD));
    cell_sooner(cell, now_ms, due_ms);
}

/* What was reported is forgotten here; Redis knows it now. */
static void forget_reported(struct cell *cell)
{
    struct notifier *n = cell->notifier;
    struct delivery *delivery;
    while ((delivery = TAILQ_FIRST(&cell->reporting))) {
        TAILQ_REMOVE(&cell->reporting, delivery, link);
        n->in_flight--;
        n->slow_in_flight -= delivery->is_slow;
        /* Who waited for a place of the slow ones is looked for again. */
        if (delivery->is_slow && cell->is_crowded)
            cell->due_us = clock_mono_us();
        deliver_drop(delivery);
    }
    metric_set(n->stats.in_flight, (double)n->in_flight);
    metric_set(n->stats.slow_in_flight, (double)n->slow_in_flight);
}

/* What waited first stays first. */
static void put_back(struct cell *cell)
{
    TAILQ_CONCAT(&cell->reporting, &cell->to_report, link);
    TAILQ_CONCAT(&cell->to_report, &cell->reporting, link);
}

/* Where Redis refuses all of them the next tick, or its return, tries again, and what was not told of meanwhile is not
 * sent a second time. Where the script failed, one may be at fault: alone it is forgotten (its lease ends, and the
 * attempt counts as unknown), and the others get through. */
static void put_off(struct cell *cell, int err)
{
    bool is_alone = TAILQ_NEXT(TAILQ_FIRST(&cell->reporting), link) == NULL;
    cell->is_unreported = err_is_retryable(err) || err == ERR_AUTH;
    cell->report_most = cell->is_unreported ? cell->report_most : 1;
    if (cell->is_unreported || !is_alone)
        put_back(cell);
    else
        forget_reported(cell);
    if (cell->is_unreported)
        return;
    report_flush(cell);
    notifier_progress(cell->notifier);
}

static void on_finish(const struct redisReply *reply, int err, void *arg)
{
    struct cell *cell = arg;
    int64_t now_ms;
    cell->is_reporting = false;
    if (!cell_check_reply(cell, "hook_finish", reply, err, &err)) {
        put_off(cell, err);
        return;
    }
    cell->is_unreported = false;
    cell->report_most = 2 * cell->report_most < LIMIT_HOOK_CLAIM ? 2 * cell->report_most : LIMIT_HOOK_CLAIM;
    if (reply_i64(reply_at(reply, FINISH_NOW), &now_ms) == 0) {
        const struct delivery *delivery = TAILQ_FIRST(&cell->reporting); /* in the order they were reported */
        for (size_t i = FINISH_FIRST; i < reply_len(reply) && delivery; i++) {
            take_result(cell, delivery->endpoint, reply_at(reply, i), now_ms);
            delivery = TAILQ_NEXT(delivery, link);
        }
    }
    forget_reported(cell);
    report_flush(cell);
    notifier_progress(cell->notifier);
}

static void add_attempt(struct script_args *args, const struct delivery *d)
{
    script_args_str(args, d->shard);
    script_args_str(args, d->endpoint);
    script_args_str(args, d->event);
    script_args_i64(args, d->attempt);
    script_args_str(args, verdict_kind_name(d->verdict.kind));
    script_args_str(args, d->verdict.code);
    script_args_i64(args, d->verdict.status);
    script_args_i64(args, d->verdict.delay_ms);
    script_args_i64(args, d->verdict.pause_ms);
    script_args_i64(args, d->took_ms);
    script_args_str(args, d->phases);
}

static size_t add_attempts(struct cell *cell)
{
    _Static_assert(5 + LIMIT_HOOK_CLAIM * 11 <= SCRIPT_ARGS_MAX, "the longest report");
    struct script_args *args = &cell->notifier->args;
    size_t n = 0;
    struct delivery *delivery;
    script_args_clear(args);
    script_args_i64(args, LIMIT_DELIVERED_KEEP_MS);
    script_args_i64(args, LIMIT_DEAD_KEEP_MS);
    script_args_i64(args, LIMIT_ENDPOINT_LOG);
    script_args_i64(args, LIMIT_ENDPOINT_DEAD);
    script_args_str(args, cell->notifier->id);
    for (delivery = TAILQ_FIRST(&cell->to_report); delivery && n < cell->report_most;
         delivery = TAILQ_NEXT(delivery, link)) {
        add_attempt(args, delivery);
        n++;
    }
    return n;
}

void report_flush(struct cell *cell)
{
    struct notifier *n = cell->notifier;
    if (cell->is_reporting || TAILQ_EMPTY(&cell->to_report))
        return;
    size_t count = add_attempts(cell);
    if (script_run(n->redis, LUA_HOOK_FINISH, cell->prefix.text, n->args.items, n->args.n, NOTIFIER_SCRIPT_DEADLINE_MS,
                   on_finish, cell) < 0)
        return;
    cell->is_reporting = true;
    for (size_t i = 0; i < count; i++) {
        struct delivery *delivery = TAILQ_FIRST(&cell->to_report);
        TAILQ_REMOVE(&cell->to_report, delivery, link);
        TAILQ_INSERT_TAIL(&cell->reporting, delivery, link);
        /* Now, not when the answer comes: a claim that is sent behind this report runs behind it. */
        load_drop(delivery);
    }
}

static void flush_at_turn_end(void *arg)
{
    struct cell *cell = arg;
    cell->is_flush_deferred = false;
    report_flush(cell);
}

void report_add(struct delivery *delivery)
{
    struct cell *cell = delivery->cell;
    TAILQ_INSERT_TAIL(&cell->to_report, delivery, link);
    if (cell->is_flush_deferred)
        return;
    if (loop_defer(cell->notifier->loop, flush_at_turn_end, cell) == 0)
        cell->is_flush_deferred = true;
    else
        report_flush(cell);
}
