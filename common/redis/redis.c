/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redis/redis.h"

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/redis/redis_private.h"

#define CONNECT_TIMEOUT_MS 5000
/* hiredis moves the rest of its buffer each time it drops what it has parsed: small bites keep that cheap. */
#define FEED_BYTES 16384
/* The shortest element of an array is "+\r\n": a longer announcement cannot end within LIMIT_REDIS_REPLY_BYTES. */
#define REPLY_ELEMENTS_MAX (LIMIT_REDIS_REPLY_BYTES / 3)
#define TELL_DENIED_US 1000000 /* at most one such line in it */
/* The type of a TLS record that complains (RFC 8446, section 5.1); no reply begins so. */
#define TLS_ALERT 0x15
/* Beside a full queue, each script may be loaded again (script.c). */
#define PENDING_MAX (LIMIT_REDIS_PENDING + LUA_SCRIPT_COUNT)

/* ---- life ---- */

static void wipe_free(char *secret)
{
    if (secret) {
        explicit_bzero(secret, strlen(secret));
        free(secret);
    }
}

static void destroy(struct redis *r)
{
    loop_timer_free(r->timer);
    heap_free(r->deadlines);
    redis_channels_free(r);
    redis_sentinel_free(r->sentinel);
    redis_tls_free(r->tls);
    free(r->user);
    wipe_free(r->password);
    free(r->name);
    free(r);
}

void redis_enter(struct redis *r)
{
    r->depth++;
}

void redis_leave(struct redis *r)
{
    if (--r->depth == 0 && r->state == REDIS_STATE_FREED)
        destroy(r);
}

/* The earliest of the commands under way. */
static int64_t deadline_us(const struct redis *r)
{
    int64_t earliest_us;
    return heap_peek(r->deadlines, &earliest_us) ? earliest_us : REDIS_NEVER_US;
}

static int64_t due_us(const struct redis *r)
{
    switch (r->state) {
    case REDIS_STATE_READY:
        return deadline_us(r) < r->recheck_us ? deadline_us(r) : r->recheck_us;
    case REDIS_STATE_SENTINEL: /* it ends by itself */
    case REDIS_STATE_FREED:
        return REDIS_NEVER_US;
    case REDIS_STATE_WAITING:
    case REDIS_STATE_LOOKUP:
    case REDIS_STATE_CONNECTING:
    case REDIS_STATE_TLS:
    case REDIS_STATE_AUTH:
    case REDIS_STATE_SESSION:
    case REDIS_STATE_ROLE:
    case REDIS_STATE_POLICY:
    case REDIS_STATE_RUN_ID:
    case REDIS_STATE_SCRIPTS:
    case REDIS_STATE_CHANNELS:
        break;
    }
    return r->wake_us;
}

/* The timer is not pulled back when the earliest command is answered: it fires, finds nothing due and is armed anew,
 * once a deadline instead of once a command. */
void redis_timer_update(struct redis *r)
{
    int64_t at_us = due_us(r);
    if (at_us < r->timer_at_us) {
        r->timer_at_us = at_us;
        loop_timer_arm_at_us(r->timer, at_us);
    }
}

static void timer_fired(void *arg)
{
    struct redis *r = arg;
    r->timer_at_us = REDIS_NEVER_US;
    redis_enter(r);
    if (due_us(r) > clock_mono_us()) {
        redis_timer_update(r);
    } else if (r->state == REDIS_STATE_READY && deadline_us(r) > clock_mono_us()) {
        redis_recheck(r);
    } else if (r->state == REDIS_STATE_READY) {
        redis_explain(r, "a command got no reply within its deadline");
        redis_lose(r, REDIS_REFUSAL_UNREACHABLE);
    } else {
        redis_wake(r);
    }
    redis_leave(r);
}

static char *dup_or_null(const char *text, bool *ret_failed)
{
    char *copy = text ? strdup(text) : NULL;
    *ret_failed |= text && !copy;
    return copy;
}

static int set_up_tls(struct redis *r, const struct redis_config *config, const char **ret_why)
{
    const struct redis_tls_files files = {.ca = config->ca_file, .cert = config->cert_file, .key = config->key_file};
    /* Of a primary that Sentinel is to name, the host is set when it is known. */
    if (r->url.is_tls)
        return redis_tls_create(r->url.host, r->url.addr_len > 0, &files, &r->tls, ret_why);
    if (!files.ca && !files.cert && !files.key)
        return 0;
    *ret_why = "certificates are given, but only rediss:// and sentinels:// use them";
    return ERR_INVALID;
}

