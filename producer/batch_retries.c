/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_retries.h"

#include <stdlib.h>

#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/exchange.h"
#include "producer/instant.h"

/* The reply of batch_retries.lua. */
enum part { PART_NOW, PART_TOTAL, PART_DUE, PART_NEXT, PART_LAST, PART_STEP, PART_COUNTS };

struct retries {
    char id[LIMIT_BATCH_ID_LEN + 1];
};

static int add_counts(const struct redisReply *reply, cJSON *body)
{
    cJSON *list = cJSON_AddArrayToObject(body, "counts");
    for (size_t i = PART_COUNTS; i < reply_len(reply); i++) {
        int64_t count;
        if (reply_i64(reply_at(reply, i), &count) != 0)
            return ERR_PROTOCOL;
        cJSON *item = cJSON_CreateNumber((double)count);
        if (!cJSON_AddItemToArray(list, item)) {
            cJSON_Delete(item);
            return ERR_NOMEM;
        }
    }
    return list ? 0 : ERR_NOMEM;
}

static int add_all(const struct redisReply *reply, const char *id, cJSON *body)
{
    int64_t now_ms, total, due, next_ms, last_ms, step_ms;
    int err = reply_i64(reply_at(reply, PART_NOW), &now_ms);
    if (!err)
        err = reply_i64(reply_at(reply, PART_TOTAL), &total);
    if (!err)
        err = reply_i64(reply_at(reply, PART_DUE), &due);
    if (!err)
        err = instant_read(reply_at(reply, PART_NEXT), &next_ms);
    if (!err)
        err = instant_read(reply_at(reply, PART_LAST), &last_ms);
    if (!err)
        err = reply_i64(reply_at(reply, PART_STEP), &step_ms);
    if (err)
        return err;
    bool is_whole = json_add_str(body, "batchId", id) && instant_add(body, "asOf", now_ms) &&
                    json_add_i64(body, "total", total) && json_add_i64(body, "due", due) &&
                    instant_add(body, "nextAt", next_ms) && instant_add(body, "lastAt", last_ms) &&
                    json_add_i64(body, "stepMs", step_ms);
    return is_whole ? add_counts(reply, body) : ERR_NOMEM;
}

static void on_retries(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    const struct retries *r = arg;
    cJSON *body = err ? NULL : cJSON_CreateObject();
    if (!err)
        err = add_all(reply, r->id, body);
    if (!err) {
        exchange_answer(x, 200, body);
        return;
    }
    cJSON_Delete(body);
    if (err == ERR_NOT_FOUND)
        exchange_not_found(x);
    else
        exchange_fail(x, err);
}

static void run(struct exchange *x)
{
    char steps[REDIS_I64_LEN];
    struct retries *r = calloc(1, sizeof *r);
    if (!r) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    exchange_keep(x, r, free);
    if (!exchange_knows_query(x, NULL, 0) || !exchange_batch_id(x, r->id))
        return;
    const struct redis_arg args[] = {redis_arg_str(r->id), redis_arg_str(exchange_identity(x)->tenant),
                                     redis_arg_i64(LIMIT_RETRY_STEPS, steps)};
    int err = exchange_script(x, LUA_BATCH_RETRIES, args, 3, on_retries, r);
    if (err)
        exchange_fail(x, err);
}

void batch_retries(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run);
}
