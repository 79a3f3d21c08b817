/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/webhook_again.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/encode.h"
#include "common/base/log.h"
#include "common/base/timestamp.h"
#include "common/domain/endpoint.h"
#include "common/domain/event.h"
#include "common/domain/webhook_url.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/body.h"
#include "producer/instant.h"
#include "producer/webhook_path.h"

static bool is_word(const struct redisReply *reply, const char *word)
{
    const char *text;
    size_t len;
    return reply_str(reply, &text, &len) == 0 && strcmp(text, word) == 0;
}

static void answer_asked(struct exchange *x, const char *delivery, const char *what)
{
    cJSON *body = cJSON_CreateObject();
    if (!cJSON_AddTrueToObject(body, "success") || !json_add_str(body, "deliveryId", delivery)) {
        cJSON_Delete(body);
        body = NULL;
    }
    log_info(what, log_str("request", http_request_id(exchange_request(x))),
             log_str("tenant", exchange_identity(x)->tenant), log_str("delivery", delivery));
    exchange_answer(x, 202, body);
}

/* Words that mean that it was not done. */
static void refuse(struct exchange *x, const struct redisReply *reply)
{
    if (is_word(reply, "disabled"))
        webhook_refuse_disabled(x);
    else if (is_word(reply, "busy"))
        exchange_error(x, 409, "DELIVERY_UNDER_WAY", "It is under way, or waits for its next attempt.", NULL);
    else if (is_word(reply, "full"))
        exchange_error(x, 409, "ENDPOINT_BUSY", "Its last test is under way, or as much waits for it as may.", NULL);
    else if (is_word(reply, "gone"))
        exchange_error(x, 410, "DELIVERY_GONE", "Its batch is not kept any more, so its body cannot be made again.",
                       NULL);
    else
        exchange_fail(x, ERR_PROTOCOL);
}

/* ---- redeliver ---- */

static void on_redeliver(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)arg;
    if (err)
        webhook_fail_delivery(x, err);
    else if (is_word(reply, "asked"))
        answer_asked(x, http_request_param(exchange_request(x), "id"), "delivery.again");
    else
        refuse(x, reply);
}

static void run_redeliver(struct exchange *x)
{
    const char *tenant = exchange_identity(x)->tenant;
    char shard[REDIS_I64_LEN];
    const char *id = exchange_knows_query(x, NULL, 0) && body_check_user_only(x) ? webhook_path_delivery(x) : NULL;
    if (!id)
        return;
    const struct redis_arg args[] = {redis_arg_str("redeliver"), redis_arg_str(tenant),
                                     redis_arg_i64(key_event_shard(tenant), shard), redis_arg_str(id)};
    int err = exchange_script(x, LUA_HOOK_AGAIN, args, 4, on_redeliver, NULL);
    if (err)
        exchange_fail(x, err);
}

/* ---- recover ---- */

enum { RECOVER_WORD, RECOVER_ASKED, RECOVER_GONE, RECOVER_LEFT, RECOVER_NEXT_MS };

static void on_recover(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)arg;
    int64_t asked, gone, left, next_ms;
    if (!err && !is_word(reply_at(reply, RECOVER_WORD), "asked")) {
        refuse(x, reply_at(reply, RECOVER_WORD));
        return;
    }
    if (!err &&
        (reply_i64(reply_at(reply, RECOVER_ASKED), &asked) < 0 || reply_i64(reply_at(reply, RECOVER_GONE), &gone) < 0 ||
         reply_i64(reply_at(reply, RECOVER_LEFT), &left) < 0 ||
         reply_i64(reply_at(reply, RECOVER_NEXT_MS), &next_ms) < 0))
        err = ERR_PROTOCOL;
    if (err) {
        webhook_fail_endpoint(x, err);
        return;
    }
    cJSON *body = cJSON_CreateObject();
    if (!cJSON_AddTrueToObject(body, "success") || !json_add_i64(body, "recovered", asked) ||
        !json_add_i64(body, "gone", gone) || !json_add_i64(body, "left", left) ||
        !instant_add(body, "nextSince", next_ms > 0 ? next_ms : 0)) {
        cJSON_Delete(body);
        body = NULL;
    }
    log_info("endpoint.recover", log_str("request", http_request_id(exchange_request(x))),
             log_str("tenant", exchange_identity(x)->tenant), log_i64("recovered", asked), log_i64("left", left));
    exchange_answer(x, 202, body);
}

