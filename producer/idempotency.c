/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/idempotency.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/digest.h"
#include "common/base/ident.h"
#include "common/base/log.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/answer.h"

#define HEADER "Idempotency-Key"
#define LIFE_MS "86400000"
/* For how long the same request is told to wait. Longer than nearly every creation takes; one that takes longer may be
 * met by its own retry, and then both write the same. A request whose producer died can go on after it. */
#define LEASE_MS "10000"
#define FULL_AGAIN_S 600 /* those of an hour are forgotten in it */
#define HOLDER_RANDOM 20
#define HOLDER_LEN (2 + HOLDER_RANDOM)
#define HEX_LEN (2 * DIGEST_SHA256_LEN)

enum phase {
    PHASE_READING, /* the body arrives */
    PHASE_CLAIMING, /* Redis is asked */
    PHASE_HELD, /* the request goes on under its lease */
    PHASE_KEEPING, /* its answer is being kept */
    PHASE_OVER,
};

/* One request with a key. */
struct claim {
    struct exchange *x; /* borrowed: it owns this */
    enum phase phase;
    char key[HEX_LEN + 1]; /* SHA-256 of the header's value */
    struct digest_stream *digest;
    bool has_body; /* it was fed */
    char request[HEX_LEN + 1]; /* the digest, once the body is whole */
    char holder[HOLDER_LEN + 1];
    char batch_id[LIMIT_BATCH_ID_LEN + 1];
    bool is_resumed;
    exchange_fn run;
    int status;
    cJSON *answer; /* while it is being kept */
};

static void claim_free(void *guard)
{
    struct claim *c = guard;
    digest_stream_free(c->digest);
    cJSON_Delete(c->answer);
    free(c);
}

static bool on_answer(struct exchange *x, int status, cJSON *body, void *guard);

/* ---- the request ---- */

/* The value without the quotes that the IETF's draft (draft-ietf-httpapi-idempotency-key-header) puts around it and
 * nearly nobody else does. False where it is not 1 to 255 printable characters. */
static bool read_key(const char *text, const char **ret_key, size_t *ret_len)
{
    size_t len = strlen(text);
    if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
        text++;
        len -= 2;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < 0x20 || text[i] > 0x7E)
            return false;
    }
    *ret_key = text;
    *ret_len = len;
    return len >= 1 && len <= LIMIT_IDEMPOTENCY_KEY_LEN;
}

static int add_text(struct claim *c, const char *text)
{
    return digest_stream_add(c->digest, text, strlen(text) + 1); /* the NUL tells where it ends */
}

/* Two requests are the same where method, path, query and body are. */
static int add_head(struct claim *c, const struct http_request *req)
{
    const char *name;
    int err = add_text(c, http_request_method(req));
    if (!err)
        err = add_text(c, http_request_path(req));
    for (size_t i = 0; !err && (name = http_request_query_name(req, i)) != NULL; i++) {
        err = add_text(c, name);
        if (!err)
            err = add_text(c, http_request_query(req, name));
    }
    return err ? err : add_text(c, "");
}

static int begin(struct exchange *x, const char *key, size_t len)
{
    struct claim *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    c->x = x;
    int err = digest_sha256_hex(key, len, c->key);
    if (!err)
        err = ident_make_random("h_", HOLDER_RANDOM, c->holder, sizeof c->holder);
    if (!err && exchange_identity(x)->tenant[0])
        err = ident_make_batch(exchange_identity(x)->cell, c->batch_id);
    if (!err)
        err = digest_stream_create(&c->digest);
    if (!err)
        err = add_head(c, exchange_request(x));
    if (err)
        claim_free(c);
    else
        exchange_guard(x, on_answer, c, claim_free);
    return err;
}

bool idempotency_begin(struct exchange *x)
{
    const char *text = http_request_header(exchange_request(x), HEADER);
    const char *key;
    size_t len;
    if (!text)
        return true;
    if (!read_key(text, &key, &len)) {
        exchange_bad_argument(x, HEADER, "must be 1 to 255 printable characters of ASCII");
        return false;
    }
    int err = begin(x, key, len);
    if (err)
        exchange_fail(x, err);
    return !err;
}

int idempotency_feed(struct exchange *x, const void *data, size_t len)
{
    struct claim *c = exchange_guarded(x);
    if (!c)
        return 0;
    c->has_body = true;
    return digest_stream_add(c->digest, data, len);
}

/* ---- what was answered before ---- */

