/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_errors.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/domain/row_error.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/batch_lookup.h"
#include "producer/exchange.h"
#include "producer/list_query.h"

struct errors {
    struct batch_lookup batch;
    struct list_query query;
    cJSON *body;
};

static void errors_free(void *state)
{
    struct errors *e = state;
    cJSON_Delete(e->body);
    free(e);
}

/* ---- the answer ---- */

static int add_line(cJSON *list, const struct redisReply *line)
{
    const char *text;
    size_t len;
    struct row_error error;
    int err = reply_str(line, &text, &len);
    if (!err && row_error_read(text, len, &error) != 0)
        err = ERR_PROTOCOL;
    if (err)
        return err;
    cJSON *object = row_error_json(&error);
    if (cJSON_AddItemToArray(list, object))
        return 0;
    cJSON_Delete(object);
    return ERR_NOMEM;
}

/* One line more than is shown was asked for: it tells whether there is more. */
static int add_lines(struct errors *e, const struct redisReply *lines)
{
    char cursor[LIST_CURSOR_LEN + 1] = "";
    cJSON *list = cJSON_AddArrayToObject(e->body, "errors");
    size_t n = reply_len(lines);
    bool has_more = n > e->query.limit;
    int err = list ? 0 : ERR_NOMEM;
    for (size_t i = 0; !err && i < n - has_more; i++)
        err = add_line(list, reply_at(lines, i));
    if (has_more) {
        struct list_cursor at = {.place = e->query.cursor.place + (int64_t)e->query.limit};
        memcpy(at.id, e->batch.id, sizeof at.id);
        list_cursor_format(&at, cursor);
    }
    if (!err && !json_add_str(e->body, "nextCursor", has_more ? cursor : NULL))
        err = ERR_NOMEM;
    return err;
}

static void on_lines(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct errors *e = arg;
    if (!err)
        err = add_lines(e, reply);
    if (err) {
        exchange_fail(x, err);
        return;
    }
    cJSON *body = e->body;
    e->body = NULL;
    exchange_answer(x, 200, body);
}

static int ask_lines(struct exchange *x, struct errors *e)
{
    char first[REDIS_I64_LEN], last[REDIS_I64_LEN];
    struct key key = key_batch_rows(exchange_identity(x)->cell, e->batch.id);
    int64_t from = e->query.cursor.place;
    const struct redis_arg args[] = {redis_arg_str("LRANGE"), key_arg(&key), redis_arg_i64(from, first),
                                     redis_arg_i64(from + (int64_t)e->query.limit, last)};
    return exchange_command(x, args, 4, on_lines, e);
}

static void on_report(struct exchange *x, const struct batch_report *report, void *arg)
{
    struct errors *e = arg;
    if (!report) {
        exchange_not_found(x);
        return;
    }
    e->body = cJSON_CreateObject();
    bool is_whole = json_add_str(e->body, "batchId", e->batch.id) &&
                    json_add_i64(e->body, "rejected", report->rejected) &&
                    json_add_i64(e->body, "duplicates", report->duplicates);
    int err = is_whole ? ask_lines(x, e) : ERR_NOMEM;
    if (err)
        exchange_fail(x, err);
}

/* ---- what is asked ---- */

static bool read_query(struct exchange *x, struct errors *e)
{
    struct faults faults;
    faults_init(&faults, LIMIT_FAULTS);
    list_query_read_of(exchange_request(x), e->batch.id, &e->query, &faults);
    if (!e->query.has_cursor || e->query.cursor.place > LIMIT_COUNT)
        e->query.cursor.place = e->query.has_cursor ? LIMIT_COUNT : 0;
    return exchange_take_faults(x, &faults);
}

static void run(struct exchange *x)
{
    static const char *const known[] = {"limit", "cursor"};
    struct errors *e = calloc(1, sizeof *e);
    if (!e) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    exchange_keep(x, e, errors_free);
    if (exchange_knows_query(x, known, sizeof known / sizeof known[0]) && exchange_batch_id(x, e->batch.id) &&
        read_query(x, e))
        batch_lookup_ask(&e->batch, x, on_report, e);
}

void batch_errors(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run);
}
