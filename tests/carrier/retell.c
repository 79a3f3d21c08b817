/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/retell.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/ident.h"
#include "common/base/limits.h"
#include "common/json/json.h"
#include "tests/carrier/answer.h"
#include "tests/carrier/courier.h"
#include "tests/carrier/retell_list.h"
#include "tests/carrier/retell_request.h"
#include "tests/carrier/retell_sign.h"
#include "tests/carrier/retell_view.h"

#define CREATE_PATH "/v2/create-phone-call"
#define AGENT_UNKNOWN "agent_unknown"
#define AGENT_UNPAID "agent_unpaid"
#define CONCURRENCY_LIMIT 1000000 /* it has as many lines as it remembers calls */
#define CALL_BYTES_MAX (512u << 10)
#define WHY_BYTES_MAX 512
#define BEARER "Bearer "
#define CALL_ID_PREFIX "call_"
#define CALL_ID_RANDOM 27

/* docs.retellai.com, "Webhook Overview": 10 s, and up to three times more. */
#define WEBHOOK_TIMEOUT_MS 10000
#define WEBHOOK_TRIES 4

#define EVENT_STARTED "call_started"
#define EVENT_ENDED "call_ended"
#define EVENT_ANALYZED "call_analyzed"

struct retell {
    char *api_key;
    char *webhook_url;
    struct carrier *carrier;
    struct courier *courier;
    struct courier_style style;
    struct answer_style answers;
};

/* ---- answers ---- */

/* Errors are {"status":"error","message":...}; these are the documented sentences. */
static const char *error_sentence(int status)
{
    switch (status) {
    case 400:
        return "Invalid request format, please check API reference.";
    case 401:
        return "API key is missing or invalid.";
    case 402:
        return "Trial has ended, please add payment method.";
    case 422:
        return "Cannot find requested asset under given api key.";
    case 429:
        return "Account rate limited, please throttle your requests.";
    default:
        return "An unexpected server error occurred.";
    }
}

static void reply_json(struct http_request *req, int status, const cJSON *value)
{
    static const struct http_header RETRY_LATER[] = {{"Retry-After", "1"}};
    struct buf json;
    buf_init(&json, CALL_BYTES_MAX);
    if (!value || json_print(value, &json)) {
        static const char BROKEN[] = "{\"status\":\"error\",\"message\":\"out of memory\"}";
        (void)http_request_reply(req, 500, "application/json", NULL, 0, BROKEN, sizeof BROKEN - 1);
    } else {
        (void)http_request_reply(req, status, "application/json", RETRY_LATER, status == 429, buf_str(&json),
                                 buf_len(&json));
    }
    buf_free(&json);
}

/* `detail` NULL: the documented sentence. */
static void reply_error(struct http_request *req, int status, const char *detail)
{
    cJSON *error = cJSON_CreateObject();
    json_add_str(error, "status", "error");
    json_add_str(error, "message", detail ? detail : error_sentence(status));
    reply_json(req, status, error);
    cJSON_Delete(error);
}

static void reply_call(struct http_request *req, int status, const struct call *call, enum retell_view view)
{
    cJSON *object = retell_view(call, view);
    reply_json(req, status, object);
    cJSON_Delete(object);
}

static bool is_authorized(const struct retell *r, const struct http_request *req)
{
    const char *given = http_request_header(req, "Authorization");
    if (!given || strncmp(given, BEARER, sizeof BEARER - 1) != 0)
        return false;
    given += sizeof BEARER - 1;
    return digest_equal(given, strlen(given), r->api_key, strlen(r->api_key));
}

/* False, and answered, where the key is not ours. */
static bool admit(const struct retell *r, struct http_request *req)
{
    if (is_authorized(r, req))
        return true;
    reply_error(req, 401, NULL);
    return false;
}

/* ---- webhooks ---- */