static void refuse_other(struct exchange *x)
{
    exchange_error(x, 422, "IDEMPOTENCY_KEY_REUSED",
                   "This Idempotency-Key was used in the last 24 hours for another request (path, query or body).",
                   NULL);
}

static void refuse_busy(struct exchange *x)
{
    exchange_error_again(x, 409, "IDEMPOTENCY_IN_PROGRESS",
                         "The first request with this Idempotency-Key is still under way. Send it again after "
                         "Retry-After seconds.",
                         NULL);
}

static void refuse_full(struct exchange *x)
{
    cJSON *details = cJSON_CreateObject();
    (void)json_add_str(details, "quota", "idempotencyKeys");
    (void)json_add_i64(details, "limit", LIMIT_IDEMPOTENCY_KEYS);
    exchange_too_many(x, CODE_RATE_LIMITED,
                      "As many requests with an Idempotency-Key as are remembered were sent in the last 24 hours.",
                      details, FULL_AGAIN_S);
}

static int seal_context(const struct claim *c, char *ret, size_t cap)
{
    struct buf text;
    buf_init(&text, cap);
    int err = buf_printf(&text, "idempotency/%s/%s", exchange_identity(c->x)->tenant, c->key);
    if (!err)
        memcpy(ret, buf_str(&text), buf_len(&text) + 1);
    buf_free(&text);
    return err;
}
#define CONTEXT_LEN 160

/* {"answered", status, sealed answer} */
static int answer_again(struct claim *c, const struct redisReply *reply)
{
    char context[CONTEXT_LEN + 1], *answer;
    const char *sealed;
    size_t sealed_len, len;
    int64_t status;
    int err = reply_i64(reply_at(reply, 1), &status);
    if (!err)
        err = reply_str(reply_at(reply, 2), &sealed, &sealed_len);
    if (!err)
        err = seal_context(c, context, sizeof context);
    if (!err)
        err = seal_open(exchange_api(c->x)->keys, context, sealed, sealed_len, &answer, &len);
    if (err)
        return err;
    log_info("request.answered_again", log_str("request", http_request_id(exchange_request(c->x))),
             log_str("tenant", exchange_identity(c->x)->tenant));
    exchange_answer_kept(c->x, (int)status, answer, len);
    seal_secret_free(answer, len);
    return 0;
}

/* ---- the claim ---- */

/* {"claimed", batch id, 0|1} */
static int go_on(struct claim *c, const struct redisReply *reply)
{
    const char *id;
    size_t len;
    int64_t is_resumed;
    int err = reply_str(reply_at(reply, 1), &id, &len);
    if (!err)
        err = reply_i64(reply_at(reply, 2), &is_resumed);
    if (!err && len > LIMIT_BATCH_ID_LEN)
        err = ERR_PROTOCOL;
    if (err)
        return err;
    memcpy(c->batch_id, id, len);
    c->batch_id[len] = '\0';
    c->is_resumed = is_resumed != 0;
    c->phase = PHASE_HELD;
    c->run(c->x);
    return 0;
}

static void on_claimed(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct claim *c = arg;
    const char *word = NULL;
    size_t len;
    if (!err)
        err = reply_str(reply_at(reply, 0), &word, &len);
    c->phase = PHASE_OVER;
    if (!err && strcmp(word, "claimed") == 0)
        err = go_on(c, reply);
    else if (!err && strcmp(word, "answered") == 0)
        err = answer_again(c, reply);
    else if (!err && strcmp(word, "busy") == 0)
        refuse_busy(x);
    else if (!err && strcmp(word, "other") == 0)
        refuse_other(x);
    else if (!err && strcmp(word, "full") == 0)
        refuse_full(x);
    else if (!err)
        err = ERR_PROTOCOL;
    if (err)
        exchange_fail(x, err);
}

static int finish_digest(struct claim *c)
{
    size_t len = 0;
    const char *body = c->has_body ? NULL : http_request_body(exchange_request(c->x), &len);
    int err = body ? digest_stream_add(c->digest, body, len) : 0;
    return err ? err : digest_stream_hex(c->digest, c->request);
}

static int send_claim(struct claim *c)
{
    char most[REDIS_I64_LEN];
    const struct redis_arg args[] = {
        redis_arg_str(exchange_identity(c->x)->tenant),
        redis_arg_str(c->key),
        redis_arg_str(c->request),
        redis_arg_str(c->holder),
        redis_arg_str(LEASE_MS),
        redis_arg_str(LIFE_MS),
        redis_arg_str(c->batch_id),
        redis_arg_i64(LIMIT_IDEMPOTENCY_KEYS, most),
    };
    c->phase = PHASE_CLAIMING;
    return exchange_script_dir(c->x, LUA_IDEMPOTENCY_CLAIM, args, sizeof args / sizeof args[0], on_claimed, c);
}

