/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/tenant_view.h"

#include <stdlib.h>

#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/exchange.h"

/* Of what lies in Redis. */
#define QUOTAS 3

/* A tenant's own quotas, as they were read, until its use of them is known. */
struct view {
    int64_t limits[QUOTAS]; /* 0: none */
};

/* nil is 0. */
static int read_count(const struct redisReply *reply, int64_t *ret_count)
{
    *ret_count = 0;
    return reply_is_nil(reply) ? 0 : reply_i64(reply, ret_count);
}

static bool add_quota(cJSON *quotas, const char *name, int64_t limit, const int64_t *used)
{
    cJSON *quota = cJSON_AddObjectToObject(quotas, name);
    return (limit > 0 ? json_add_i64(quota, "limit", limit) : cJSON_AddNullToObject(quota, "limit")) &&
           (!used || json_add_i64(quota, "used", *used));
}

static cJSON *view_json(const struct exchange *x, const struct view *view, const int64_t used[QUOTAS])
{
    static const char *const names[QUOTAS] = {"batches", "queuedContacts", "bytes"};
    const struct identity *who = exchange_identity(x);
    cJSON *body = cJSON_CreateObject();
    bool is_whole = json_add_str(body, "id", who->tenant) &&
                    json_add_str(body, "alias", who->alias[0] ? who->alias : NULL) &&
                    json_add_str(body, "role", who->role == ROLE_VIEWER ? "viewer" : "tenant");
    cJSON *quotas = cJSON_AddObjectToObject(body, "quotas");
    int64_t rate = who->requests_per_second ? who->requests_per_second : exchange_api(x)->requests_per_second;
    is_whole = is_whole && add_quota(quotas, "requestsPerSecond", rate, NULL);
    for (size_t i = 0; i < QUOTAS && is_whole; i++)
        is_whole = add_quota(quotas, names[i], view->limits[i], &used[i]);
    if (is_whole)
        return body;
    cJSON_Delete(body);
    return NULL;
}

static void on_load(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    int64_t used[QUOTAS] = {0};
    for (size_t i = 0; i < QUOTAS && !err; i++)
        err = read_count(reply_at(reply, i), &used[i]);
    if (err)
        exchange_fail(x, err);
    else
        exchange_answer(x, 200, view_json(x, arg, used));
}

static void on_limits(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct view *view = arg;
    const struct quota_defaults *defaults = &exchange_api(x)->quota_defaults;
    const int64_t others[QUOTAS] = {defaults->batches, defaults->contacts, defaults->bytes};
    const struct identity *who = exchange_identity(x);
    for (size_t i = 0; i < QUOTAS && !err; i++) {
        err = read_count(reply_at(reply, i), &view->limits[i]);
        if (view->limits[i] == 0)
            view->limits[i] = others[i];
    }
    struct key key = key_load(who->cell, who->tenant);
    const struct redis_arg args[] = {redis_arg_str("HMGET"), key_arg(&key), redis_arg_str("batches"),
                                     redis_arg_str("contacts"), redis_arg_str("bytes")};
    if (!err)
        err = exchange_command(x, args, sizeof args / sizeof args[0], on_load, view);
    if (err)
        exchange_fail(x, err);
}

static void run(struct exchange *x)
{
    const struct identity *who = exchange_identity(x);
    struct view *view = calloc(1, sizeof *view);
    if (!exchange_knows_query(x, NULL, 0)) {
        free(view);
        return;
    }
    int err = view ? 0 : ERR_NOMEM;
    struct key key = key_tenant(who->cell, who->tenant);
    const struct redis_arg args[] = {redis_arg_str("HMGET"), key_arg(&key), redis_arg_str("max_batches"),
                                     redis_arg_str("max_queued_contacts"), redis_arg_str("max_bytes")};
    if (!err) {
        exchange_keep(x, view, free);
        err = exchange_command(x, args, sizeof args / sizeof args[0], on_limits, view);
    }
    if (err)
        exchange_fail(x, err);
}

void tenant_view(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run);
}