static int event_print(const struct call *call, const char *event, enum retell_view view, struct buf *out)
{
    cJSON *body = cJSON_CreateObject();
    cJSON *object = retell_view(call, view);
    int err = ERR_NOMEM;
    if (json_add_str(body, "event", event) && object && cJSON_AddItemToObject(body, "call", object)) {
        object = NULL; /* it is the body's now */
        if (json_add_i64(body, "event_timestamp", clock_wall_ms()))
            err = json_print(body, out);
    }
    cJSON_Delete(object);
    cJSON_Delete(body);
    return err;
}

static const char *webhook_url(const struct retell *r, const struct call *call)
{
    if (fault_is_in(call->faults, FAULT_CALLBACK_NEVER) || call_is_forgotten(call))
        return NULL;
    return call->order.callback_url ? call->order.callback_url : r->webhook_url;
}

static int event_send(struct retell *r, struct call *call, const char *event, enum retell_view view)
{
    const char *url = webhook_url(r, call);
    if (!url)
        return 0;
    struct buf body;
    buf_init(&body, CALL_BYTES_MAX);
    int err = event_print(call, event, view, &body);
    if (!err) {
        const struct courier_letter letter = {
            .call = call,
            .method = "POST",
            .url = url,
            .event = event,
            .body = buf_str(&body),
            .len = buf_len(&body),
            .timeout_ms = WEBHOOK_TIMEOUT_MS,
            .copies = fault_is_in(call->faults, FAULT_CALLBACK_TWICE) ? 2 : 1,
            .tries = WEBHOOK_TRIES,
            .retry_on = COURIER_RETRY_ANY,
        };
        err = courier_send(r->courier, &letter);
    }
    buf_free(&body);
    return err;
}

static int sign_event(const struct courier_letter *letter, struct buf *out, void *arg)
{
    const struct retell *r = arg;
    return retell_sign(r->api_key, letter->body, letter->len, clock_wall_ms(), out);
}

static void on_first_try(struct call *call, const char *event, void *arg)
{
    (void)arg;
    if (strcmp(event, EVENT_ENDED) == 0)
        answer_release(call);
}

/* Retell has no queue: a call rings at once. */
static void on_ringing(struct call *call, void *arg)
{
    (void)call;
    (void)arg;
}

static void on_answered(struct call *call, void *arg)
{
    /* A letter that cannot be taken is lost, as one that is given up is: the platform promises no more. */
    (void)event_send(arg, call, EVENT_STARTED, RETELL_VIEW_STARTED);
}

static void on_ended(struct call *call, void *arg)
{
    if (event_send(arg, call, EVENT_ENDED, RETELL_VIEW_ENDED))
        answer_release(call);
}

static void on_analyzed(struct call *call, void *arg)
{
    if (!fault_is_in(call->faults, FAULT_SUMMARY_NEVER))
        (void)event_send(arg, call, EVENT_ANALYZED, RETELL_VIEW_ANALYZED);
}

static const struct exchange_listener LISTENER = {on_ringing, on_answered, on_ended, on_analyzed};

/* ---- POST /v2/create-phone-call ---- */

static void refuse_create(struct retell *r, struct http_request *req, const char *to, int status, const char *why)
{
    carrier_refuse(r->carrier, http_request_started_us(req), to, status, why);
    reply_error(req, status, status == 400 ? why : NULL);
}

static void give_call(struct http_request *req, const struct call *call, void *arg)
{
    (void)arg;
    reply_call(req, 201, call, RETELL_VIEW_CREATED);
}

static void give_error(struct http_request *req, void *arg)
{
    (void)arg;
    reply_error(req, 500, NULL);
}