static int set_up(struct redis *r, const struct redis_config *config, const char **ret_why)
{
    bool failed = false;
    int rc = set_up_tls(r, config, ret_why);
    if (rc < 0)
        return rc;
    if (config->sentinel_password && r->url.n_sentinels == 0) {
        *ret_why = "a password for Sentinel is given, but only sentinel:// uses it";
        return ERR_INVALID;
    }
    *ret_why = "out of memory";
    if (r->url.n_sentinels > 0)
        rc = redis_sentinel_create(r->loop, config, &r->url, redis_sentinel_told, r, &r->sentinel);
    if (rc < 0)
        return rc;
    r->user = dup_or_null(config->user, &failed);
    r->password = dup_or_null(config->password, &failed);
    r->name = dup_or_null(config->name, &failed);
    r->deadlines = heap_create(PENDING_MAX);
    if (failed || !r->deadlines)
        return ERR_NOMEM;
    return loop_timer_create(r->loop, timer_fired, r, &r->timer);
}

int redis_create(struct loop *loop, const struct redis_config *config, redis_ready_fn on_ready, redis_down_fn on_down,
                 void *arg, struct redis **ret_redis, const char **ret_why)
{
    int64_t timeout_ms = config->connect_timeout_ms > 0 ? config->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    struct redis_url url;
    const char *why = NULL;
    int rc = redis_url_parse(config->url, &url, ret_why);
    if (rc < 0)
        return rc;
    struct redis *r = malloc(sizeof *r);
    if (!r) {
        *ret_why = "out of memory";
        return ERR_NOMEM;
    }
    *r = (struct redis){.url = url,
                        .skip_checks = config->skip_checks,
                        .skip_scripts = config->skip_scripts,
                        .connect_timeout_us = 1000 * timeout_ms,
                        .loop = loop,
                        .on_ready = on_ready,
                        .on_down = on_down,
                        .arg = arg,
                        .state = REDIS_STATE_WAITING,
                        .timer_at_us = REDIS_NEVER_US,
                        .recheck_us = REDIS_NEVER_US,
                        .wake_us = clock_mono_us()};
    STAILQ_INIT(&r->queue);
    STAILQ_INIT(&r->channels);
    rc = set_up(r, config, &why);
    if (rc < 0) {
        *ret_why = why;
        destroy(r);
        return rc;
    }
    redis_timer_update(r);
    *ret_redis = r;
    return 0;
}

void redis_free(struct redis *r)
{
    if (!r || r->state == REDIS_STATE_FREED)
        return;
    redis_enter(r);
    redis_set_state(r, REDIS_STATE_FREED);
    redis_disconnect(r);
    redis_fail_pending(r, INT64_MIN);
    redis_leave(r);
}

bool redis_is_ready(const struct redis *r)
{
    return r->state == REDIS_STATE_READY;
}

const char *redis_run_id(const struct redis *r)
{
    return r->run_id;
}

size_t redis_pending(const struct redis *r)
{
    return heap_len(r->deadlines);
}

uint64_t redis_commands_sent(const struct redis *r)
{
    return r->commands_sent;
}

const struct redis_counts *redis_counts(const struct redis *r)
{
    return &r->counts;
}

/* ---- commands ---- */

int redis_admit(const struct redis *r, size_t len)
{
    if (!STAILQ_EMPTY(&r->channels))
        return ERR_STATE;
    if (r->state != REDIS_STATE_READY || redis_pending(r) >= LIMIT_REDIS_PENDING ||
        evbuffer_get_length(bufferevent_get_output(r->bev)) + len > LIMIT_REDIS_OUT_BYTES)
        return ERR_UNAVAILABLE;
    return 0;
}

int redis_send(struct redis *r, const char *command, size_t len, int64_t deadline_us, redis_reply_fn fn, void *arg)
{
    if (!r->bev)
        return ERR_UNAVAILABLE;
    struct redis_pending *pending = malloc(sizeof *pending);
    if (!pending)
        return ERR_NOMEM;
    *pending = (struct redis_pending){.deadline_us = deadline_us, .place = HEAP_NOWHERE, .fn = fn, .arg = arg};
    int rc = heap_push(r->deadlines, deadline_us, pending, &pending->place);
    if (rc < 0) {
        free(pending);
        return rc;
    }
    if (bufferevent_write(r->bev, command, len) < 0) {
        heap_remove(r->deadlines, &pending->place);
        free(pending);
        return ERR_NOMEM;
    }
    STAILQ_INSERT_TAIL(&r->queue, pending, next);
    r->commands_sent++;
    redis_timer_update(r);
    return 0;
}

/* ---- replies ---- */

static struct redis_pending *take_pending(struct redis *r)
{
    struct redis_pending *pending = STAILQ_FIRST(&r->queue);
    if (pending) {
        STAILQ_REMOVE_HEAD(&r->queue, next);
        heap_remove(r->deadlines, &pending->place);
    }
    return pending;
}

