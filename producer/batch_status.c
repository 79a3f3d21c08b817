/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_status.h"

#include <stdlib.h>
#include <string.h>

#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/batch_lookup.h"
#include "producer/batch_report.h"
#include "producer/batch_settings_read.h"
#include "producer/batch_version.h"

struct batch_status {
    enum batch_status_form form;
    struct batch_lookup batch;
    uint64_t limit; /* calls told of */
    struct batch_pulse pulse;
    struct call_scope scope;
    uint64_t reached;
    uint64_t version;
    int64_t revision;
    bool has_ended;
    cJSON *body;
    struct call_rows *rows;
    batch_status_fn fn;
    void *arg;
};

int batch_status_create(enum batch_status_form form, const char *id, uint64_t limit, struct batch_status **ret_status)
{
    struct batch_status *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    s->form = form;
    s->limit = limit;
    memcpy(s->batch.id, id, strlen(id) + 1);
    *ret_status = s;
    return 0;
}

void batch_status_free(void *status)
{
    struct batch_status *s = status;
    if (!s)
        return;
    cJSON_Delete(s->body);
    call_rows_free(s->rows);
    free(s);
}

/* ---- its calls ---- */

static bool add_calls(struct batch_status *s)
{
    bool is_live = s->form == BATCH_STATUS_LIVE;
    cJSON *calls = is_live ? call_rows_live_json(s->rows) : call_rows_recent_json(s->rows);
    if (calls && cJSON_AddItemToObject(s->body, is_live ? "calls" : "recentCalls", calls))
        return true;
    cJSON_Delete(calls);
    return false;
}

static void on_rows(struct exchange *x, int err, void *arg)
{
    struct batch_status *s = arg;
    if (!err && !add_calls(s))
        err = ERR_NOMEM;
    if (err)
        exchange_fail(x, err);
    else
        s->fn(x, s, s->arg);
}

/* Recent calls are the last ones whose turn has come; the live list goes on with those whose turn comes next. */
static int make_rows(struct batch_status *s)
{
    uint64_t first = s->reached > s->limit ? s->reached - s->limit : 0;
    uint64_t end = s->reached;
    if (s->form == BATCH_STATUS_LIVE)
        end = s->scope.total - first > s->limit ? first + s->limit : s->scope.total;
    return call_rows_create(&s->scope, first, end, &s->rows);
}

/* ---- the batch ---- */

/* Its options as they stand: what a PATCH changes. */
static int add_options(struct batch_status *s, const struct batch_report *report)
{
    struct batch_options options;
    int err = batch_settings_read(report->fields, &options);
    if (err)
        return err;
    cJSON *object = cJSON_AddObjectToObject(s->body, OPTIONS_PATH);
    err = object ? options_add_json(&options, object) : ERR_NOMEM;
    batch_options_free(&options);
    return err;
}

static int make_body(struct batch_status *s, const struct batch_report *report)
{
    if (s->form == BATCH_STATUS_LIVE) {
        s->body = cJSON_CreateObject();
        return cJSON_AddStringToObject(s->body, "batchId", s->batch.id) ? 0 : ERR_NOMEM;
    }
    s->body = batch_report_status_json(report, &s->pulse);
    if (!s->body)
        return ERR_NOMEM;
    if (s->form != BATCH_STATUS_FULL)
        return 0;
    int err = batch_report_add_more(report, s->body);
    return err ? err : add_options(s, report);
}

static void on_report(struct exchange *x, const struct batch_report *report, void *arg)
{
    struct batch_status *s = arg;
    if (!report) {
        exchange_not_found(x);
        return;
    }
    s->scope = call_scope_of(report);
    s->reached = (uint64_t)report->cursor;
    s->version = batch_version_of(report->fields);
    s->revision = report->revision;
    s->has_ended = batch_state_is_end(report->state);
    int err = make_body(s, report);
    if (!err && s->limit > 0)
        err = make_rows(s);
    if (err)
        exchange_fail(x, err);
    else if (s->limit == 0)
        s->fn(x, s, s->arg);
    else
        call_rows_read(s->rows, x, s->form == BATCH_STATUS_LIVE ? CALL_ROWS_TEXTS : CALL_ROWS_PLAIN, on_rows, s);
}

/* ---- its pulse: a guest, of which a part that does not read is left out ---- */

static void on_time(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    struct batch_status *s = arg;
    int64_t seconds, micros;
    if (!err && reply_i64(reply_at(reply, 0), &seconds) == 0 && reply_i64(reply_at(reply, 1), &micros) == 0)
        s->pulse.now_ms = seconds * 1000 + micros / 1000;
}

static void on_begins(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    struct batch_status *s = arg;
    if (!err)
        s->pulse.calls_per_second = batch_report_rate(reply, s->pulse.now_ms * 1000);
}

static void on_last_retry(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    struct batch_status *s = arg;
    int64_t at_ms;
    if (!err && reply_i64(reply_at(reply, 1), &at_ms) == 0)
        s->pulse.last_retry_ms = at_ms;
}

static int ask_pulse(struct exchange *x, struct batch_status *s)
{
    const char *cell = exchange_identity(x)->cell;
    struct key begins = key_begins(cell, 'b', s->batch.id), retries = key_batch_retries(cell, s->batch.id);
    const struct redis_arg time_args[] = {redis_arg_str("TIME")};
    const struct redis_arg begins_args[] = {redis_arg_str("LRANGE"), key_arg(&begins), redis_arg_str("0"),
                                            redis_arg_str("-1")};
    const struct redis_arg retry_args[] = {redis_arg_str("ZRANGE"), key_arg(&retries), redis_arg_str("-1"),
                                           redis_arg_str("-1"), redis_arg_str("WITHSCORES")};
    int err = exchange_command(x, time_args, 1, on_time, s);
    if (!err)
        err = exchange_command(x, begins_args, 4, on_begins, s);
    if (!err)
        err = exchange_command(x, retry_args, 5, on_last_retry, s);
    return err;
}

/* Replies come in order: the hash is asked for last, so that the pulse is known when it is read. */
void batch_status_read(struct batch_status *s, struct exchange *x, batch_status_fn fn, void *arg)
{
    s->fn = fn;
    s->arg = arg;
    int err = s->form == BATCH_STATUS_LIVE ? 0 : ask_pulse(x, s);
    if (err)
        exchange_fail(x, err);
    else
        batch_lookup_ask(&s->batch, x, on_report, s);
}

/* ---- once it is read ---- */

cJSON *batch_status_take_body(struct batch_status *s)
{
    cJSON *body = s->body;
    s->body = NULL;
    return body;
}

const struct call_scope *batch_status_scope(const struct batch_status *s)
{
    return &s->scope;
}

uint64_t batch_status_version(const struct batch_status *s)
{
    return s->version;
}

int64_t batch_status_revision(const struct batch_status *s)
{
    return s->revision;
}

bool batch_status_has_ended(const struct batch_status *s)
{
    return s->has_ended;
}

bool batch_status_has_pulse(const struct batch_status *s)
{
    return !s->has_ended && s->pulse.calls_per_second > 0.0;
}
