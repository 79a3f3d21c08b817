/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/twilio.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/encode.h"
#include "common/base/limits.h"
#include "common/json/json.h"
#include "tests/carrier/answer.h"
#include "tests/carrier/courier.h"
#include "tests/carrier/form.h"
#include "tests/carrier/refusal.h"
#include "tests/carrier/twilio_callback.h"
#include "tests/carrier/twilio_error.h"
#include "tests/carrier/twilio_list.h"
#include "tests/carrier/twilio_request.h"
#include "tests/carrier/twilio_sign.h"
#include "tests/carrier/twilio_view.h"

#define BASE_PATH "/" TWILIO_VERSION "/"
#define CALLS_PATH BASE_PATH "Accounts/{account}/Calls.json"
#define CALL_PATH BASE_PATH "Accounts/{account}/Calls/{call}"
#define BASIC "Basic "
#define CREDENTIALS_LEN_MAX 1536
#define CALL_BYTES_MAX (16u << 10)
#define WHY_BYTES_MAX 512
#define FORM_TYPE "application/x-www-form-urlencoded"
#define SID_DIGITS 32

struct twilio {
    char *account_sid;
    char *auth_token;
    struct carrier *carrier;
    struct courier *courier;
    struct courier_style style;
    struct answer_style answers;
    struct twilio_callbacks callbacks;
};

bool twilio_is_sid(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(text, prefix, len) == 0 && strspn(text + len, "0123456789abcdefABCDEF") == SID_DIGITS &&
           text[len + SID_DIGITS] == '\0';
}

bool twilio_owns_path(const char *path)
{
    return strncmp(path, BASE_PATH, sizeof BASE_PATH - 1) == 0;
}

/* ---- answers ---- */

static void reply_call(const struct twilio *t, struct http_request *req, int status, const struct call *call)
{
    struct buf json;
    buf_init(&json, CALL_BYTES_MAX);
    cJSON *view = twilio_view(call, t->account_sid, status == 201);
    if (!view || json_print(view, &json))
        twilio_error_reply(req, TWILIO_INTERNAL, NULL);
    else
        (void)http_request_reply(req, status, "application/json", NULL, 0, buf_str(&json), buf_len(&json));
    cJSON_Delete(view);
    buf_free(&json);
}

static void give_call(struct http_request *req, const struct call *call, void *arg)
{
    reply_call(arg, req, 201, call);
}

static void give_error(struct http_request *req, void *arg)
{
    (void)arg;
    twilio_error_reply(req, TWILIO_INTERNAL, NULL);
}

/* The account's SID and token, and the account in the path is that one. */
static bool is_authorized(const struct twilio *t, const struct http_request *req)
{
    const char *given = http_request_header(req, "Authorization");
    char credentials[CREDENTIALS_LEN_MAX];
    size_t len;
    if (!given || strncmp(given, BASIC, sizeof BASIC - 1) != 0)
        return false;
    given += sizeof BASIC - 1;
    if (decode_base64(given, strlen(given), credentials, sizeof credentials, &len))
        return false;
    size_t sid = strlen(t->account_sid);
    return len > sid && credentials[sid] == ':' && memcmp(credentials, t->account_sid, sid) == 0 &&
           digest_equal(credentials + sid + 1, len - sid - 1, t->auth_token, strlen(t->auth_token)) &&
           strcmp(http_request_param(req, "account"), t->account_sid) == 0;
}

/* False, and answered, where it is not. */
static bool admit(const struct twilio *t, struct http_request *req)
{
    if (is_authorized(t, req))
        return true;
    twilio_error_reply(req, TWILIO_AUTHENTICATE, NULL);
    return false;
}

/* ---- callbacks ---- */

static int sign_letter(const struct courier_letter *letter, struct buf *out, void *arg)
{
    const struct twilio *t = arg;
    return twilio_sign(t->auth_token, letter->url, letter->body, letter->len, out);
}

