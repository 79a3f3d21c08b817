/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/webhooks.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/domain/webhook_url.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/body.h"
#include "producer/endpoint_offer.h"
#include "producer/endpoint_view.h"
#include "producer/exchange.h"
#include "producer/idempotency.h"

/* ---- GET ---- */

static bool add_endpoint(cJSON *list, const struct redisReply *entry)
{
    cJSON *object = endpoint_view(entry);
    if (object && cJSON_AddItemToArray(list, object))
        return true;
    cJSON_Delete(object);
    return false;
}

static void on_list(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)arg;
    if (err) {
        exchange_fail(x, err);
        return;
    }
    cJSON *body = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(body, "endpoints");
    bool is_whole = list != NULL;
    for (size_t i = 0; is_whole && i < reply_len(reply); i++)
        is_whole = add_endpoint(list, reply_at(reply, i));
    if (!is_whole) {
        cJSON_Delete(body);
        body = NULL;
    }
    exchange_answer(x, 200, body);
}

static void run_list(struct exchange *x)
{
    if (!exchange_knows_query(x, NULL, 0))
        return;
    const struct redis_arg args[] = {redis_arg_str("list"), redis_arg_str(exchange_identity(x)->tenant)};
    int err = exchange_script(x, LUA_HOOK_ENDPOINT, args, 2, on_list, NULL);
    if (err)
        exchange_fail(x, err);
}

/* ---- PUT ---- */

static void offer_free(void *state)
{
    struct endpoint_offer *offer = state;
    endpoint_offer_free(offer);
    free(offer);
}

static void answer_put(struct exchange *x, const struct endpoint_offer *offer, bool is_new)
{
    cJSON *body = cJSON_CreateObject();
    bool is_whole = cJSON_AddTrueToObject(body, "success") && json_add_str(body, "id", offer->id) &&
                    json_add_str(body, "origin", offer->origin) && json_add_str(body, "secret", offer->secret) &&
                    json_add_str(body, "message",
                                 is_new ? "Endpoint created. The secret is not shown again."
                                        : "The endpoint has another secret from now on. It is not shown again.");
    if (!is_whole) {
        cJSON_Delete(body);
        body = NULL;
    }
    log_info("endpoint.put", log_str("request", http_request_id(exchange_request(x))),
             log_str("tenant", exchange_identity(x)->tenant), log_str("endpoint", offer->id), log_bool("new", is_new));
    exchange_answer(x, is_new ? 201 : 200, body);
}

static void on_rotated(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)reply;
    if (err)
        exchange_fail(x, err);
    else
        answer_put(x, arg, false);
}

/* It exists: PUT means that the given secret holds, and it alone, from now on. */
static void replace(struct exchange *x, struct endpoint_offer *offer)
{
    char most[REDIS_I64_LEN];
    const struct redis_arg args[] = {
        redis_arg_str("rotate"),  redis_arg_str(exchange_identity(x)->tenant),
        redis_arg_str(offer->id), redis_arg_str(offer->sealed),
        redis_arg_str("0"),       redis_arg_i64(LIMIT_SECRETS_ACTIVE, most),
    };
    int err = exchange_script(x, LUA_HOOK_ENDPOINT, args, 6, on_rotated, offer);
    if (err)
        exchange_fail(x, err);
}

static void on_created(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct endpoint_offer *offer = arg;
    int64_t is_new;
    if (err == ERR_TOO_LARGE) {
        exchange_error(x, 409, "TOO_MANY_ENDPOINTS",
                       "The tenant has as many endpoints (origins) as it may have. Remove one first.", NULL);
        return;
    }
    if (!err)
        err = reply_i64(reply_at(reply, 0), &is_new);
    if (err)
        exchange_fail(x, err);
    else if (is_new)
        answer_put(x, offer, true);
    else
        replace(x, offer);
}

