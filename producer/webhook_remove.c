/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/webhook_remove.h"

#include "common/base/log.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/webhook_path.h"

static void on_removed(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)arg;
    const char *id = http_request_param(exchange_request(x), "id");
    int64_t dropped;
    if (!err)
        err = reply_i64(reply, &dropped);
    if (err) {
        webhook_fail_endpoint(x, err);
        return;
    }
    cJSON *body = cJSON_CreateObject();
    if (!cJSON_AddTrueToObject(body, "success") || !json_add_str(body, "id", id) ||
        !json_add_i64(body, "dropped", dropped)) {
        cJSON_Delete(body);
        body = NULL;
    }
    log_info("endpoint.removed", log_str("request", http_request_id(exchange_request(x))),
             log_str("tenant", exchange_identity(x)->tenant), log_str("endpoint", id), log_i64("dropped", dropped));
    exchange_answer(x, 200, body);
}

static void run(struct exchange *x)
{
    const char *tenant = exchange_identity(x)->tenant;
    char shard[REDIS_I64_LEN];
    const char *id = exchange_knows_query(x, NULL, 0) ? webhook_path_endpoint(x) : NULL;
    if (!id)
        return;
    const struct redis_arg args[] = {redis_arg_str(tenant), redis_arg_str(id),
                                     redis_arg_i64(key_event_shard(tenant), shard)};
    int err = exchange_script(x, LUA_HOOK_REMOVE, args, 3, on_removed, NULL);
    if (err)
        exchange_fail(x, err);
}

void webhook_remove(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_WRITE, run);
}