static void on_first_try(struct call *call, const char *event, void *arg)
{
    (void)arg;
    if (strcmp(event, "completed") == 0)
        answer_release(call);
}

static void on_ringing(struct call *call, void *arg)
{
    const struct twilio *t = arg;
    (void)twilio_callback_send(&t->callbacks, call, CALL_STEP_INITIATED);
    (void)twilio_callback_send(&t->callbacks, call, CALL_STEP_RINGING);
}

static void on_answered(struct call *call, void *arg)
{
    const struct twilio *t = arg;
    (void)twilio_callback_send(&t->callbacks, call, CALL_STEP_ANSWERED);
    twilio_callback_send_detection(&t->callbacks, call);
}

static void on_ended(struct call *call, void *arg)
{
    const struct twilio *t = arg;
    if (!twilio_callback_send(&t->callbacks, call, CALL_STEP_COMPLETED))
        answer_release(call);
}

/* Nobody looks at what was said. */
static void on_analyzed(struct call *call, void *arg)
{
    (void)call;
    (void)arg;
}

static const struct exchange_listener LISTENER = {on_ringing, on_answered, on_ended, on_analyzed};

/* ---- POST Calls.json ---- */

static void refuse_create(struct twilio *t, struct http_request *req, const char *to, enum twilio_error code,
                          const char *why)
{
    carrier_refuse(t->carrier, http_request_started_us(req), to, twilio_error_status(code), why);
    twilio_error_reply(req, code, why);
}

static void place(struct twilio *t, struct http_request *req, struct call_order *order)
{
    static const enum twilio_error ERRORS[CARRIER_VERDICTS] = {
        [CARRIER_THROTTLED] = TWILIO_TOO_MANY,
        [CARRIER_CONCURRENCY] = TWILIO_CONCURRENCY,
        [CARRIER_NO_CREDITS] = TWILIO_NOT_ACTIVE,
        [CARRIER_UNAVAILABLE] = TWILIO_UNAVAILABLE,
    };
    int statuses[CARRIER_VERDICTS] = {[CARRIER_PLACED] = 201};
    for (size_t i = 0; i < CARRIER_VERDICTS; i++)
        if (ERRORS[i])
            statuses[i] = twilio_error_status(ERRORS[i]);
    const struct carrier_request request = {.started_us = http_request_started_us(req), .statuses = statuses};
    const struct carrier_answer answer = carrier_place(t->carrier, &request, order);
    struct call *call = answer.call;
    if (answer.verdict == CARRIER_PLACED || answer.verdict == CARRIER_LOST)
        answer_give(&t->answers, req, &answer, call && twilio_callback_is_wanted(call, CALL_STEP_COMPLETED));
    else
        twilio_error_reply(req, ERRORS[answer.verdict], NULL);
    if (call && call->phase == CALL_RINGING)
        on_ringing(call, t);
}

static bool is_form(const struct http_request *req)
{
    const char *type = http_request_header(req, "Content-Type");
    return type && strncasecmp(type, FORM_TYPE, sizeof FORM_TYPE - 1) == 0;
}

/* The body's form. ERR_INVALID with a sentence where it is none; ERR_NOMEM. */
static int read_form(const struct http_request *req, struct form *ret_form, struct buf *why)
{
    size_t len;
    const char *body = http_request_body(req, &len);
    int err = form_parse(body, len, ret_form);
    if (err == ERR_NOMEM || (!err && is_form(req)))
        return err;
    return refusal_say(why, "the body", "must be " FORM_TYPE);
}

/* The order that the request is. ERR_INVALID with the code and a sentence; ERR_NOMEM. */
static int read_order(const struct http_request *req, struct call_order *ret_order, enum twilio_error *ret_code,
                      struct buf *why)
{
    struct form form;
    int err = read_form(req, &form, why);
    *ret_code = TWILIO_BAD_REQUEST;
    if (!err)
        err = twilio_request_read(&form, ret_order, ret_code, why);
    form_free(&form);
    return err;
}