static void place(struct retell *r, struct http_request *req, struct call_order *order)
{
    static const int STATUSES[CARRIER_VERDICTS] = {
        [CARRIER_PLACED] = 201,     [CARRIER_THROTTLED] = 429,   [CARRIER_CONCURRENCY] = 429,
        [CARRIER_NO_CREDITS] = 402, [CARRIER_UNAVAILABLE] = 503,
    };
    const struct carrier_request request = {.started_us = http_request_started_us(req), .statuses = STATUSES};
    const struct carrier_answer answer = carrier_place(r->carrier, &request, order);
    if (answer.verdict == CARRIER_PLACED || answer.verdict == CARRIER_LOST)
        answer_give(&r->answers, req, &answer, answer.call && webhook_url(r, answer.call));
    else
        reply_error(req, STATUSES[answer.verdict], NULL);
}

static bool is_json(const struct http_request *req)
{
    static const char JSON[] = "application/json";
    const char *type = http_request_header(req, "Content-Type");
    return type && strncasecmp(type, JSON, sizeof JSON - 1) == 0;
}

static void on_create(struct http_request *req, void *arg)
{
    struct retell *r = arg;
    if (!is_authorized(r, req)) {
        refuse_create(r, req, NULL, 401, "key");
        return;
    }
    if (!is_json(req)) {
        refuse_create(r, req, NULL, 400, "the body must be application/json");
        return;
    }
    size_t len;
    const char *body = http_request_body(req, &len);
    struct call_order order = {0};
    struct buf why;
    buf_init(&why, WHY_BYTES_MAX);
    int err = retell_request_read(body, len, &order, &why);
    if (err)
        refuse_create(r, req, NULL, err == ERR_INVALID ? 400 : 500, err == ERR_INVALID ? buf_str(&why) : err_name(err));
    else if (strcmp(order.agent_id, AGENT_UNKNOWN) == 0)
        refuse_create(r, req, order.to, 422, AGENT_UNKNOWN);
    else if (strcmp(order.agent_id, AGENT_UNPAID) == 0)
        refuse_create(r, req, order.to, 402, AGENT_UNPAID);
    else
        place(r, req, &order);
    call_order_clear(&order);
    buf_free(&why);
}

/* ---- the other requests ---- */

static struct call *find_call(const struct retell *r, const struct http_request *req)
{
    struct call *call = calls_find(carrier_calls(r->carrier), http_request_param(req, "call_id"));
    return call && !call_is_forgotten(call) ? call : NULL;
}

static void on_get(struct http_request *req, void *arg)
{
    struct retell *r = arg;
    if (!admit(r, req))
        return;
    const struct call *call = find_call(r, req);
    if (call)
        reply_call(req, 200, call, RETELL_VIEW_GET);
    else
        reply_error(req, 422, NULL);
}

static void on_list(struct http_request *req, void *arg)
{
    struct retell *r = arg;
    if (!admit(r, req))
        return;
    size_t len;
    const char *body = http_request_body(req, &len);
    struct buf out;
    struct buf why;
    buf_init(&out, RETELL_LIST_BYTES_MAX);
    buf_init(&why, WHY_BYTES_MAX);
    int err = retell_list(carrier_calls(r->carrier), body, len, &out, &why);
    if (err)
        reply_error(req, err == ERR_INVALID ? 400 : 500, err == ERR_INVALID ? buf_str(&why) : NULL);
    else
        (void)http_request_reply(req, 200, "application/json", NULL, 0, buf_str(&out), buf_len(&out));
    buf_free(&why);
    buf_free(&out);
}

static void on_stop(struct http_request *req, void *arg)
{
    struct retell *r = arg;
    if (!admit(r, req))
        return;
    struct call *call = find_call(r, req);
    if (!call || carrier_stop(r->carrier, call))
        reply_error(req, 422, NULL);
    else
        (void)http_request_reply(req, 204, NULL, NULL, 0, NULL, 0);
}

