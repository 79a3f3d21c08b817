/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_remove.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/exchange.h"

struct removal {
    char id[LIMIT_BATCH_ID_LEN + 1];
};

/* "ERR_STATE <state>" */
static void refuse_state(struct exchange *x, const struct redisReply *reply)
{
    const char *text = reply_error(reply);
    const char *state = text ? strchr(text, ' ') : NULL;
    cJSON *details = cJSON_CreateObject();
    (void)json_add_str(details, "status", state ? state + 1 : NULL);
    exchange_error(x, 409, "BATCH_STATE",
                   "Only a batch that has ended can be removed. Cancel it first, and let its last calls end.", details);
}

static void on_removed(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    const struct removal *r = arg;
    if (err == ERR_NOT_FOUND) {
        exchange_not_found(x);
    } else if (err == ERR_STATE) {
        refuse_state(x, reply);
    } else if (err) {
        exchange_fail(x, err);
    } else {
        log_info("batch.removed", log_str("request", http_request_id(exchange_request(x))),
                 log_str("tenant", exchange_identity(x)->tenant), log_str("batch", r->id));
        cJSON *body = cJSON_CreateObject();
        if (!cJSON_AddTrueToObject(body, "success") || !json_add_str(body, "batchId", r->id)) {
            cJSON_Delete(body);
            body = NULL;
        }
        exchange_answer(x, 200, body);
    }
}

static void run(struct exchange *x)
{
    if (!exchange_knows_query(x, NULL, 0))
        return;
    struct removal *r = calloc(1, sizeof *r);
    if (!r) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    exchange_keep(x, r, free);
    if (!exchange_batch_id(x, r->id))
        return;
    const struct redis_arg args[] = {redis_arg_str(r->id), redis_arg_str(exchange_identity(x)->tenant)};
    int err = exchange_script(x, LUA_BATCH_REMOVE, args, 2, on_removed, r);
    if (err)
        exchange_fail(x, err);
}

void batch_remove(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_WRITE, run);
}