void idempotency_claim(struct exchange *x, exchange_fn run)
{
    if (!exchange_guarded(x) && !idempotency_begin(x))
        return;
    struct claim *c = exchange_guarded(x);
    if (!c) {
        run(x);
        return;
    }
    c->run = run;
    int err = finish_digest(c);
    if (!err)
        err = send_claim(c);
    if (err)
        exchange_fail(x, err);
}

/* ---- the answer ---- */

static int settle(struct claim *c, const char *how, int status, const char *answer, exchange_reply_fn fn)
{
    char number[REDIS_I64_LEN];
    const struct redis_arg args[] = {
        redis_arg_str(exchange_identity(c->x)->tenant),
        redis_arg_str(c->key),
        redis_arg_str(c->holder),
        redis_arg_str(how),
        redis_arg_i64(status, number),
        redis_arg_str(answer),
    };
    return exchange_script_dir(c->x, LUA_IDEMPOTENCY_SETTLE, args, answer[0] ? 6 : 4, fn, c);
}

static void on_settled(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    (void)reply;
    (void)err;
    (void)arg;
}

/* Whether it was kept or not: what was asked for is done, and the same request would find it so. */
static void on_kept(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)reply;
    (void)err;
    struct claim *c = arg;
    cJSON *answer = c->answer;
    c->phase = PHASE_OVER;
    c->answer = NULL;
    exchange_answer(x, c->status, answer);
}

/* A tenant could have a long answer kept for each of its requests, beside all of its quotas: so of one that is longer
 * than most, its warnings are left out. */
static int print_answer(const cJSON *body, struct buf *text)
{
    static const char less[] = "[{\"path\":\"\",\"code\":\"MORE\",\"message\":\"The first answer told them.\"}]";
    int err = json_print(body, text);
    bool is_short = !err && buf_len(text) <= LIMIT_IDEMPOTENCY_WARNED_BYTES;
    if (is_short || !cJSON_HasObjectItem(body, "warnings"))
        return err;
    buf_clear(text);
    cJSON *shorter = cJSON_Duplicate(body, true);
    cJSON_DeleteItemFromObjectCaseSensitive(shorter, "warnings");
    err = shorter && json_add_raw(shorter, "warnings", less, sizeof less - 1) ? json_print(shorter, text) : ERR_NOMEM;
    cJSON_Delete(shorter);
    return err;
}

/* An answer may show a secret, such as an endpoint's. */
static int keep(struct claim *c, int status, const cJSON *body)
{
    char context[CONTEXT_LEN + 1], *sealed = NULL;
    struct buf text;
    buf_init(&text, LIMIT_IDEMPOTENCY_ANSWER_BYTES);
    int err = print_answer(body, &text);
    if (!err)
        err = seal_context(c, context, sizeof context);
    if (!err)
        err = seal_secret(exchange_api(c->x)->keys, context, buf_str(&text), buf_len(&text), &sealed);
    if (!err)
        err = settle(c, "keep", status, sealed, on_kept);
    free(sealed);
    buf_free(&text);
    return err;
}

/* An exchange_guard_fn. */
static bool on_answer(struct exchange *x, int status, cJSON *body, void *guard)
{
    (void)x;
    struct claim *c = guard;
    if (c->phase != PHASE_HELD)
        return false;
    c->phase = PHASE_OVER;
    if (status / 100 == 2 && body && keep(c, status, body) == 0) {
        c->phase = PHASE_KEEPING;
        c->status = status;
        c->answer = body;
        return true;
    }
    /* Where it cannot be sent the lease passes by itself. */
    if (status / 100 != 2)
        (void)!settle(c, status / 100 == 4 ? "forget" : "release", 0, "", on_settled);
    return false;
}

/* ---- what the handler asks ---- */

const char *idempotency_batch_id(const struct exchange *x)
{
    const struct claim *c = exchange_guarded(x);
    return c && c->batch_id[0] ? c->batch_id : NULL;
}

bool idempotency_is_resumed(const struct exchange *x)
{
    const struct claim *c = exchange_guarded(x);
    return c && c->is_resumed;
}