/* 0 where it is absent: all that are kept. */
static bool read_since(struct exchange *x, int64_t *ret_ms)
{
    struct timestamp_parts parts;
    const char *text = http_request_query(exchange_request(x), "since");
    *ret_ms = 0;
    if (!text)
        return true;
    if (timestamp_parse(text, strlen(text), &parts) == 0 && parts.has_offset) {
        *ret_ms = parts.wall_ms - (int64_t)parts.offset_s * 1000;
        return true;
    }
    exchange_bad_argument(x, "since", "must be an instant such as 2027-11-16T09:00:00Z, with an offset or Z");
    return false;
}

static void run_recover(struct exchange *x)
{
    static const char *const known = "since";
    const char *tenant = exchange_identity(x)->tenant;
    char shard[REDIS_I64_LEN], since[REDIS_I64_LEN], most[REDIS_I64_LEN];
    int64_t since_ms;
    if (!exchange_knows_query(x, &known, 1) || !read_since(x, &since_ms) || !body_check_user_only(x))
        return;
    const char *id = webhook_path_endpoint(x);
    if (!id)
        return;
    const struct redis_arg args[] = {
        redis_arg_str("recover"), redis_arg_str(tenant),          redis_arg_i64(key_event_shard(tenant), shard),
        redis_arg_str(id),        redis_arg_i64(since_ms, since), redis_arg_i64(LIMIT_DELIVERIES_RECOVERED, most),
    };
    int err = exchange_script(x, LUA_HOOK_AGAIN, args, 6, on_recover, NULL);
    if (err)
        exchange_fail(x, err);
}

/* ---- test ---- */

#define TEST_RANDOM_BYTES 10

struct trial {
    char endpoint[ENDPOINT_ID_LEN + 1];
    char id[EVENT_ID_LEN + 1];
    char *url; /* owned; NULL: the origin's root */
};

static void trial_free(void *state)
{
    struct trial *trial = state;
    free(trial->url);
    free(trial);
}

static int make_test_body(const struct trial *trial, const char *tenant, struct buf *ret_body)
{
    char at[TIMESTAMP_LEN + 1];
    cJSON *body = cJSON_CreateObject();
    timestamp_format(clock_wall_ms(), at);
    int err = json_add_str(body, "event", EVENT_TEST_NAME) && json_add_str(body, "endpointId", trial->endpoint) &&
                      json_add_str(body, "userId", tenant) && json_add_str(body, "timestamp", at)
                  ? json_print(body, ret_body)
                  : ERR_NOMEM;
    cJSON_Delete(body);
    return err;
}

static void on_test(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    const struct trial *trial = arg;
    if (err)
        webhook_fail_endpoint(x, err);
    else if (is_word(reply, "asked"))
        answer_asked(x, trial->id, "endpoint.test");
    else
        refuse(x, reply);
}

