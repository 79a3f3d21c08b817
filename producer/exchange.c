/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/exchange.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/ident.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/answer.h"
#include "producer/bearer.h"
#include "producer/event_hub.h"

/* Arguments of a query that are looked at: no route has near as many. */
#define QUERY_ARGS_MAX 64
/* A key's last use is kept to a minute (key_used.lua). */
#define KEY_NOTE_US INT64_C(60000000)

struct exchange {
    struct api *api; /* borrowed */
    struct http_request *req; /* borrowed; NULL once over */
    unsigned holds; /* the request, each reply to come, and whoever is on the stack */
    bool is_answered;
    exchange_fn on_room; /* an answer in pieces is under way */
    exchange_over_fn over; /* of one that no request stands behind; NULL for any other */
    void *over_arg;
    enum access access;
    char batch_id[LIMIT_BATCH_ID_LEN + 1]; /* that the request is about; "" for none */
    exchange_fn run;
    uint8_t key[DIGEST_SHA256_LEN]; /* SHA-256 of the bearer token */
    int64_t asked_us;
    struct identity who;
    struct quota *quota; /* its tenant's; NULL before the admission, and for an operator */
    struct quota_named exceeded; /* the quota that a script refused something for */
    void *state;
    void (*free_state)(void *state);
    exchange_guard_fn guard_fn;
    void *guard;
    void (*free_guard)(void *guard);
};

/* One command under way. */
struct pending {
    struct exchange *x;
    exchange_reply_fn fn;
    void *arg;
};

static void release(struct exchange *x)
{
    if (--x->holds > 0)
        return;
    if (x->free_state)
        x->free_state(x->state);
    if (x->free_guard)
        x->free_guard(x->guard);
    if (x->quota)
        quota_leave(x->quota);
    free(x);
}

struct api *exchange_api(const struct exchange *x)
{
    return x->api;
}

const struct identity *exchange_identity(const struct exchange *x)
{
    return &x->who;
}

void exchange_key_id(const struct exchange *x, char ret_id[EXCHANGE_KEY_ID_LEN + 1])
{
    char hex[2 * DIGEST_SHA256_LEN + 1];
    bearer_hex(x->key, hex);
    (void)snprintf(ret_id, EXCHANGE_KEY_ID_LEN + 1, "key_%.16s", hex);
}

struct http_request *exchange_request(const struct exchange *x)
{
    return x->req;
}

bool exchange_is_open(const struct exchange *x)
{
    return (x->req || x->over) && !x->is_answered;
}

void exchange_keep(struct exchange *x, void *state, void (*free_state)(void *state))
{
    if (x->free_state)
        x->free_state(x->state);
    x->state = state;
    x->free_state = free_state;
}

void *exchange_kept(const struct exchange *x)
{
    return x->state;
}

void exchange_guard(struct exchange *x, exchange_guard_fn fn, void *guard, void (*free_guard)(void *guard))
{
    x->guard_fn = fn;
    x->guard = guard;
    x->free_guard = free_guard;
}

void *exchange_guarded(const struct exchange *x)
{
    return x->guard;
}

/* ---- Redis ---- */

static void on_reply(const struct redisReply *reply, int err, void *arg)
{
    struct pending *pending = arg;
    struct exchange *x = pending->x;
    if (!err)
        err = reply_to_err(reply);
    if (err == ERR_QUOTA)
        x->exceeded = quota_named(reply_error(reply));
    if (exchange_is_open(x))
        pending->fn(x, reply, err, pending->arg);
    free(pending);
    release(x);
}

static struct pending *pend(struct exchange *x, exchange_reply_fn fn, void *arg)
{
    struct pending *pending = malloc(sizeof *pending);
    if (pending)
        *pending = (struct pending){x, fn, arg};
    return pending;
}

static int pended(struct exchange *x, struct pending *pending, int err)
{
    if (err)
        free(pending);
    else
        x->holds++;
    return err;
}

int exchange_command(struct exchange *x, const struct redis_arg *args, size_t n, exchange_reply_fn fn, void *arg)
{
    struct pending *pending = pend(x, fn, arg);
    if (!pending)
        return ERR_NOMEM;
    return pended(x, pending, redis_command(x->api->redis, args, n, API_REDIS_MS, on_reply, pending));
}

static int run_script(struct exchange *x, const struct key *prefix, enum lua_script script,
                      const struct redis_arg *args, size_t n, exchange_reply_fn fn, void *arg)
{
    struct pending *pending = pend(x, fn, arg);
    if (!pending)
        return ERR_NOMEM;
    return pended(x, pending,
                  script_run(x->api->redis, script, prefix->text, args, n, API_REDIS_MS, on_reply, pending));
}

