/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/call_list.h"

#include <stdlib.h>
#include <string.h>

#include "common/json/json.h"
#include "producer/batch_lookup.h"
#include "producer/call_filter.h"
#include "producer/call_rows.h"
#include "producer/exchange.h"
#include "producer/list_query.h"

struct call_list {
    struct batch_lookup batch;
    struct list_query query;
    struct call_filter filter;
    struct call_scope scope;
    uint64_t next; /* the ordinal to go on with */
    uint64_t end; /* looked at no further in this answer */
    cJSON *calls;
    struct call_rows *rows; /* being read */
};

static void call_list_free(void *state)
{
    struct call_list *l = state;
    cJSON_Delete(l->calls);
    call_rows_free(l->rows);
    free(l);
}

/* ---- the answer ---- */

static bool add_cursor(const struct call_list *l, cJSON *body)
{
    char text[LIST_CURSOR_LEN + 1];
    struct list_cursor cursor = {.place = (int64_t)l->next};
    if (l->next >= l->scope.total)
        return json_add_str(body, "nextCursor", NULL) != NULL;
    memcpy(cursor.id, l->batch.id, sizeof cursor.id);
    list_cursor_format(&cursor, text);
    return json_add_str(body, "nextCursor", text) != NULL;
}

static void answer(struct exchange *x, struct call_list *l)
{
    cJSON *body = cJSON_CreateObject();
    bool is_whole = json_add_str(body, "batchId", l->batch.id) &&
                    json_add_i64(body, "total", (int64_t)l->scope.total) &&
                    cJSON_AddItemToObject(body, "calls", l->calls);
    if (is_whole)
        l->calls = NULL; /* the body's now */
    if (!is_whole || !add_cursor(l, body)) {
        cJSON_Delete(body);
        body = NULL;
    }
    exchange_answer(x, 200, body);
}

/* ---- its rows ---- */

static void read_on(struct exchange *x, struct call_list *l);

static int take_rows(struct call_list *l)
{
    size_t room = l->query.limit - (size_t)cJSON_GetArraySize(l->calls);
    int err = call_rows_list(l->rows, &l->filter, room, l->calls, &l->next);
    call_rows_free(l->rows);
    l->rows = NULL;
    return err;
}

static void on_rows(struct exchange *x, int err, void *arg)
{
    struct call_list *l = arg;
    if (!err)
        err = take_rows(l);
    if (err)
        exchange_fail(x, err);
    else
        read_on(x, l);
}

static void read_on(struct exchange *x, struct call_list *l)
{
    if (l->next >= l->end || (uint64_t)cJSON_GetArraySize(l->calls) == l->query.limit) {
        answer(x, l);
        return;
    }
    int err = call_rows_create(&l->scope, l->next, l->end, &l->rows);
    if (err)
        exchange_fail(x, err);
    else
        call_rows_read(l->rows, x, CALL_ROWS_TEXTS, on_rows, l);
}

static void on_report(struct exchange *x, const struct batch_report *report, void *arg)
{
    struct call_list *l = arg;
    if (!report) {
        exchange_not_found(x);
        return;
    }
    bool is_filtered = l->filter.has_status || l->filter.has_outcome;
    uint64_t most = is_filtered ? LIMIT_LIST_SCAN : l->query.limit;
    l->scope = call_scope_of(report);
    l->next = l->query.has_cursor ? (uint64_t)l->query.cursor.place : 0;
    if (l->next > l->scope.total)
        l->next = l->scope.total;
    l->end = l->scope.total - l->next > most ? l->next + most : l->scope.total;
    l->calls = cJSON_CreateArray();
    if (l->calls)
        read_on(x, l);
    else
        exchange_fail(x, ERR_NOMEM);
}

/* ---- what is asked ---- */

static bool read_query(struct exchange *x, struct call_list *l)
{
    struct faults faults;
    faults_init(&faults, LIMIT_FAULTS);
    list_query_read_of(exchange_request(x), l->batch.id, &l->query, &faults);
    call_filter_read(exchange_request(x), &l->filter, &faults);
    return exchange_take_faults(x, &faults);
}

static void run(struct exchange *x)
{
    static const char *const known[] = {"status", "outcome", "limit", "cursor"};
    struct call_list *l = calloc(1, sizeof *l);
    if (!l) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    exchange_keep(x, l, call_list_free);
    if (exchange_knows_query(x, known, sizeof known / sizeof known[0]) && exchange_batch_id(x, l->batch.id) &&
        read_query(x, l))
        batch_lookup_ask(&l->batch, x, on_report, l);
}

void call_list(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run);
}