static void create(struct exchange *x, struct endpoint_offer *offer)
{
    char most[REDIS_I64_LEN];
    struct redis_arg args[6];
    args[0] = redis_arg_str("create");
    args[1] = redis_arg_str(exchange_identity(x)->tenant);
    args[2] = redis_arg_i64(LIMIT_ENDPOINTS_PER_TENANT, most);
    endpoint_offer_args(offer, args + 3);
    int err = exchange_script(x, LUA_HOOK_ENDPOINT, args, 6, on_created, offer);
    if (err)
        exchange_fail(x, err);
}

/* What the body asks for. */
struct wish {
    struct webhook_url url;
    const char *secret; /* NULL: one is to be made */
};

static void read_url(const struct api *api, const cJSON *object, struct wish *wish, struct faults *faults)
{
    const char *why = NULL;
    const cJSON *url = cJSON_GetObjectItemCaseSensitive(object, "url");
    const cJSON *origin = cJSON_GetObjectItemCaseSensitive(object, "origin");
    const char *name = url ? "url" : "origin";
    if (!url == !origin) {
        faults_add(faults, "url", FAULT_REQUIRED, "or origin is required, and only one of them");
        return;
    }
    const char *text = body_str(object, name, LIMIT_URL_LEN, faults);
    if (!text)
        return;
    if (webhook_url_parse(text, strlen(text), &wish->url, &why) != 0)
        faults_add(faults, name, FAULT_URL, "%s", why);
    else if (webhook_url_judge(&wish->url, &api->private_webhooks, &why) != 0)
        faults_add(faults, name, FAULT_URL_REFUSED, "%s", why);
}

static void read_secret(const cJSON *object, struct wish *wish, struct faults *faults)
{
    uint8_t key[ENDPOINT_KEY_MAX];
    size_t len;
    wish->secret = body_str(object, "secret", LIMIT_URL_LEN, faults);
    if (wish->secret && endpoint_secret_key(wish->secret, strlen(wish->secret), key, &len) != 0)
        faults_add(faults, "secret", FAULT_CHARACTERS, "must be whsec_ and the base64 of 24 to 64 bytes");
    explicit_bzero(key, sizeof key);
}

static int keep_offer(struct exchange *x, const struct wish *wish, struct endpoint_offer **ret_offer)
{
    struct endpoint_offer *offer = calloc(1, sizeof *offer);
    if (!offer)
        return ERR_NOMEM;
    int err =
        endpoint_offer_make(exchange_api(x)->keys, exchange_identity(x)->tenant, wish->url.origin, wish->secret, offer);
    if (err) {
        free(offer);
        return err;
    }
    exchange_keep(x, offer, offer_free);
    *ret_offer = offer;
    return 0;
}

static void judge(struct exchange *x, const cJSON *object)
{
    static const char *const known[] = {"url", "origin", "secret", "userId"};
    struct wish wish = {.secret = NULL};
    struct faults faults;
    struct endpoint_offer *offer;
    faults_init(&faults, LIMIT_FAULTS);
    body_check_names(object, known, 4, &faults);
    (void)body_str(object, "userId", LIMIT_SMALL_BODY_BYTES, &faults);
    read_url(exchange_api(x), object, &wish, &faults);
    read_secret(object, &wish, &faults);
    if (faults_count(&faults) > 0) {
        exchange_faults(x, &faults);
    } else {
        int err = keep_offer(x, &wish, &offer);
        if (err)
            exchange_fail(x, err);
        else
            create(x, offer);
    }
    faults_free(&faults);
}

static void run_put(struct exchange *x)
{
    cJSON *object = exchange_knows_query(x, NULL, 0) ? body_read_object(x, false) : NULL;
    if (object && body_check_user(x, object))
        judge(x, object);
    cJSON_Delete(object);
}

static void admitted_put(struct exchange *x)
{
    idempotency_claim(x, run_put);
}

void webhooks_list(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run_list);
}

void webhooks_put(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_WRITE, admitted_put);
}
