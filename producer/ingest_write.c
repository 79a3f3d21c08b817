/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/ingest_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/encode.h"
#include "common/base/ident.h"
#include "common/base/parse.h"
#include "common/redis/reply.h"
#include "producer/endpoint_offer.h"

/* Enough to keep Redis busy over a network, few enough that claims come in between. */
#define CHUNKS_IN_FLIGHT 4
/* A creation that is not sealed by then is purged; far longer than any writing takes. */
#define UNSEALED_LIFE_MS "600000"
/* After an interruption: how often to look whether it can go on, and for how long without any progress. */
#define AGAIN_US 200000
#define GIVE_UP_US 10000000

enum step { STEP_CREATE, STEP_CHUNKS, STEP_ENDPOINTS, STEP_SEAL };

struct ingest_write {
    struct ingest_write_config config;
    struct loop_timer *timer; /* the start, and trying again */
    struct ingest_result result;
    struct endpoint_offers offers;
    enum step step;
    size_t confirmed; /* chunks known to be written */
    size_t next; /* the next chunk to send */
    size_t in_flight; /* commands */
    bool is_interrupted; /* a command's outcome is not known: nothing is sent until all are answered */
    bool is_seal_sent;
    int64_t progress_us;
};

static void finish(struct ingest_write *w, int err)
{
    loop_timer_disarm(w->timer);
    w->result.err = err;
    w->config.on_done(w->config.x, &w->result);
}

/* ---- interruptions ---- */

static void wait_a_while(struct ingest_write *w)
{
    if (clock_mono_us() - w->progress_us > GIVE_UP_US)
        finish(w, w->is_seal_sent ? ERR_TIMEOUT : ERR_UNAVAILABLE);
    else
        loop_timer_arm_us(w->timer, AGAIN_US);
}

static void make_progress(struct ingest_write *w)
{
    w->progress_us = clock_mono_us();
}

static void send_more(struct ingest_write *w);

/* Counts the reply. True where it may be read; otherwise it has been dealt with. */
static bool take_reply(struct ingest_write *w, const struct redisReply *reply, int err)
{
    w->in_flight--;
    if (!reply || (w->is_seal_sent && err_is_retryable(err)))
        w->is_interrupted = true;
    if (err == ERR_NOT_FOUND && w->step != STEP_CREATE)
        err = ERR_UNAVAILABLE; /* Redis came back without what was written */
    if (w->is_interrupted) {
        if (w->in_flight == 0)
            wait_a_while(w);
        return false;
    }
    if (err) {
        finish(w, err);
        return false;
    }
    make_progress(w);
    return true;
}

/* What could not be sent is tried again once the replies under way are in, or after a while. */
static void take_sending(struct ingest_write *w, int err)
{
    if (!err)
        w->in_flight++;
    else if (!err_is_retryable(err))
        finish(w, err);
    else if (w->in_flight == 0)
        wait_a_while(w);
}

/* ---- the batch ---- */

static void on_created(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    struct ingest_write *w = arg;
    if (!take_reply(w, reply, err))
        return;
    w->step = STEP_CHUNKS;
    send_more(w);
}

static void send_create(struct ingest_write *w)
{
    struct redis_arg args[4 + 2 * BATCH_SETTINGS_MAX];
    args[0] = redis_arg_str(w->result.batch_id);
    args[1] = redis_arg_str(exchange_identity(w->config.x)->tenant);
    args[2] = redis_arg_str(w->config.options->trunk);
    args[3] = redis_arg_str(UNSEALED_LIFE_MS);
    batch_settings_args(w->config.settings, args + 4);
    take_sending(w, exchange_script(w->config.x, LUA_BATCH_CREATE, args, 4 + 2 * w->config.settings->n, on_created, w));
}

/* ---- its contacts ---- */

/* {total, repeated, index, "phone" | "id", ...} */
static int read_chunk_reply(struct ingest_write *w, const struct redisReply *reply, size_t chunk)
{
    int64_t total, index;
    int err = reply_i64(reply_at(reply, 0), &total);
    for (size_t i = 2; !err && i + 1 < reply_len(reply); i += 2) {
        const char *why;
        size_t why_len;
        err = reply_i64(reply_at(reply, i), &index);
        if (!err)
            err = reply_str(reply_at(reply, i + 1), &why, &why_len);
        if (err)
            break;
        bool is_id = why_len == 2 && memcmp(why, "id", 2) == 0;
        faults_add_path(w->config.warnings, FAULT_DUPLICATE, "an earlier contact has the same: this one is left out",
                        "contacts[%zu].%s", chunk * LIMIT_INGEST_CHUNK + (size_t)index, is_id ? "id" : "phoneNumber");
    }
    if (!err)
        w->result.total = (uint64_t)total;
    return err;
}

static void on_chunk(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    struct ingest_write *w = arg;
    if (!take_reply(w, reply, err))
        return;
    err = read_chunk_reply(w, reply, w->confirmed); /* replies come in order */
    if (err) {
        finish(w, err);
        return;
    }
    ingest_pack_chunk_drop(w->config.pack, w->confirmed++);
    if (w->confirmed == ingest_pack_chunk_count(w->config.pack))
        w->step = STEP_ENDPOINTS;
    send_more(w);
}

