/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/webhook_deliveries.h"

#include <string.h>

#include "common/base/encode.h"
#include "common/base/ident.h"
#include "common/base/limits.h"
#include "common/domain/endpoint.h"
#include "common/domain/event.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/delivery_view.h"
#include "producer/exchange.h"
#include "producer/list_query.h"
#include "producer/webhook_path.h"

/* Where a list goes on (hook_deliveries.lua), which clients see in hexadecimal. */
#define PLACE_LEN 255
/* An endpoint's log is bounded roughly: whole nodes of the stream are dropped. */
#define LOG_LOOKS (INT64_C(2) * LIMIT_ENDPOINT_LOG)

/* ---- one ---- */

static bool add_attempts(cJSON *body, const struct redisReply *lines)
{
    cJSON *list = cJSON_AddArrayToObject(body, "log");
    bool is_whole = list != NULL;
    for (size_t i = 0; is_whole && i < reply_len(lines); i++) {
        cJSON *attempt = delivery_view_attempt(reply_at(lines, i));
        is_whole = attempt && cJSON_AddItemToArray(list, attempt);
        if (!is_whole)
            cJSON_Delete(attempt);
    }
    return is_whole;
}

static void on_one(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)arg;
    const char *id = http_request_param(exchange_request(x), "id");
    if (err) {
        webhook_fail_delivery(x, err);
        return;
    }
    cJSON *body = delivery_view(id, reply_at(reply, 0));
    if (body && !add_attempts(body, reply_at(reply, 1))) {
        cJSON_Delete(body);
        body = NULL;
    }
    exchange_answer(x, 200, body);
}

static void run_show(struct exchange *x)
{
    char looks[REDIS_I64_LEN];
    const char *id = exchange_knows_query(x, NULL, 0) ? webhook_path_delivery(x) : NULL;
    if (!id)
        return;
    const struct redis_arg args[] = {redis_arg_str("one"), redis_arg_str(exchange_identity(x)->tenant),
                                     redis_arg_str(id), redis_arg_i64(LOG_LOOKS, looks)};
    int err = exchange_script(x, LUA_HOOK_DELIVERIES, args, 4, on_one, NULL);
    if (err)
        exchange_fail(x, err);
}

/* ---- the list ---- */

static bool add_row(cJSON *list, const struct redisReply *row)
{
    const char *id;
    size_t len;
    cJSON *delivery = reply_str(reply_at(row, 0), &id, &len) == 0 ? delivery_view(id, reply_at(row, 1)) : NULL;
    if (delivery && cJSON_AddItemToArray(list, delivery))
        return true;
    cJSON_Delete(delivery);
    return false;
}

static void on_list(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)arg;
    char cursor[2 * PLACE_LEN + 1];
    const char *place;
    size_t len;
    if (err == ERR_INVALID) {
        exchange_bad_argument(x, "cursor", "must be one that an answer gave");
        return;
    }
    if (!err)
        err = reply_str(reply_at(reply, 0), &place, &len);
    if (!err && len > PLACE_LEN)
        err = ERR_PROTOCOL;
    if (err) {
        webhook_fail_endpoint(x, err);
        return;
    }
    encode_hex(place, len, cursor);
    cJSON *body = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(body, "deliveries");
    bool is_whole = list != NULL;
    for (size_t i = 1; is_whole && i < reply_len(reply); i++)
        is_whole = add_row(list, reply_at(reply, i));
    if (!is_whole || !json_add_str(body, "nextCursor", len > 0 ? cursor : NULL)) {
        cJSON_Delete(body);
        body = NULL;
    }
    exchange_answer(x, 200, body);
}

struct list_wish {
    const char *endpoint, *state, *event; /* "": any */
    char place[PLACE_LEN + 1];
    uint64_t limit;
};

static const char *read_id(const struct http_request *req, const char *name, size_t max_len, struct faults *faults)
{
    const char *id = http_request_query(req, name);
    if (id && !ident_is_valid(id, strlen(id), max_len))
        faults_add(faults, name, FAULT_CHARACTERS, "must have 1 to %zu letters, digits, _ and -", max_len);
    return id ? id : "";
}

static const char *read_state(const struct http_request *req, struct faults *faults)
{
    static const char *const states[] = {"pending", "in_flight", "retrying", "delivered", "dead"};
    const char *state = http_request_query(req, "state");
    for (size_t i = 0; state && i < sizeof states / sizeof states[0]; i++) {
        if (strcmp(state, states[i]) == 0)
            return state;
    }
    if (state)
        faults_add(faults, "state", FAULT_NOT_ALLOWED, "must be pending, in_flight, retrying, delivered or dead");
    return "";
}

static void read_wish(const struct http_request *req, struct list_wish *wish, struct faults *faults)
{
    wish->endpoint = read_id(req, "endpoint", ENDPOINT_ID_LEN, faults);
    wish->event = read_id(req, "event", EVENT_ID_LEN, faults);
    wish->state = read_state(req, faults);
    list_limit_read(req, LIMIT_DELIVERIES_LISTED, &wish->limit, faults);
    (void)list_place_read(req, PLACE_LEN, wish->place, faults);
}

static void ask_list(struct exchange *x, const struct list_wish *wish)
{
    const char *tenant = exchange_identity(x)->tenant;
    char limit[REDIS_I64_LEN], looks[REDIS_I64_LEN], shard[REDIS_I64_LEN];
    const struct redis_arg args[] = {
        redis_arg_str("list"),
        redis_arg_str(tenant),
        redis_arg_str(wish->endpoint),
        redis_arg_str(wish->state),
        redis_arg_str(wish->event),
        redis_arg_str(wish->place),
        redis_arg_i64((int64_t)wish->limit, limit),
        redis_arg_i64(LIMIT_DELIVERIES_LOOKED_AT, looks),
        redis_arg_i64(key_event_shard(tenant), shard),
    };
    int err = exchange_script(x, LUA_HOOK_DELIVERIES, args, sizeof args / sizeof args[0], on_list, NULL);
    if (err)
        exchange_fail(x, err);
}

static void run_list(struct exchange *x)
{
    static const char *const known[] = {"endpoint", "state", "event", "cursor", "limit"};
    struct list_wish wish;
    struct faults faults;
    if (!exchange_knows_query(x, known, 5))
        return;
    faults_init(&faults, LIMIT_FAULTS);
    read_wish(exchange_request(x), &wish, &faults);
    if (exchange_take_faults(x, &faults))
        ask_list(x, &wish);
}

void webhook_deliveries_list(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run_list);
}

void webhook_deliveries_show(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run_show);
}