static void on_concurrency(struct http_request *req, void *arg)
{
    struct retell *r = arg;
    if (!admit(r, req))
        return;
    cJSON *answer = cJSON_CreateObject();
    json_add_i64(answer, "current_concurrency", (int64_t)carrier_open_calls(r->carrier));
    json_add_i64(answer, "concurrency_limit", CONCURRENCY_LIMIT);
    json_add_i64(answer, "base_concurrency", CONCURRENCY_LIMIT);
    json_add_i64(answer, "purchased_concurrency", 0);
    json_add_i64(answer, "concurrency_purchase_limit", 0);
    json_add_i64(answer, "remaining_purchase_limit", 0);
    json_add_i64(answer, "reserved_inbound_concurrency", 0);
    json_add_i64(answer, "concurrency_burst_limit", 0);
    cJSON_AddBoolToObject(answer, "concurrency_burst_enabled", false);
    reply_json(req, 200, answer);
    cJSON_Delete(answer);
}

static const struct http_route ROUTES[] = {
    {.method = "POST",
     .pattern = CREATE_PATH,
     .max_body_bytes = LIMIT_SMALL_BODY_BYTES,
     .on_complete = on_create,
     .on_gone = answer_gone},
    {.method = "GET", .pattern = "/v2/get-call/{call_id}", .on_complete = on_get},
    {.method = "POST", .pattern = "/v3/list-calls", .max_body_bytes = LIMIT_SMALL_BODY_BYTES, .on_complete = on_list},
    {.method = "POST",
     .pattern = "/v2/stop-call/{call_id}",
     .max_body_bytes = LIMIT_SMALL_BODY_BYTES,
     .on_complete = on_stop},
    {.method = "GET", .pattern = "/get-concurrency", .on_complete = on_concurrency},
};

/* A create request that is refused so is a request all the same. */
void retell_refuse(struct retell *r, struct http_request *req, int status, const char *detail)
{
    if (strcmp(http_request_path(req), CREATE_PATH) == 0)
        carrier_refuse(r->carrier, http_request_started_us(req), NULL, status, detail);
    reply_error(req, status, status == 404 ? "Not Found" : detail);
}

/* ---- making ---- */

static int make_call_id(char ret_id[CALL_ID_CAP])
{
    return ident_make_random(CALL_ID_PREFIX, CALL_ID_RANDOM, ret_id, CALL_ID_CAP);
}

static int make_parts(struct retell *r, struct loop *loop, const struct retell_config *config)
{
    r->api_key = strdup(config->api_key);
    r->webhook_url = config->webhook_url ? strdup(config->webhook_url) : NULL;
    if (!r->api_key || (config->webhook_url && !r->webhook_url))
        return ERR_NOMEM;
    r->style = (struct courier_style){
        .content_type = "application/json",
        .signature_header = "x-retell-signature",
        .sign = sign_event,
        .on_first_try = on_first_try,
        .arg = r,
    };
    r->answers = (struct answer_style){
        .loop = loop,
        .slow_ms = config->world->slow_ms,
        .placed_status = 201,
        .give_call = give_call,
        .give_error = give_error,
        .arg = r,
    };
    int err = courier_create(loop, &r->style, config->world->witness, &r->courier);
    if (err)
        return err;
    const struct carrier_config carrier = {
        .world = config->world,
        .listener = &LISTENER,
        .listener_arg = r,
        .make_id = make_call_id,
        .turns_away = true, /* disconnection_reason concurrency_limit_reached */
    };
    return carrier_create(loop, &carrier, &r->carrier);
}

int retell_create(struct loop *loop, struct http_server *server, const struct retell_config *config,
                  struct retell **ret_retell)
{
    struct retell *r = calloc(1, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    int err = make_parts(r, loop, config);
    if (!err)
        err = http_server_add_routes(server, ROUTES, sizeof ROUTES / sizeof ROUTES[0], r);
    if (err) {
        retell_free(r);
        return err;
    }
    *ret_retell = r;
    return 0;
}

void retell_drain(struct retell *r)
{
    answer_end_hanging(&r->answers);
}

void retell_free(struct retell *r)
{
    if (!r)
        return;
    courier_free(r->courier);
    carrier_free(r->carrier);
    free(r->webhook_url);
    free(r->api_key);
    free(r);
}
