/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/webhook_change.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/body.h"
#include "producer/endpoint_offer.h"
#include "producer/endpoint_view.h"
#include "producer/webhook_path.h"

#define SECOND_MS 1000

/* ---- GET ---- */

static void on_endpoint(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)arg;
    if (err)
        webhook_fail_endpoint(x, err);
    else
        exchange_answer(x, 200, endpoint_view(reply));
}

static void run_show(struct exchange *x)
{
    const char *id = exchange_knows_query(x, NULL, 0) ? webhook_path_endpoint(x) : NULL;
    if (!id)
        return;
    const struct redis_arg args[] = {redis_arg_str("show"), redis_arg_str(exchange_identity(x)->tenant),
                                     redis_arg_str(id)};
    int err = exchange_script(x, LUA_HOOK_ENDPOINT, args, 3, on_endpoint, NULL);
    if (err)
        exchange_fail(x, err);
}

/* ---- PATCH ---- */

/* A member that is one of two words: the word, or "" where it is absent. */
static const char *read_word(const cJSON *object, const char *name, const char *a, const char *b, struct faults *faults)
{
    const char *text = body_str(object, name, LIMIT_SMALL_BODY_BYTES, faults);
    if (!text)
        return "";
    if (strcmp(text, a) != 0 && strcmp(text, b) != 0)
        faults_add(faults, name, FAULT_NOT_ALLOWED, "must be %s or %s", a, b);
    return text;
}

static void change(struct exchange *x, const char *id, const char *status, const char *signature)
{
    const char *tenant = exchange_identity(x)->tenant;
    char shard[REDIS_I64_LEN];
    const struct redis_arg args[] = {
        redis_arg_str("change"), redis_arg_str(tenant),
        redis_arg_str(id),       redis_arg_i64(key_event_shard(tenant), shard),
        redis_arg_str(status),   redis_arg_str(signature),
    };
    log_info("endpoint.change", log_str("request", http_request_id(exchange_request(x))), log_str("tenant", tenant),
             log_str("endpoint", id), log_str("status", status), log_str("signature", signature));
    int err = exchange_script(x, LUA_HOOK_ENDPOINT, args, 6, on_endpoint, NULL);
    if (err)
        exchange_fail(x, err);
}

static void judge_change(struct exchange *x, const char *id, const cJSON *object)
{
    static const char *const known[] = {"status", "signature", "userId"};
    struct faults faults;
    faults_init(&faults, LIMIT_FAULTS);
    body_check_names(object, known, 3, &faults);
    (void)body_str(object, "userId", LIMIT_SMALL_BODY_BYTES, &faults);
    const char *status = read_word(object, "status", "active", "disabled", &faults);
    const char *signature = read_word(object, "signature", "standard", "seed", &faults);
    if (exchange_take_faults(x, &faults))
        change(x, id, status, signature);
}

static void run_change(struct exchange *x)
{
    const char *id = exchange_knows_query(x, NULL, 0) ? webhook_path_endpoint(x) : NULL;
    cJSON *object = id ? body_read_object(x, false) : NULL;
    if (object && body_check_user(x, object))
        judge_change(x, id, object);
    cJSON_Delete(object);
}

/* ---- rotate ---- */

static void offer_free(void *state)
{
    struct endpoint_offer *offer = state;
    endpoint_offer_free(offer);
    free(offer);
}

static void on_rotated(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    const struct endpoint_offer *offer = arg;
    int64_t signing;
    if (!err)
        err = reply_i64(reply, &signing);
    if (err) {
        webhook_fail_endpoint(x, err);
        return;
    }
    cJSON *body = cJSON_CreateObject();
    bool is_whole =
        cJSON_AddTrueToObject(body, "success") && json_add_str(body, "id", offer->id) &&
        json_add_str(body, "secret", offer->secret) && json_add_i64(body, "signing", signing) &&
        json_add_str(body, "message", "The endpoint has another secret from now on. It is not shown again.");
    if (!is_whole) {
        cJSON_Delete(body);
        body = NULL;
    }
    log_info("endpoint.rotate", log_str("request", http_request_id(exchange_request(x))),
             log_str("tenant", exchange_identity(x)->tenant), log_str("endpoint", offer->id));
    exchange_answer(x, 200, body);
}

static void rotate(struct exchange *x, const char *id, int64_t grace_ms)
{
    char grace[REDIS_I64_LEN], most[REDIS_I64_LEN];
    struct endpoint_offer *offer = calloc(1, sizeof *offer);
    int err = offer ? endpoint_offer_renew(exchange_api(x)->keys, id, offer) : ERR_NOMEM;
    if (err) {
        free(offer);
        if (err == ERR_INVALID) /* no endpoint has such an id */
            err = ERR_NOT_FOUND;
        webhook_fail_endpoint(x, err);
        return;
    }
    exchange_keep(x, offer, offer_free);
    const struct redis_arg args[] = {
        redis_arg_str("rotate"),        redis_arg_str(exchange_identity(x)->tenant),
        redis_arg_str(offer->id),       redis_arg_str(offer->sealed),
        redis_arg_i64(grace_ms, grace), redis_arg_i64(LIMIT_SECRETS_ACTIVE, most),
    };
    err = exchange_script(x, LUA_HOOK_ENDPOINT, args, 6, on_rotated, offer);
    if (err)
        exchange_fail(x, err);
}

static void judge_rotate(struct exchange *x, const char *id, const cJSON *object)
{
    static const char *const known[] = {"graceSeconds", "userId"};
    const int64_t most_s = LIMIT_SECRET_GRACE_MAX_MS / SECOND_MS;
    const cJSON *grace = cJSON_GetObjectItemCaseSensitive(object, "graceSeconds");
    int64_t grace_s = LIMIT_SECRET_GRACE_MS / SECOND_MS;
    struct faults faults;
    faults_init(&faults, LIMIT_FAULTS);
    body_check_names(object, known, 2, &faults);
    (void)body_str(object, "userId", LIMIT_SMALL_BODY_BYTES, &faults);
    if (grace && !cJSON_IsNumber(grace))
        faults_add(&faults, "graceSeconds", FAULT_TYPE, "must be an integer");
    else if (grace && !(grace->valuedouble >= 0 && grace->valuedouble <= (double)most_s &&
                        grace->valuedouble == (double)(int64_t)grace->valuedouble))
        faults_add(&faults, "graceSeconds", FAULT_RANGE, "must be an integer from 0 to 604800");
    else if (grace)
        grace_s = (int64_t)grace->valuedouble;
    if (exchange_take_faults(x, &faults))
        rotate(x, id, grace_s * SECOND_MS);
}

static void run_rotate(struct exchange *x)
{
    const char *id = exchange_knows_query(x, NULL, 0) ? webhook_path_endpoint(x) : NULL;
    cJSON *object = id ? body_read_object(x, true) : NULL;
    if (object && body_check_user(x, object))
        judge_rotate(x, id, object);
    cJSON_Delete(object);
}

void webhook_show(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run_show);
}

void webhook_change(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_WRITE, run_change);
}

void webhook_rotate(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_WRITE, run_rotate);
}