static void on_create(struct http_request *req, void *arg)
{
    struct twilio *t = arg;
    if (!is_authorized(t, req)) {
        refuse_create(t, req, NULL, TWILIO_AUTHENTICATE, NULL);
        return;
    }
    struct call_order order = {0};
    enum twilio_error code;
    struct buf why;
    buf_init(&why, WHY_BYTES_MAX);
    int err = read_order(req, &order, &code, &why);
    if (!err)
        place(t, req, &order);
    else
        refuse_create(t, req, NULL, err == ERR_INVALID ? code : TWILIO_INTERNAL,
                      err == ERR_INVALID ? buf_str(&why) : err_name(err));
    call_order_clear(&order);
    buf_free(&why);
}

/* ---- the other requests ---- */

/* The call that the path names by "<sid>.json"; NULL, and answered, where there is none. */
static struct call *find_call(const struct twilio *t, struct http_request *req)
{
    static const char JSON[] = ".json";
    const char *name = http_request_param(req, "call");
    size_t len = strlen(name);
    size_t suffix = sizeof JSON - 1;
    char id[CALL_ID_CAP];
    struct call *call = NULL;
    if (len > suffix && len - suffix < sizeof id && strcmp(name + len - suffix, JSON) == 0) {
        memcpy(id, name, len - suffix);
        id[len - suffix] = '\0';
        call = calls_find(carrier_calls(t->carrier), id);
    }
    if (call && call_is_forgotten(call))
        call = NULL;
    if (!call)
        twilio_error_reply(req, TWILIO_NOT_FOUND, http_request_path(req));
    return call;
}

static void on_get(struct http_request *req, void *arg)
{
    const struct twilio *t = arg;
    const struct call *call = admit(t, req) ? find_call(t, req) : NULL;
    if (call)
        reply_call(t, req, 200, call);
}

static void on_list(struct http_request *req, void *arg)
{
    const struct twilio *t = arg;
    if (!admit(t, req))
        return;
    struct buf out;
    struct buf why;
    buf_init(&out, TWILIO_LIST_BYTES_MAX);
    buf_init(&why, WHY_BYTES_MAX);
    int err = twilio_list(carrier_calls(t->carrier), t->account_sid, req, &out, &why);
    if (err)
        twilio_error_reply(req, err == ERR_INVALID ? TWILIO_BAD_REQUEST : TWILIO_INTERNAL,
                           err == ERR_INVALID ? buf_str(&why) : NULL);
    else
        (void)http_request_reply(req, 200, "application/json", NULL, 0, buf_str(&out), buf_len(&out));
    buf_free(&why);
    buf_free(&out);
}

/* "canceled" ends a call that waits or rings and leaves one alone that is talked on; "completed" ends either. */
static void update(struct twilio *t, struct http_request *req, struct call *call, const char *status)
{
    bool cancels = status && strcmp(status, "canceled") == 0;
    if (!cancels && !(status && strcmp(status, "completed") == 0))
        twilio_error_reply(req, TWILIO_BAD_REQUEST, "Status must be canceled or completed");
    else if (call->end != CALL_END_NONE)
        twilio_error_reply(req, TWILIO_CALL_STATE, "the call has ended");
    else if (!(cancels && call->phase == CALL_TALKING) && carrier_stop(t->carrier, call))
        twilio_error_reply(req, TWILIO_INTERNAL, NULL);
    else
        reply_call(t, req, 200, call);
}

static void on_update(struct http_request *req, void *arg)
{
    struct twilio *t = arg;
    struct call *call = admit(t, req) ? find_call(t, req) : NULL;
    if (!call)
        return;
    struct form form;
    struct buf why;
    buf_init(&why, WHY_BYTES_MAX);
    if (read_form(req, &form, &why))
        twilio_error_reply(req, TWILIO_BAD_REQUEST, buf_str(&why));
    else
        update(t, req, call, form_value(&form, "Status"));
    form_free(&form);
    buf_free(&why);
}

