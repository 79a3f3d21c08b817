/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/exchange_private.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/json/json.h"
#include "producer/answer.h"
#include "producer/event_hub.h"

static int refusal_err(int status)
{
    bool is_key = status == 401 || status == 403;
    return is_key ? ERR_DENIED : status == 404 ? ERR_NOT_FOUND : status == 503 ? ERR_UNAVAILABLE : ERR_PROTOCOL;
}

static void count_answer(const struct exchange *x, int status)
{
    api_count_answer(x->api, status);
    metric_observe(x->api->answer_seconds, (double)(clock_mono_us() - x->begun_us) / 1e6);
}

static bool may_answer(struct exchange *x, int status)
{
    if (!exchange_is_open(x))
        return false;
    if (x->over) {
        exchange_end_own_with(x, refusal_err(status));
        return false;
    }
    if (x->guard_fn)
        (void)x->guard_fn(x, status, NULL, x->guard);
    x->is_answered = true;
    if (x->on_room) {
        http_request_finish(x->req, false);
        return false;
    }
    count_answer(x, status);
    if (status / 100 == 2 && x->access == ACCESS_WRITE && x->batch_id[0])
        event_hub_changed(x->api->events, x->batch_id); /* before the client knows, and can change it again */
    return true;
}

void exchange_answer(struct exchange *x, int status, cJSON *body)
{
    if (body && x->guard_fn && exchange_is_open(x) && x->guard_fn(x, status, body, x->guard))
        return;
    if (may_answer(x, body ? status : 500))
        answer_json(x->req, status, body);
    else
        cJSON_Delete(body);
}

static void answer_nothing(struct exchange *x, const struct http_header *headers, size_t n_headers)
{
    /* Where it fails the server closes the connection: there is nothing else to be done about it. */
    if (may_answer(x, 204))
        (void)http_request_reply(x->req, 204, NULL, headers, n_headers, NULL, 0);
}

void exchange_answer_nothing(struct exchange *x)
{
    answer_nothing(x, NULL, 0);
}

void exchange_answer_nothing_with(struct exchange *x, struct http_header header)
{
    answer_nothing(x, &header, 1);
}

void exchange_answer_with(struct exchange *x, int status, cJSON *body, struct http_header header)
{
    if (may_answer(x, body ? status : 500))
        answer_json_with(x->req, status, body, header);
    else
        cJSON_Delete(body);
}

void exchange_answer_page(struct exchange *x, cJSON *body, const char *next_cursor)
{
    exchange_answer_with(x, 200, body, (struct http_header){"X-Next-Cursor", next_cursor});
}

static void on_room(struct http_request *req, void *arg)
{
    (void)req;
    struct exchange *x = arg;
    if (exchange_is_open(x))
        x->on_room(x);
}

void exchange_stream(struct exchange *x, const char *content_type, const struct http_header *headers, size_t n_headers,
                     exchange_fn fn)
{
    if (!exchange_is_open(x))
        return;
    x->on_room = fn;
    count_answer(x, 200);
    /* Where it fails the server closes the connection: there is nothing else to be done about it. */
    (void)http_request_stream(x->req, 200, content_type, headers, n_headers, on_room, x);
}

int exchange_write(struct exchange *x, const void *data, size_t len)
{
    return exchange_is_open(x) ? http_request_write(x->req, data, len) : 0;
}

void exchange_finish(struct exchange *x)
{
    if (!exchange_is_open(x))
        return;
    x->is_answered = true;
    http_request_finish(x->req, true);
}

void exchange_answer_kept(struct exchange *x, int status, const char *json, size_t len)
{
    if (may_answer(x, status))
        answer_text_with(x->req, status, json, len, (struct http_header){"Idempotency-Replayed", "true"});
}

void exchange_error(struct exchange *x, int status, const char *code, const char *message, cJSON *details)
{
    if (may_answer(x, status))
        answer_error(x->req, status, code, message, details);
    else
        cJSON_Delete(details);
}

void exchange_error_again(struct exchange *x, int status, const char *code, const char *message, cJSON *details)
{
    if (may_answer(x, status))
        answer_error_again(x->req, status, code, message, details);
    else
        cJSON_Delete(details);
}

void exchange_too_many(struct exchange *x, const char *code, const char *message, cJSON *details, int64_t retry_after_s)
{
    if (may_answer(x, 429))
        answer_too_many(x->req, code, message, details, retry_after_s);
    else
        cJSON_Delete(details);
}

void exchange_error_named(struct exchange *x, int status, const char *error, const char *code, const char *message)
{
    if (may_answer(x, status))
        answer_error_named(x->req, status, error, code, message);
}

void exchange_faults(struct exchange *x, const struct faults *faults)
{
    if (may_answer(x, 400))
        answer_faults(x->req, faults);
}

bool exchange_take_faults(struct exchange *x, struct faults *faults)
{
    bool is_clean = faults_count(faults) == 0;
    if (!is_clean)
        exchange_faults(x, faults);
    faults_free(faults);
    return is_clean;
}

void exchange_faults_kept(struct exchange *x, const struct faults *faults, const char *message)
{
    if (may_answer(x, 400))
        answer_faults_kept(x->req, faults, message);
}

void exchange_bad_argument(struct exchange *x, const char *name, const char *message)
{
    if (may_answer(x, 400))
        answer_bad_argument(x->req, name, message);
}

void exchange_not_found(struct exchange *x)
{
    exchange_error(x, 404, CODE_BATCH_NOT_FOUND, "There is no such batch.", NULL);
}

/* For whoever is told of it with the request's id. While Redis is away every request fails: not each has a line. */
static void tell_failure(struct exchange *x, bool is_away, int err)
{
    int64_t passed = 0;
    if (!x->req || (is_away && !log_pace_permits(&x->api->failures_told, clock_mono_us(), &passed)))
        return;
    log_warn("request.failed", log_str("request", http_request_id(x->req)), log_str("tenant", x->who.tenant),
             log_err(err), log_i64("others", passed));
}

/* What lies in Redis is too much: it takes a while until that changes. */
static void refuse_load(struct exchange *x)
{
    cJSON *details = cJSON_CreateObject();
    (void)json_add_str(details, "quota", x->exceeded.name);
    (void)json_add_i64(details, "limit", x->exceeded.limit);
    metric_add(x->api->over_quota, 1);
    exchange_too_many(x, CODE_QUOTA_EXCEEDED,
                      "The tenant would have more than its quota allows. Nothing was kept. It has room again as its "
                      "batches end, or as "
                      "ended ones are removed.",
                      details, QUOTA_LOAD_RETRY_S);
}

void exchange_fail(struct exchange *x, int err)
{
    if (err == ERR_QUOTA) {
        refuse_load(x);
        return;
    }
    bool is_away = err_is_retryable(err);
    if (!exchange_is_open(x))
        return;
    tell_failure(x, is_away, err);
    if (!may_answer(x, is_away ? 503 : 500))
        return;
    if (is_away)
        answer_unavailable(x->req);
    else
        answer_internal(x->req);
}
