/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/call_status.h"

#include <stdlib.h>

#include "common/json/json.h"
#include "producer/batch_lookup.h"
#include "producer/call_lookup.h"
#include "producer/call_rows.h"
#include "producer/exchange.h"

struct call_report {
    bool is_live; /* the live shape */
    const char *call_id; /* the query's */
    struct batch_lookup batch;
    uint64_t ordinal;
    cJSON *body;
    struct call_rows *rows;
};

static void call_status_free(void *state)
{
    struct call_report *c = state;
    cJSON_Delete(c->body);
    call_rows_free(c->rows);
    free(c);
}

/* The row's members, behind which those of the batch are moved. */
static cJSON *row_json(const struct call_report *c)
{
    const struct call_filter all = {.has_status = false};
    uint64_t next;
    cJSON *list = c->is_live ? call_rows_live_json(c->rows) : cJSON_CreateArray();
    if (list && !c->is_live && call_rows_list(c->rows, &all, 1, list, &next) != 0) {
        cJSON_Delete(list);
        return NULL;
    }
    cJSON *row = cJSON_DetachItemFromArray(list, 0);
    cJSON_Delete(list);
    return row;
}

static void on_rows(struct exchange *x, int err, void *arg)
{
    struct call_report *c = arg;
    if (err) {
        exchange_fail(x, err);
        return;
    }
    cJSON *row = row_json(c), *member;
    while (row && (member = cJSON_DetachItemFromArray(c->body, 0)) != NULL) {
        if (!cJSON_AddItemToObject(row, member->string, member)) {
            cJSON_Delete(member);
            cJSON_Delete(row);
            row = NULL;
        }
    }
    exchange_answer(x, 200, row);
}

static bool make_body(struct call_report *c, const struct batch_report *report)
{
    c->body = cJSON_CreateObject();
    return (c->is_live || json_add_str(c->body, "callId", c->call_id)) &&
           json_add_str(c->body, "batchId", report->id) && json_add_str(c->body, "agentId", report->agent_id) &&
           json_add_str(c->body, "userId", report->user_id);
}

static void on_report(struct exchange *x, const struct batch_report *report, void *arg)
{
    struct call_report *c = arg;
    if (!report || c->ordinal >= (uint64_t)report->total) {
        call_lookup_refuse(x);
        return;
    }
    struct call_scope scope = call_scope_of(report);
    int err = make_body(c, report) ? call_rows_create(&scope, c->ordinal, c->ordinal + 1, &c->rows) : ERR_NOMEM;
    if (err)
        exchange_fail(x, err);
    else
        call_rows_read(c->rows, x, CALL_ROWS_TEXTS, on_rows, c);
}

static void start(struct exchange *x, bool is_live)
{
    static const char *const known = "callId";
    struct call_report *c = calloc(1, sizeof *c);
    if (!c) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    exchange_keep(x, c, call_status_free);
    c->is_live = is_live;
    c->call_id = http_request_query(exchange_request(x), "callId");
    if (!exchange_knows_query(x, &known, 1))
        return;
    if (!c->call_id || !c->call_id[0])
        exchange_bad_argument(x, "callId", "is required");
    else if (call_lookup_read(x, c->call_id, c->batch.id, &c->ordinal))
        batch_lookup_ask(&c->batch, x, on_report, c);
}

static void run_live(struct exchange *x)
{
    start(x, true);
}

static void run_check(struct exchange *x)
{
    start(x, false);
}

void call_status_live(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run_live);
}

void call_status_check(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run_check);
}