int exchange_script_in(struct exchange *x, const char *cell, enum lua_script script, const struct redis_arg *args,
                       size_t n, exchange_reply_fn fn, void *arg)
{
    struct key prefix = key_cell_prefix(cell);
    return run_script(x, &prefix, script, args, n, fn, arg);
}

int exchange_script_dir(struct exchange *x, enum lua_script script, const struct redis_arg *args, size_t n,
                        exchange_reply_fn fn, void *arg)
{
    struct key prefix = key_dir_prefix();
    return run_script(x, &prefix, script, args, n, fn, arg);
}

int exchange_script(struct exchange *x, enum lua_script script, const struct redis_arg *args, size_t n,
                    exchange_reply_fn fn, void *arg)
{
    return exchange_script_in(x, x->who.cell, script, args, n, fn, arg);
}

/* ---- answering ---- */

/* The end of one that no request stands behind. */
static void end_own(struct exchange *x, int err)
{
    x->is_answered = true;
    x->over(err, x->over_arg);
    release(x);
}

static int refusal_err(int status)
{
    bool is_key = status == 401 || status == 403;
    return is_key ? ERR_DENIED : status == 404 ? ERR_NOT_FOUND : status == 503 ? ERR_UNAVAILABLE : ERR_PROTOCOL;
}