static int send_chunk(struct ingest_write *w, size_t chunk)
{
    struct redis_arg args[3 + LIMIT_INGEST_CHUNK * INGEST_PACK_ARGS];
    char number[REDIS_I64_LEN];
    char digest[2 * DIGEST_SHA256_LEN + 1];
    int err = ingest_pack_chunk_digest(w->config.pack, chunk, digest);
    if (err)
        return err;
    args[0] = redis_arg_str(w->result.batch_id);
    args[1] = redis_arg_i64((int64_t)chunk + 1, number);
    args[2] = redis_arg_str(digest);
    ingest_pack_chunk_args(w->config.pack, chunk, args + 3);
    size_t n = 3 + ingest_pack_chunk_len(w->config.pack, chunk) * INGEST_PACK_ARGS;
    return exchange_script(w->config.x, LUA_BATCH_INGEST, args, n, on_chunk, w);
}

static void send_chunks(struct ingest_write *w)
{
    size_t count = ingest_pack_chunk_count(w->config.pack);
    while (w->next < count && w->in_flight < CHUNKS_IN_FLIGHT && exchange_is_open(w->config.x)) {
        int err = send_chunk(w, w->next);
        if (!err)
            w->next++;
        take_sending(w, err);
        if (err)
            return;
    }
}

/* ---- the endpoints of its URLs ---- */

static void on_endpoints(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    struct ingest_write *w = arg;
    if (!take_reply(w, reply, err))
        return;
    w->step = STEP_SEAL;
    send_more(w);
}

static void send_endpoints(struct ingest_write *w)
{
    struct redis_arg args[ENDPOINT_OFFERS_ARGS];
    if (w->offers.n == 0) {
        w->step = STEP_SEAL;
        send_more(w);
        return;
    }
    size_t n = endpoint_offers_args(&w->offers, exchange_identity(w->config.x)->tenant, args);
    take_sending(w, exchange_script(w->config.x, LUA_HOOK_ENDPOINT, args, n, on_endpoints, w));
}

/* ---- the seal ---- */

static void on_sealed(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    struct ingest_write *w = arg;
    const char *state;
    size_t len;
    if (!take_reply(w, reply, err))
        return;
    err = reply_str(reply_at(reply, 0), &state, &len);
    if (!err && len > INGEST_STATE_LEN)
        err = ERR_PROTOCOL;
    if (!err) {
        memcpy(w->result.state, state, len);
        w->result.state[len] = '\0';
    }
    finish(w, err);
}

static void send_seal(struct ingest_write *w)
{
    const struct batch_options *o = w->config.options;
    struct redis_arg args[2 + LIMIT_TAGS];
    char total[REDIS_I64_LEN];
    char hex[LIMIT_TAGS][2 * 4 * LIMIT_TAG_LEN + 1];
    args[0] = redis_arg_str(w->result.batch_id);
    args[1] = redis_arg_i64((int64_t)w->result.total, total);
    for (size_t i = 0; i < o->n_tags; i++) {
        encode_hex(o->tags[i], strlen(o->tags[i]), hex[i]);
        args[2 + i] = redis_arg_str(hex[i]);
    }
    int err = exchange_script(w->config.x, LUA_BATCH_SEAL, args, 2 + o->n_tags, on_sealed, w);
    if (!err)
        w->is_seal_sent = true;
    take_sending(w, err);
}

/* ---- from step to step ---- */

static void send_more(struct ingest_write *w)
{
    switch (w->step) {
    case STEP_CREATE:
        send_create(w);
        break;
    case STEP_CHUNKS:
        send_chunks(w);
        break;
    case STEP_ENDPOINTS:
        send_endpoints(w);
        break;
    case STEP_SEAL:
        send_seal(w);
        break;
    }
}

static void on_timer(void *arg)
{
    struct ingest_write *w = arg;
    if (!exchange_is_open(w->config.x))
        return;
    w->is_interrupted = false;
    w->next = w->confirmed;
    send_more(w);
}

int ingest_write_start(const struct ingest_write_config *config, struct ingest_write **ret_write)
{
    struct ingest_write *w = calloc(1, sizeof *w);
    if (!w)
        return ERR_NOMEM;
    w->config = *config;
    make_progress(w);
    int err = loop_timer_create(exchange_api(config->x)->loop, on_timer, w, &w->timer);
    if (!err && config->batch_id)
        snprintf(w->result.batch_id, sizeof w->result.batch_id, "%s", config->batch_id);
    else if (!err)
        err = ident_make_batch(exchange_identity(config->x)->cell, w->result.batch_id);
    if (!err)
        err = endpoint_offers_make(exchange_api(config->x)->keys, exchange_identity(config->x)->tenant, config->options,
                                   &w->offers);
    if (err) {
        ingest_write_free(w);
        return err;
    }
    loop_timer_arm_us(w->timer, 0);
    *ret_write = w;
    return 0;
}

void ingest_write_free(struct ingest_write *w)
{
    if (!w)
        return;
    loop_timer_free(w->timer);
    endpoint_offers_free(&w->offers);
    free(w);
}
