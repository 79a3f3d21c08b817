/* SPDX-License-Identifier: Apache-2.0
 *
 * The tenants that have work, and the batches in their lanes.
 */
#include <string.h>

#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/cli/top_internal.h"
#include "producer/why_reply.h"

#define SENTENCE_MOST 1024

/* ---- tenants ---- */

enum tenant_field { T_STATE, T_REASON, T_CPS, T_MAX_CONCURRENT, T_AVAILABLE, T_RESERVED, T_FIELDS };
static const char *const tenant_fields[T_FIELDS] = {"state",          "reason",      "cps",
                                                    "max_concurrent", "available_s", "reserved_s"};

static int take_tenant(const struct redisReply *reply, void *arg)
{
    struct top_row *row = arg;
    row->cps = top_number(reply_at(reply, T_CPS), 0);
    int rc = top_put_text(row->shown, "state", reply_at(reply, T_STATE));
    if (rc == 0)
        rc = top_put_text(row->shown, "reason", reply_at(reply, T_REASON));
    if (rc == 0)
        rc = top_put_reply(row->shown, "maxStartsPerSecond", reply_at(reply, T_CPS));
    if (rc == 0)
        rc = top_put_reply(row->shown, "maxOnLine", reply_at(reply, T_MAX_CONCURRENT));
    if (rc == 0)
        rc = top_put_reply(row->shown, "credits", reply_at(reply, T_AVAILABLE));
    return rc ? rc : top_put_reply(row->shown, "reservedCredits", reply_at(reply, T_RESERVED));
}

static int take_load(const struct redisReply *reply, void *arg)
{
    struct top_row *row = arg;
    int rc = top_put(row->shown, "batches", top_number(reply_at(reply, 0), 0));
    if (rc == 0)
        rc = top_put(row->shown, "waiting", top_number(reply_at(reply, 1), 0));
    return rc ? rc : top_put(row->shown, "bytes", top_number(reply_at(reply, 2), 0));
}

void top_ask_tenants(struct top_look *look)
{
    struct redis_arg args[2 + T_FIELDS] = {redis_arg_str("HMGET")};
    for (size_t i = 0; i < T_FIELDS; i++)
        args[2 + i] = redis_arg_str(tenant_fields[i]);
    for (size_t i = 0; i < look->n_tenants; i++) {
        struct top_row *row = &look->tenant[i];
        struct key key = key_tenant(look->cell, row->id), load = key_load(look->cell, row->id);
        const struct redis_arg used[] = {redis_arg_str("HMGET"), key_arg(&load), redis_arg_str("batches"),
                                         redis_arg_str("contacts"), redis_arg_str("bytes")};
        args[1] = key_arg(&key);
        volley_command(&look->volley, args, 2 + T_FIELDS, take_tenant, row);
        volley_command(&look->volley, used, 5, take_load, row);
        top_ask_on_line(row, 't');
    }
}

/* ---- the lanes of their flows ---- */

/* "<batch>/<lane>" */
static int take_lanes(const struct redisReply *reply, void *arg)
{
    for (size_t i = 0; i < reply_len(reply); i++) {
        const char *lane = top_text(reply_at(reply, i));
        top_add_batch(arg, lane, strcspn(lane, "/"));
    }
    return 0;
}

static void ask_lanes(struct top_look *look, const struct key *key)
{
    char last[REDIS_I64_LEN];
    const struct redis_arg args[] = {redis_arg_str("ZRANGE"), key_arg(key), redis_arg_str("0"),
                                     redis_arg_i64(LIMIT_TOP_BATCHES - 1, last)};
    volley_command(&look->volley, args, 4, take_lanes, look);
}

void top_ask_flows(struct top_look *look)
{
    for (size_t i = 0; i < look->n_flows; i++) {
        const struct top_flow *flow = &look->flow[i];
        struct key ready = key_lanes_ready(look->cell, flow->trunk, flow->tenant);
        struct key waiting = key_lanes_waiting(look->cell, flow->trunk, flow->tenant);
        ask_lanes(look, &ready);
        ask_lanes(look, &waiting);
    }
}

/* ---- batches ---- */