static bool may_answer(struct exchange *x, int status)
{
    if (!exchange_is_open(x))
        return false;
    if (x->over) {
        end_own(x, refusal_err(status));
        return false;
    }
    if (x->guard_fn)
        (void)x->guard_fn(x, status, NULL, x->guard);
    x->is_answered = true;
    if (x->on_room) {
        http_request_finish(x->req, false);
        return false;
    }
    api_count_answer(x->api, status);
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

void exchange_answer_nothing(struct exchange *x)
{
    /* Where it fails the server closes the connection: there is nothing else to be done about it. */
    if (may_answer(x, 204))
        (void)http_request_reply(x->req, 204, NULL, NULL, 0, NULL, 0);
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
    api_count_answer(x->api, 200);
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
    exchange_too_many(
        x, CODE_QUOTA_EXCEEDED,
        "The tenant would have more than its quota allows. Nothing was kept. It has room again as its batches end.",
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

/* ---- authorization ---- */

bool exchange_is_user(const struct exchange *x, const char *user_id)
{
    if (!x->who.tenant[0])
        return false;
    return strcmp(user_id, x->who.tenant) == 0 || (x->who.alias[0] && strcmp(user_id, x->who.alias) == 0);
}

static void refuse_key(struct exchange *x)
{
    exchange_error(x, 401, CODE_UNAUTHORIZED, "Invalid or missing API key.", NULL);
}

static int64_t requests_per_second(const struct exchange *x)
{
    return x->who.requests_per_second ? x->who.requests_per_second : x->api->requests_per_second;
}

static void refuse_over_quota(struct exchange *x, enum quota_verdict verdict, int64_t wait_us)
{
    bool is_rate = verdict == QUOTA_TOO_FAST;
    cJSON *details = cJSON_CreateObject();
    (void)json_add_str(details, "quota", is_rate ? "requestsPerSecond" : "requestsAtOnce");
    (void)json_add_i64(details, "limit", is_rate ? requests_per_second(x) : LIMIT_TENANT_REQUESTS);
    metric_add(x->api->over_quota, 1);
    exchange_too_many(x, CODE_RATE_LIMITED,
                      is_rate ? "The tenant's requests come faster than its quota allows."
                              : "Too many of the tenant's requests are under way at once.",
                      details, is_rate ? (wait_us + 999999) / 1000000 : 1);
}

static void on_charged(const struct redisReply *reply, int err, void *arg)
{
    int64_t wait_us;
    if (err || reply_i64(reply, &wait_us) != 0)
        wait_us = 0; /* this process's own count holds all the same */
    quota_charged(arg, clock_mono_us(), wait_us);
}

/* Tells Redis what the tenant has taken here lately; the request does not wait for it. */
static void charge(struct exchange *x)
{
    char requests[REDIS_I64_LEN], rate[REDIS_I64_LEN];
    int64_t n = quota_begin_charge(x->quota, clock_mono_us());
    if (n == 0)
        return;
    const struct redis_arg args[] = {redis_arg_str(x->who.tenant), redis_arg_i64(n, requests),
                                     redis_arg_i64(requests_per_second(x), rate)};
    struct key prefix = key_cell_prefix(x->who.cell);
    if (script_run(x->api->redis, LUA_QUOTA_CHARGE, prefix.text, args, 3, API_REDIS_MS, on_charged, x->quota) != 0)
        quota_charged(x->quota, clock_mono_us(), 0);
}

/* Whether the tenant's quotas leave room for the request; answers 429 where they do not, and asks nobody. */
static bool fits_quota(struct exchange *x)
{
    int64_t wait_us = 0;
    if (!x->who.tenant[0])
        return true;
    enum quota_verdict verdict =
        quota_enter(x->api->quotas, x->who.tenant, requests_per_second(x), clock_mono_us(), &x->quota, &wait_us);
    if (verdict == QUOTA_FITS)
        charge(x);
    else
        refuse_over_quota(x, verdict, wait_us);
    return verdict == QUOTA_FITS;
}

void exchange_leave_quota(struct exchange *x)
{
    if (x->quota)
        quota_leave(x->quota);
    x->quota = NULL;
}

static void admit(struct exchange *x)
{
    if (!api_serves_cell(x->api, x->who.cell)) {
        exchange_error(x, 503, CODE_UNAVAILABLE, "This server does not serve the tenant's cell.", NULL);
        return;
    }
    if (!x->over && !fits_quota(x))
        return;
    const char *user_id = x->req ? http_request_query(x->req, "userId") : NULL;
    bool is_for_tenants = x->access == ACCESS_READ || x->access == ACCESS_WRITE;
    bool is_write = x->access == ACCESS_WRITE || x->access == ACCESS_WRITE_ANY;
    if (x->access == ACCESS_OPERATOR && x->who.role != ROLE_OPERATOR)
        exchange_error(x, 403, CODE_FORBIDDEN, "This route is for operators.", NULL);
    else if (x->who.role == ROLE_OPERATOR && is_for_tenants)
        exchange_error(x, 403, CODE_FORBIDDEN, "An operator's key belongs to no tenant.", NULL);
    else if (x->who.role == ROLE_VIEWER && is_write)
        exchange_error(x, 403, CODE_FORBIDDEN, "This key may only read.", NULL);
    else if (user_id && !exchange_is_user(x, user_id))
        exchange_error(x, 403, CODE_FORBIDDEN, "userId is not the owner of this API key.", NULL);
    else
        x->run(x);
}

/* Beside the request, which does not wait for it: what becomes of it nobody asks. */
static void note_use(const struct exchange *x, const char *hex)
{
    struct key prefix = key_dir_prefix();
    const struct redis_arg args[] = {redis_arg_str(hex)};
    (void)!script_run(x->api->redis, LUA_KEY_USED, prefix.text, args, 1, API_REDIS_MS, NULL, NULL);
}

static void on_key(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)arg;
    struct key_said said;
    if (!err && reply_is_nil(reply)) {
        key_cache_put_refused(x->api->key_cache, x->key, x->asked_us);
        refuse_key(x);
        return;
    }
    if (!err)
        err = identity_read(reply, &said);
    if (err) {
        exchange_fail(x, err);
        return;
    }
    x->who = said.who;
    if (x->who.role == ROLE_OPERATOR) {
        const char *cell = daemon_cell(x->api->daemon, 0);
        memcpy(x->who.cell, cell, strlen(cell) + 1);
    }
    key_cache_put(x->api->key_cache, x->key, x->asked_us, said.left_us, &x->who);
    if (said.unnoted_us < 0 || said.unnoted_us >= KEY_NOTE_US) {
        char hex[2 * DIGEST_SHA256_LEN + 1];
        bearer_hex(x->key, hex);
        note_use(x, hex);
    }
    admit(x);
}

static void ask_key(struct exchange *x)
{
    char hex[2 * DIGEST_SHA256_LEN + 1];
    bearer_hex(x->key, hex);
    const struct redis_arg args[] = {redis_arg_str(hex)};
    x->asked_us = clock_mono_us();
    int err = exchange_script_dir(x, LUA_KEY_READ, args, 1, on_key, NULL);
    if (err)
        exchange_fail(x, err);
}

static void authorize(struct exchange *x)
{
    if (!redis_is_ready(x->api->redis)) {
        exchange_fail(x, ERR_UNAVAILABLE);
        return;
    }
    switch (key_cache_find(x->api->key_cache, x->key, clock_mono_us(), &x->who)) {
    case KEY_OPENS:
        admit(x);
        return;
    case KEY_OPENS_NOTHING:
        refuse_key(x);
        return;
    case KEY_UNKNOWN:
        ask_key(x);
        return;
    }
}

struct exchange *exchange_begin(struct api *api, struct http_request *req, enum access access, exchange_fn run)
{
    struct exchange *x = calloc(1, sizeof *x);
    if (!x) {
        answer_internal(req);
        return NULL;
    }
    x->api = api;
    x->req = req;
    x->access = access;
    x->run = run;
    x->holds = 1; /* the request's; given back by exchange_gone() */
    http_request_attach(req, x);
    if (bearer_read(http_request_header(req, "Authorization"), x->key) != 0)
        refuse_key(x);
    else
        authorize(x);
    return x;
}

void exchange_gone(struct http_request *req, void *arg)
{
    (void)arg;
    struct exchange *x = http_request_attached(req);
    if (!x)
        return;
    x->req = NULL;
    release(x);
}

/* ---- the producer's own ---- */

static struct exchange *create_own(struct api *api, exchange_fn run, exchange_over_fn over, void *arg)
{
    struct exchange *x = calloc(1, sizeof *x);
    if (!x)
        return NULL;
    x->api = api;
    x->access = ACCESS_READ;
    x->run = run;
    x->over = over;
    x->over_arg = arg;
    x->holds = 2; /* end_own()'s, and the caller's */
    return x;
}

int exchange_begin_own(struct api *api, const struct identity *who, exchange_fn run, exchange_over_fn over, void *arg)
{
    struct exchange *x = create_own(api, run, over, arg);
    if (!x)
        return ERR_NOMEM;
    x->who = *who;
    run(x);
    release(x);
    return 0;
}

int exchange_ask_key(struct api *api, const uint8_t key[DIGEST_SHA256_LEN], exchange_over_fn over, void *arg)
{
    struct exchange *x = create_own(api, exchange_end_own, over, arg);
    if (!x)
        return ERR_NOMEM;
    memcpy(x->key, key, sizeof x->key);
    authorize(x);
    release(x);
    return 0; /* NOLINT(clang-analyzer-unix.Malloc): the reply that it waits for, or end_own(), has let go of it */
}

void exchange_end_own(struct exchange *x)
{
    if (exchange_is_open(x))
        end_own(x, 0);
}

void *exchange_own_arg(const struct exchange *x)
{
    return x->over_arg;
}

const uint8_t *exchange_key(const struct exchange *x)
{
    return x->key;
}

/* ---- what many routes read ---- */

bool exchange_batch_id(struct exchange *x, char ret_id[LIMIT_BATCH_ID_LEN + 1])
{
    char cell[LIMIT_CELL_ID_LEN + 1];
    const char *id = http_request_param(x->req, "id");
    if (!id)
        id = http_request_query(x->req, "batchId");
    if (!id || !id[0]) {
        exchange_bad_argument(x, "batchId", "is required");
        return false;
    }
    size_t len = strlen(id);
    if (len > LIMIT_BATCH_ID_LEN || ident_batch_cell(id, len, cell) != 0 || strcmp(cell, x->who.cell) != 0) {
        exchange_not_found(x);
        return false;
    }
    memcpy(ret_id, id, len + 1);
    memcpy(x->batch_id, id, len + 1);
    return true;
}

static bool is_among(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

static bool stood_before(const struct http_request *req, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(http_request_query_name(req, i), http_request_query_name(req, index)) == 0)
            return true;
    }
    return false;
}

bool exchange_knows_query(struct exchange *x, const char *const *names, size_t n)
{
    static const char user_id[] = "userId";
    const char *name;
    struct faults faults;
    faults_init(&faults, LIMIT_FAULTS);
    for (size_t i = 0; (name = http_request_query_name(x->req, i)) != NULL && i <= QUERY_ARGS_MAX; i++) {
        if (i == QUERY_ARGS_MAX)
            faults_add(&faults, "query", FAULT_TOO_MANY, "holds more than %d arguments", QUERY_ARGS_MAX);
        else if (stood_before(x->req, i))
            faults_add(&faults, name, FAULT_DUPLICATE, "was given twice in the query");
        else if (strcmp(name, user_id) != 0 && !is_among(name, names, n))
            faults_add(&faults, name, FAULT_UNKNOWN_FIELD, "is not an argument of this route");
    }
    bool is_known = faults_count(&faults) == 0;
    if (!is_known)
        exchange_faults(x, &faults);
    faults_free(&faults);
    return is_known;
}

bool exchange_flag(struct exchange *x, const char *name, bool *ret_flag)
{
    const char *text = http_request_query(x->req, name);
    *ret_flag = text && strcmp(text, "true") == 0;
    if (!text || *ret_flag || strcmp(text, "false") == 0)
        return true;
    exchange_bad_argument(x, name, "must be true or false");
    return false;
}
