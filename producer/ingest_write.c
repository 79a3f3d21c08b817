/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/ingest_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/encode.h"
#include "common/base/ident.h"
#include "common/redis/reply.h"
#include "producer/batch_abandon.h"
#include "producer/endpoint_offer.h"
#include "producer/ingest_send.h"
#include "producer/ingest_steps.h"

enum step { STEP_CREATE, STEP_CONTACTS, STEP_ENDPOINTS, STEP_SEAL };

struct ingest_write {
    struct ingest_write_config config;
    struct ingest_steps steps;
    struct ingest_send send;
    struct ingest_result result;
    struct endpoint_offers offers;
    enum step step;
    bool is_seal_sent;
};

static void finish(struct ingest_write *w, int err)
{
    w->result.err = err;
    w->result.total = w->send.total;
    w->config.on_done(w->config.x, &w->result);
}

static void fail(int err, const struct redisReply *reply, void *arg)
{
    (void)reply;
    struct ingest_write *w = arg;
    if (err == ERR_TOO_LARGE && w->step == STEP_ENDPOINTS)
        batch_abandon(w->config.x, w->result.batch_id);
    finish(w, err == ERR_UNAVAILABLE && w->is_seal_sent ? ERR_TIMEOUT : err);
}

static void send_more(struct ingest_write *w);

/* True where the reply may be read; otherwise it has been dealt with. */
static bool take_reply(struct ingest_write *w, const struct redisReply *reply, int err)
{
    bool is_unknown = w->is_seal_sent && err_is_retryable(err);
    if (err == ERR_NOT_FOUND && w->step != STEP_CREATE)
        err = ERR_UNAVAILABLE; /* Redis came back without what was written */
    return ingest_steps_take(&w->steps, reply, err, is_unknown);
}

/* ---- the batch ---- */

static void on_created(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    struct ingest_write *w = arg;
    if (!take_reply(w, reply, err))
        return;
    w->step = STEP_CONTACTS;
    send_more(w);
}

static void send_create(struct ingest_write *w)
{
    struct redis_arg args[BATCH_CREATE_ARGS];
    size_t n = batch_settings_create_args(w->config.settings, w->result.batch_id,
                                          exchange_identity(w->config.x)->tenant, w->config.options->trunk, args);
    if (w->config.dial) {
        args[n++] = redis_arg_str("dial");
        args[n++] = redis_arg_str(w->config.dial);
    }
    ingest_steps_sent(&w->steps, exchange_script(w->config.x, LUA_BATCH_CREATE, args, n, on_created, w));
}

/* ---- its contacts ---- */

static void on_left_out(size_t part, size_t contact, bool is_id, void *arg)
{
    struct ingest_write *w = arg;
    faults_add_path(w->config.warnings, FAULT_DUPLICATE, "an earlier contact has the same: this one is left out",
                    "contacts[%" PRIu64 "].%s", ingest_part_row(w->config.pack, part, contact) - 1,
                    is_id ? "id" : "phoneNumber");
}

static void on_written(void *arg)
{
    send_more(arg);
}

static void send_contacts(struct ingest_write *w)
{
    if (ingest_send_backlog(&w->send) > 0) {
        ingest_send_more(&w->send);
        return;
    }
    w->step = STEP_ENDPOINTS;
    send_more(w);
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
    ingest_steps_sent(&w->steps, exchange_script(w->config.x, LUA_HOOK_ENDPOINT, args, n, on_endpoints, w));
}

/* ---- the seal ---- */

/* "ERR_EXISTS <call>" */
static void take_rival(struct ingest_write *w, const struct redisReply *reply)
{
    const char *text = reply_error(reply);
    const char *rival = text ? strchr(text, ' ') : NULL;
    if (rival)
        (void)snprintf(w->result.rival, sizeof w->result.rival, "%s", rival + 1);
}

static void on_sealed(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    struct ingest_write *w = arg;
    if (err == ERR_EXISTS)
        take_rival(w, reply);
    if (take_reply(w, reply, err))
        finish(w, reply_copy(reply_at(reply, 0), w->result.state, sizeof w->result.state));
}

/* The last step: the seal, or what makes a draft of it. */
static void send_seal(struct ingest_write *w)
{
    const struct batch_options *o = w->config.options;
    struct redis_arg args[3 + LIMIT_TAGS];
    char total[REDIS_I64_LEN], life[REDIS_I64_LEN];
    char hex[LIMIT_TAGS][2 * 4 * LIMIT_TAG_LEN + 1];
    size_t n = 0;
    args[n++] = redis_arg_str(w->result.batch_id);
    args[n++] = redis_arg_i64((int64_t)w->send.total, total);
    if (w->config.is_draft)
        args[n++] = redis_arg_i64(LIMIT_DRAFT_LIFE_MS, life);
    for (size_t i = 0; i < o->n_tags; i++) {
        encode_hex(o->tags[i], strlen(o->tags[i]), hex[i]);
        args[n++] = redis_arg_str(hex[i]);
    }
    int err =
        exchange_script(w->config.x, w->config.is_draft ? LUA_BATCH_DRAFT : LUA_BATCH_SEAL, args, n, on_sealed, w);
    if (!err)
        w->is_seal_sent = true;
    ingest_steps_sent(&w->steps, err);
}

/* ---- from step to step ---- */

static void send_more(struct ingest_write *w)
{
    switch (w->step) {
    case STEP_CREATE:
        send_create(w);
        break;
    case STEP_CONTACTS:
        send_contacts(w);
        break;
    case STEP_ENDPOINTS:
        send_endpoints(w);
        break;
    case STEP_SEAL:
        send_seal(w);
        break;
    }
}

static void go_on(void *arg)
{
    struct ingest_write *w = arg;
    ingest_send_again(&w->send);
    send_more(w);
}

int ingest_write_start(const struct ingest_write_config *config, struct ingest_write **ret_write)
{
    struct ingest_write *w = calloc(1, sizeof *w);
    if (!w)
        return ERR_NOMEM;
    w->config = *config;
    const struct ingest_steps_config steps = {.x = config->x, .go_on = go_on, .fail = fail, .arg = w};
    w->send = (struct ingest_send){
        .config = {&w->steps, config->pack, w->result.batch_id, on_left_out, on_written, w},
        .chunk = "0",
    };
    int err = ingest_steps_init(&w->steps, &steps);
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
    ingest_pack_end(config->pack);
    ingest_steps_start(&w->steps);
    *ret_write = w;
    return 0;
}

void ingest_write_free(struct ingest_write *w)
{
    if (!w)
        return;
    ingest_steps_free(&w->steps);
    ingest_send_free(&w->send);
    endpoint_offers_free(&w->offers);
    free(w);
}
