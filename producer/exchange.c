/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/exchange_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/redis/keys.h"
#include "producer/answer.h"
#include "producer/bearer.h"
#include "producer/credential.h"
#include "producer/ingest_room.h"

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
    ingest_room_leave(x->room);
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

int64_t exchange_session_until_ms(const struct exchange *x)
{
    return x->session_until_ms;
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

struct exchange *exchange_begin_keyless(struct api *api, struct http_request *req, enum access access, exchange_fn run)
{
    struct exchange *x = calloc(1, sizeof *x);
    if (!x) {
        answer_internal(req);
        return NULL;
    }
    x->api = api;
    x->req = req;
    x->begun_us = clock_mono_us();
    x->access = access;
    x->run = run;
    x->holds = 1; /* the request's; given back by exchange_gone() */
    http_request_attach(req, x);
    return x;
}

void exchange_use_key(struct exchange *x, const uint8_t key[DIGEST_SHA256_LEN])
{
    memcpy(x->key, key, sizeof x->key);
    exchange_authorize(x);
}

void exchange_use_request_key(struct exchange *x)
{
    struct dashboard_session session;
    if (credential_read(x->req, x->api->keys, &session) != 0) {
        exchange_refuse_key(x);
    } else {
        x->session_until_ms = session.until_ms;
        exchange_use_key(x, session.key);
    }
}

void exchange_on_refused(struct exchange *x, exchange_fn fn)
{
    x->on_refused = fn;
}

struct exchange *exchange_begin(struct api *api, struct http_request *req, enum access access, exchange_fn run)
{
    struct exchange *x = exchange_begin_keyless(api, req, access, run);
    if (x)
        exchange_use_request_key(x);
    return x;
}

/* As much room as its client says, or as it may come to need. */
static bool take_room(struct exchange *x)
{
    int64_t declared = http_request_content_length(x->req);
    x->room = ingest_room_enter(x->api->ingest_room, x->who.tenant);
    return x->room && ingest_room_take(x->room, declared >= 0 ? (size_t)declared : LIMIT_EARLY_BODY_BYTES);
}

static void read_body(struct exchange *x)
{
    x->is_early = take_room(x);
    if (x->is_early)
        http_request_resume(x->req);
    else
        ingest_room_refuse(x);
}

void exchange_begin_early(struct api *api, struct http_request *req, enum access access, exchange_fn run)
{
    struct exchange *x = exchange_begin(api, req, access, read_body);
    if (!x)
        return;
    x->run_whole = run;
    if (exchange_is_open(x) && !x->is_early)
        http_request_pause(req);
}

void exchange_run_whole(struct http_request *req, void *arg)
{
    (void)arg;
    struct exchange *x = http_request_attached(req);
    if (x && exchange_is_open(x))
        x->run_whole(x);
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

void exchange_end_own_with(struct exchange *x, int err)
{
    x->is_answered = true;
    x->over(err, x->over_arg);
    release(x);
}

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
    x->holds = 2; /* exchange_end_own_with()'s, and the caller's */
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
    exchange_authorize(x);
    release(x);
    return 0; /* NOLINT(clang-analyzer-unix.Malloc): the reply that it waits for, or the end, has let go of it */
}

void exchange_end_own(struct exchange *x)
{
    if (exchange_is_open(x))
        exchange_end_own_with(x, 0);
}

void *exchange_own_arg(const struct exchange *x)
{
    return x->over_arg;
}

const uint8_t *exchange_key(const struct exchange *x)
{
    return x->key;
}