static const struct http_route ROUTES[] = {
    {.method = "POST",
     .pattern = CALLS_PATH,
     .max_body_bytes = LIMIT_SMALL_BODY_BYTES,
     .on_complete = on_create,
     .on_gone = answer_gone},
    {.method = "GET", .pattern = CALLS_PATH, .on_complete = on_list},
    {.method = "GET", .pattern = CALL_PATH, .on_complete = on_get},
    {.method = "POST", .pattern = CALL_PATH, .max_body_bytes = LIMIT_SMALL_BODY_BYTES, .on_complete = on_update},
};

/* A create request that is refused so is a request all the same. */
void twilio_refuse(struct twilio *t, struct http_request *req, int status, const char *detail)
{
    static const char CREATE[] = "/Calls.json";
    const char *path = http_request_path(req);
    size_t len = strlen(path);
    bool creates = strcmp(http_request_method(req), "POST") == 0 && len >= sizeof CREATE - 1 &&
                   strcmp(path + len - (sizeof CREATE - 1), CREATE) == 0;
    if (creates)
        carrier_refuse(t->carrier, http_request_started_us(req), NULL, status, detail);
    twilio_error_reply(req,
                       status == 404   ? TWILIO_NOT_FOUND
                       : status == 405 ? TWILIO_METHOD
                       : status == 413 ? TWILIO_TOO_LARGE
                                       : TWILIO_BAD_REQUEST,
                       status == 404 ? path : detail);
}

/* ---- making ---- */

static int make_call_sid(char ret_id[CALL_ID_CAP])
{
    uint8_t random[SID_DIGITS / 2];
    int err = random_bytes(random, sizeof random);
    ret_id[0] = 'C';
    ret_id[1] = 'A';
    if (!err)
        encode_hex(random, sizeof random, ret_id + 2);
    return err;
}

static int make_parts(struct twilio *t, struct loop *loop, const struct twilio_config *config)
{
    t->account_sid = strdup(config->account_sid);
    t->auth_token = strdup(config->auth_token);
    if (!t->account_sid || !t->auth_token)
        return ERR_NOMEM;
    t->style = (struct courier_style){
        .content_type = FORM_TYPE,
        .signature_header = "x-twilio-signature",
        .id_header = "i-twilio-idempotency-token",
        .sign = sign_letter,
        .on_first_try = on_first_try,
        .arg = t,
    };
    t->answers = (struct answer_style){
        .loop = loop,
        .slow_ms = config->world->slow_ms,
        .placed_status = 201,
        .give_call = give_call,
        .give_error = give_error,
        .arg = t,
    };
    int err = courier_create(loop, &t->style, config->world->witness, &t->courier);
    if (err)
        return err;
    t->callbacks = (struct twilio_callbacks){.courier = t->courier, .account_sid = t->account_sid};
    const struct carrier_config carrier = {
        .world = config->world,
        .listener = &LISTENER,
        .listener_arg = t,
        .make_id = make_call_sid,
        .interval_us = config->interval_us,
    };
    return carrier_create(loop, &carrier, &t->carrier);
}

int twilio_create(struct loop *loop, struct http_server *server, const struct twilio_config *config,
                  struct twilio **ret_twilio)
{
    struct twilio *t = calloc(1, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    int err = make_parts(t, loop, config);
    if (!err)
        err = http_server_add_routes(server, ROUTES, sizeof ROUTES / sizeof ROUTES[0], t);
    if (err) {
        twilio_free(t);
        return err;
    }
    *ret_twilio = t;
    return 0;
}

void twilio_drain(struct twilio *t)
{
    answer_end_hanging(&t->answers);
}

void twilio_free(struct twilio *t)
{
    if (!t)
        return;
    courier_free(t->courier);
    carrier_free(t->carrier);
    free(t->account_sid);
    free(t->auth_token);
    free(t);
}