enum batch_field { B_STATE, B_TENANT, B_TRUNK, B_CPS, B_MAX_CONCURRENT, B_TEXTS };
static const char *const batch_texts[B_TEXTS] = {"state", "tenant", "trunk", "cps", "max_concurrent"};
static const struct {
    const char *field;
    const char *name;
} batch_numbers[] = {{"total", "total"},   {"due", "waiting"},       {"claimed", "claimed"},
                     {"live", "onLine"},   {"ended", "ended"},       {"succeeded", "succeeded"},
                     {"failed", "failed"}, {"priority", "priority"}, {"attempts", "attempts"}};
#define B_NUMBERS (sizeof batch_numbers / sizeof batch_numbers[0])

static int show_batch(struct top_row *row)
{
    cJSON *shown = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(row->look->batches, shown)) {
        cJSON_Delete(shown);
        return ERR_NOMEM;
    }
    row->shown = shown;
    return json_add_str(shown, "id", row->id) && json_add_str(shown, "cell", row->look->cell) ? 0 : ERR_NOMEM;
}

/* One that was removed since it was found is not shown. Whose it is has work. */
static int take_batch(const struct redisReply *reply, void *arg)
{
    struct top_row *row = arg;
    const char *tenant = top_text(reply_at(reply, B_TENANT));
    if (!top_text(reply_at(reply, B_STATE))[0])
        return 0;
    int rc = show_batch(row);
    if (rc == 0)
        rc = top_add_tenant(row->look, tenant, strlen(tenant));
    row->cps = top_number(reply_at(reply, B_CPS), 0);
    for (size_t i = 0; i <= B_TRUNK && rc == 0; i++)
        rc = top_put_text(row->shown, batch_texts[i], reply_at(reply, i));
    if (rc == 0)
        rc = top_put_reply(row->shown, "maxStartsPerSecond", reply_at(reply, B_CPS));
    if (rc == 0)
        rc = top_put_reply(row->shown, "maxOnLine", reply_at(reply, B_MAX_CONCURRENT));
    for (size_t i = 0; i < B_NUMBERS && rc == 0; i++)
        rc = top_put(row->shown, batch_numbers[i].name, top_number(reply_at(reply, B_TEXTS + i), 0));
    return rc;
}

void top_ask_batches(struct top_look *look)
{
    struct redis_arg args[2 + B_TEXTS + B_NUMBERS] = {redis_arg_str("HMGET")};
    for (size_t i = 0; i < B_TEXTS; i++)
        args[2 + i] = redis_arg_str(batch_texts[i]);
    for (size_t i = 0; i < B_NUMBERS; i++)
        args[2 + B_TEXTS + i] = redis_arg_str(batch_numbers[i].field);
    for (; look->n_batches_asked < look->n_batches; look->n_batches_asked++) {
        struct top_row *row = &look->batch[look->n_batches_asked];
        struct key key = key_batch(look->cell, row->id);
        args[1] = key_arg(&key);
        volley_command(&look->volley, args, 2 + B_TEXTS + B_NUMBERS, take_batch, row);
    }
}

/* ---- what holds one back ---- */

static int take_why(const struct redisReply *reply, void *arg)
{
    cJSON *batch = arg;
    struct why_reply why;
    struct buf sentence;
    int rc = why_reply_read(reply, &why);
    if (rc != 0)
        return rc;
    struct why_reason verdict = why_verdict(why.reasons, why.n_reasons);
    buf_init(&sentence, SENTENCE_MOST);
    rc = why_write(&verdict, &sentence);
    if (rc == 0 && (!json_add_str(batch, "code", verdict.row->code) || !json_add_str(batch, "why", buf_str(&sentence))))
        rc = ERR_NOMEM;
    buf_free(&sentence);
    return rc;
}

void top_ask_why(struct volley *v, cJSON *batch)
{
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(batch, "id");
    const cJSON *tenant = cJSON_GetObjectItemCaseSensitive(batch, "tenant");
    if (!cJSON_IsString(id) || !cJSON_IsString(tenant))
        return;
    const struct redis_arg args[] = {redis_arg_str(id->valuestring), redis_arg_str(tenant->valuestring)};
    volley_script(v, LUA_BATCH_WHY, args, 2, take_why, batch);
}