void redis_fail_pending(struct redis *r, int64_t now_us)
{
    struct redis_pending *pending;
    while ((pending = take_pending(r)) != NULL) {
        bool is_late = pending->deadline_us <= now_us;
        r->counts.faults[is_late ? REDIS_FAULT_TIMEOUT : REDIS_FAULT_CLOSED]++;
        if (pending->fn)
            pending->fn(NULL, is_late ? ERR_TIMEOUT : ERR_CLOSED, pending->arg);
        free(pending);
    }
}

static void *create_bounded_array(const redisReadTask *task, int elements)
{
    const struct redis *r = task->privdata;
    return elements > (int)REPLY_ELEMENTS_MAX ? NULL : r->reader_create_array(task, elements);
}

int redis_reader_create(struct redis *r)
{
    r->reader = redisReaderCreate();
    if (!r->reader)
        return ERR_NOMEM;
    /* hiredis allocates an array's elements as soon as it reads how many are to come. */
    r->reader_fns = *r->reader->fn;
    r->reader_create_array = r->reader_fns.createArray;
    r->reader_fns.createArray = create_bounded_array;
    r->reader->fn = &r->reader_fns;
    r->reader->privdata = r;
    r->reply_bytes = 0;
    r->has_answered = false;
    return 0;
}

static void lose_protocol(struct redis *r, const char *what)
{
    redis_explain(r, "protocol: %s", what);
    redis_lose(r, REDIS_REFUSAL_UNREACHABLE);
}

/* Whoever asked hears of it too, but may know it only as an error among others. */
static void tell_denied(struct redis *r, const redisReply *reply)
{
    int64_t now_us = clock_mono_us();
    if (r->state != REDIS_STATE_READY || now_us < r->tell_denied_us)
        return;
    r->tell_denied_us = now_us + TELL_DENIED_US;
    log_warn("redis.not_permitted", log_str("user", r->user ? r->user : "default"),
             log_str("detail", reply_error(reply)));
}

static void deliver(struct redis *r, const redisReply *reply)
{
    if (redis_channel_take(r, reply))
        return;
    redis_counts_note(&r->counts, reply);
    if (reply_is_denied(reply))
        tell_denied(r, reply);
    struct redis_pending *pending = take_pending(r);
    if (!pending) {
        lose_protocol(r, reply_error(reply) ? reply_error(reply) : "a reply that nobody asked for");
        return;
    }
    if (pending->fn)
        pending->fn(reply, 0, pending->arg);
    free(pending);
    /* The primary that we were admitted to has become a replica: look again at who it is. */
    if (r->state == REDIS_STATE_READY && !r->skip_checks && reply_error_is(reply, "READONLY")) {
        redis_explain(r, "%s", reply_error(reply));
        redis_lose(r, REDIS_REFUSAL_REPLICA);
    }
}

/* Every whole reply that the reader holds. Callbacks may end the connection: then `bev` is not r->bev any more. */
static void deliver_all(struct redis *r, const struct bufferevent *bev)
{
    while (r->bev == bev) {
        void *reply = NULL;
        if (redisReaderGetReply(r->reader, &reply) != REDIS_OK) {
            lose_protocol(r, r->reader->errstr);
        } else if (!reply) {
            break;
        } else {
            r->reply_bytes = r->reader->len - r->reader->pos;
            deliver(r, reply);
            freeReplyObject(reply);
        }
    }
    if (r->bev == bev && r->reply_bytes > LIMIT_REDIS_REPLY_BYTES)
        lose_protocol(r, "a reply over the limit");
}

void redis_read(struct bufferevent *bev, void *arg)
{
    struct redis *r = arg;
    struct evbuffer *input = bufferevent_get_input(bev);
    redis_enter(r);
    r->has_answered = true;
    while (r->bev == bev && evbuffer_get_length(input) > 0) {
        struct evbuffer_iovec part;
        if (evbuffer_peek(input, FEED_BYTES, NULL, &part, 1) < 1)
            break;
        if (r->reply_bytes == 0 && *(const unsigned char *)part.iov_base == TLS_ALERT) {
            lose_protocol(r, "the server speaks TLS, and the URL does not begin with rediss://");
            break;
        }
        size_t len = part.iov_len < FEED_BYTES ? part.iov_len : FEED_BYTES;
        if (redisReaderFeed(r->reader, part.iov_base, len) != REDIS_OK) {
            lose_protocol(r, r->reader->errstr);
            break;
        }
        evbuffer_drain(input, len);
        r->reply_bytes += len;
        deliver_all(r, bev);
    }
    redis_leave(r);
}
