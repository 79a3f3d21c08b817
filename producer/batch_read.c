/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_read.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/parse.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/batch_lookup.h"
#include "producer/batch_report.h"
#include "producer/call_rows.h"
#include "producer/exchange.h"

#define RECENT_CALLS 10

enum form { FORM_FULL, FORM_CHECK_STATUS, FORM_LIVE };

struct reading {
    enum form form;
    struct batch_lookup batch;
    uint64_t limit; /* calls told of */
    struct batch_pulse pulse;
    cJSON *body;
    struct call_rows *rows;
};

static void reading_free(void *state)
{
    struct reading *r = state;
    cJSON_Delete(r->body);
    call_rows_free(r->rows);
    free(r);
}

/* ---- the answer ---- */

static bool add_calls(struct reading *r)
{
    bool is_live = r->form == FORM_LIVE;
    cJSON *calls = is_live ? call_rows_live_json(r->rows) : call_rows_recent_json(r->rows);
    if (calls && cJSON_AddItemToObject(r->body, is_live ? "calls" : "recentCalls", calls))
        return true;
    cJSON_Delete(calls);
    return false;
}

static void on_rows(struct exchange *x, int err, void *arg)
{
    struct reading *r = arg;
    if (!err && !add_calls(r))
        err = ERR_NOMEM;
    if (err) {
        exchange_fail(x, err);
        return;
    }
    cJSON *body = r->body;
    r->body = NULL;
    exchange_answer(x, 200, body);
}

/* Recent calls are the last ones whose turn has come; the live list goes on with those whose turn comes next. */
static int make_rows(struct reading *r, const struct batch_report *report)
{
    uint64_t total = (uint64_t)report->total, reached = (uint64_t)report->cursor;
    uint64_t first = reached > r->limit ? reached - r->limit : 0;
    uint64_t end = reached;
    if (r->form == FORM_LIVE)
        end = total - first > r->limit ? first + r->limit : total;
    struct call_scope scope = call_scope_of(report);
    return call_rows_create(&scope, first, end, &r->rows);
}

static int make_body(struct reading *r, const struct batch_report *report)
{
    if (r->form == FORM_LIVE) {
        r->body = cJSON_CreateObject();
        return cJSON_AddStringToObject(r->body, "batchId", r->batch.id) ? 0 : ERR_NOMEM;
    }
    r->body = batch_report_status_json(report, &r->pulse);
    if (!r->body)
        return ERR_NOMEM;
    return r->form == FORM_FULL ? batch_report_add_more(report, r->body) : 0;
}

/* ---- what is asked ---- */

static void on_report(struct exchange *x, const struct batch_report *report, void *arg)
{
    struct reading *r = arg;
    if (!report) {
        exchange_not_found(x);
        return;
    }
    int err = make_body(r, report);
    if (!err)
        err = make_rows(r, report);
    if (err)
        exchange_fail(x, err);
    else
        call_rows_read(r->rows, x, r->form == FORM_LIVE ? CALL_ROWS_TEXTS : CALL_ROWS_PLAIN, on_rows, r);
}

/* The pulse is a guest: where one of its parts does not read, it is left out. */
static void on_time(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    struct reading *r = arg;
    int64_t seconds, micros;
    if (!err && reply_i64(reply_at(reply, 0), &seconds) == 0 && reply_i64(reply_at(reply, 1), &micros) == 0)
        r->pulse.now_ms = seconds * 1000 + micros / 1000;
}

static void on_begins(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    struct reading *r = arg;
    if (!err)
        r->pulse.calls_per_second = batch_report_rate(reply, r->pulse.now_ms * 1000);
}

static void on_last_retry(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    struct reading *r = arg;
    int64_t at_ms;
    if (!err && reply_i64(reply_at(reply, 1), &at_ms) == 0)
        r->pulse.last_retry_ms = at_ms;
}

static int ask_pulse(struct exchange *x, struct reading *r)
{
    const char *cell = exchange_identity(x)->cell;
    struct key begins = key_batch_begins(cell, r->batch.id), retries = key_batch_retries(cell, r->batch.id);
    const struct redis_arg time_args[] = {redis_arg_str("TIME")};
    const struct redis_arg begins_args[] = {redis_arg_str("LRANGE"), key_arg(&begins), redis_arg_str("0"),
                                            redis_arg_str("-1")};
    const struct redis_arg retry_args[] = {redis_arg_str("ZRANGE"), key_arg(&retries), redis_arg_str("-1"),
                                           redis_arg_str("-1"), redis_arg_str("WITHSCORES")};
    int err = exchange_command(x, time_args, 1, on_time, r);
    if (!err)
        err = exchange_command(x, begins_args, 4, on_begins, r);
    if (!err)
        err = exchange_command(x, retry_args, 5, on_last_retry, r);
    return err;
}

/* Replies come in order: the hash is asked for last, so that the pulse is known when it is read. */
static void ask(struct exchange *x, struct reading *r)
{
    int err = r->form == FORM_LIVE ? 0 : ask_pulse(x, r);
    if (err)
        exchange_fail(x, err);
    else
        batch_lookup_ask(&r->batch, x, on_report, r);
}

/* 1 to 1000; the seed's "all" and "-1" give as many as one answer may hold. */
static bool read_limit(struct exchange *x, uint64_t fallback, uint64_t *ret_limit)
{
    const char *text = http_request_query(exchange_request(x), "limit");
    *ret_limit = fallback;
    if (!text)
        return true;
    if (strcmp(text, "all") == 0 || strcmp(text, "-1") == 0) {
        *ret_limit = CALL_ROWS_MAX;
        return true;
    }
    if (parse_u64(text, strlen(text), CALL_ROWS_MAX, ret_limit) == 0 && *ret_limit > 0)
        return true;
    exchange_bad_argument(x, "limit", "must be an integer from 1 to 1000, or all");
    return false;
}

static void start(struct exchange *x, enum form form)
{
    static const char *const by_path[] = {"limit"};
    static const char *const by_query[] = {"limit", "batchId"};
    struct reading *r = calloc(1, sizeof *r);
    if (!r) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    exchange_keep(x, r, reading_free);
    r->form = form;
    bool is_by_path = form == FORM_FULL;
    if (exchange_knows_query(x, is_by_path ? by_path : by_query, is_by_path ? 1 : 2) &&
        exchange_batch_id(x, r->batch.id) && read_limit(x, form == FORM_LIVE ? CALL_ROWS_MAX : RECENT_CALLS, &r->limit))
        ask(x, r);
}

static void run_one(struct exchange *x)
{
    start(x, FORM_FULL);
}

static void run_check_status(struct exchange *x)
{
    start(x, FORM_CHECK_STATUS);
}

static void run_live(struct exchange *x)
{
    start(x, FORM_LIVE);
}

void batch_read_one(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run_one);
}

void batch_read_check_status(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run_check_status);
}

void batch_read_live(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run_live);
}