static int send_test(struct exchange *x, struct trial *trial)
{
    const char *tenant = exchange_identity(x)->tenant;
    char shard[REDIS_I64_LEN], most[REDIS_I64_LEN];
    uint8_t random[TEST_RANDOM_BYTES];
    char digits[2 * TEST_RANDOM_BYTES + 1];
    struct buf body;
    int err = random_bytes(random, sizeof random);
    if (err)
        return err;
    encode_hex(random, sizeof random, digits);
    (void)snprintf(trial->id, sizeof trial->id, "evt_test_%s", digits);
    buf_init(&body, LIMIT_SMALL_BODY_BYTES);
    err = make_test_body(trial, tenant, &body);
    if (!err) {
        const struct redis_arg args[] = {
            redis_arg_str("test"),
            redis_arg_str(tenant),
            redis_arg_i64(key_event_shard(tenant), shard),
            redis_arg_str(trial->endpoint),
            redis_arg_i64(LIMIT_ENDPOINT_PENDING, most),
            redis_arg_str(trial->id),
            redis_arg_str(trial->url),
            redis_arg_mem(buf_str(&body), buf_len(&body)),
        };
        err = exchange_script(x, LUA_HOOK_AGAIN, args, sizeof args / sizeof args[0], on_test, trial);
    }
    buf_free(&body);
    return err;
}

/* The URL must lead to the endpoint: its id is made of the origin. */
static const char *read_url(struct exchange *x, const cJSON *object, const char *id, struct faults *faults)
{
    char endpoint[ENDPOINT_ID_LEN + 1];
    struct webhook_url url;
    const char *why = NULL;
    const char *text = body_str(object, "url", LIMIT_URL_LEN, faults);
    if (!cJSON_HasObjectItem(object, "url"))
        faults_add(faults, "url", FAULT_REQUIRED, "is required");
    if (!text)
        return NULL;
    if (webhook_url_parse(text, strlen(text), &url, &why) != 0)
        faults_add(faults, "url", FAULT_URL, "%s", why);
    else if (webhook_url_judge(&url, &exchange_api(x)->private_webhooks, &why) != 0)
        faults_add(faults, "url", FAULT_URL_REFUSED, "%s", why);
    else if (endpoint_id_make(exchange_identity(x)->tenant, url.origin, endpoint) == 0 && strcmp(endpoint, id) != 0)
        faults_add(faults, "url", FAULT_NOT_ALLOWED, "must lead to the endpoint's origin");
    return text;
}

static int start_test(struct exchange *x, const char *id, const char *url)
{
    struct trial *trial = calloc(1, sizeof *trial);
    if (!trial)
        return ERR_NOMEM;
    exchange_keep(x, trial, trial_free);
    (void)snprintf(trial->endpoint, sizeof trial->endpoint, "%s", id);
    trial->url = strdup(url);
    return trial->url ? send_test(x, trial) : ERR_NOMEM;
}

static void judge_test(struct exchange *x, const char *id, const cJSON *object)
{
    static const char *const known[] = {"url", "userId"};
    struct faults faults;
    faults_init(&faults, LIMIT_FAULTS);
    body_check_names(object, known, 2, &faults);
    (void)body_str(object, "userId", LIMIT_SMALL_BODY_BYTES, &faults);
    const char *url = read_url(x, object, id, &faults);
    int err = exchange_take_faults(x, &faults) ? start_test(x, id, url) : 0;
    if (err)
        exchange_fail(x, err);
}

/* Another tenant's endpoint is told as none before anything is said of the URL. */
static void on_known(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)reply;
    (void)arg;
    cJSON *object = err ? NULL : body_read_object(x, false);
    if (err)
        webhook_fail_endpoint(x, err);
    else if (object && body_check_user(x, object))
        judge_test(x, http_request_param(exchange_request(x), "id"), object);
    cJSON_Delete(object);
}

static void run_test(struct exchange *x)
{
    const char *id = exchange_knows_query(x, NULL, 0) ? webhook_path_endpoint(x) : NULL;
    if (!id)
        return;
    const struct redis_arg args[] = {redis_arg_str("show"), redis_arg_str(exchange_identity(x)->tenant),
                                     redis_arg_str(id)};
    int err = exchange_script(x, LUA_HOOK_ENDPOINT, args, 3, on_known, NULL);
    if (err)
        exchange_fail(x, err);
}

void webhook_redeliver(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_WRITE, run_redeliver);
}

void webhook_recover(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_WRITE, run_recover);
}

void webhook_test(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_WRITE, run_test);
}
