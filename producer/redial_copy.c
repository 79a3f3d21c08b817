/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/redial_copy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/encode.h"
#include "common/base/ident.h"
#include "common/domain/contact_record.h"
#include "common/redis/reply.h"
#include "producer/batch_abandon.h"
#include "producer/endpoint_offer.h"
#include "producer/ingest_pack.h"

#define PAGE ((uint64_t)LIMIT_INGEST_PART / LIMIT_BUCKET * LIMIT_BUCKET) /* whole buckets, no more than a part */
#define FIRST_ARGS (3 + INGEST_PART_FIRST_ARGS)
#define ORIGIN_FIELD "redial_of"

/* A contact of the page that is written; the rest of it lies in the page's rows. */
struct taken {
    char id_hash[24];
    struct call_view call;
    enum outcome outcome;
};

struct redial_copy {
    struct redial_copy_config config;
    struct redial_result result;
    struct endpoint_offers offers;
    uint64_t next; /* ordinal of the source */
    int64_t part; /* the number of the last one that was sent */
    struct call_rows *rows; /* the page */
    struct contact contact; /* of one row after the other */
    struct taken taken[PAGE];
    size_t n_taken;
    bool is_seal_sent;
};

/* What is refused takes nothing of its tenant's quotas; what failed by itself may be gone on with. */
static void finish(struct redial_copy *c, int err)
{
    if (!c->is_seal_sent && (err == ERR_TOO_LARGE || err == ERR_STATE || c->result.is_source_gone))
        batch_abandon(c->config.x, c->result.batch_id);
    c->result.err = err;
    c->config.on_done(c->config.x, &c->result);
}

/* True where the reply may be read. What is not answered was done or was not; only of the seal does it matter. */
static bool take_reply(struct redial_copy *c, int err)
{
    if (err && c->is_seal_sent && err_is_retryable(err))
        err = ERR_TIMEOUT;
    if (err)
        finish(c, err);
    return err == 0;
}

static void sent(struct redial_copy *c, int err)
{
    if (err)
        finish(c, err);
}

/* ---- the seal ---- */

static void on_sealed(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    struct redial_copy *c = arg;
    if (take_reply(c, err))
        finish(c, reply_copy(reply_at(reply, 0), c->result.state, sizeof c->result.state));
}

static void send_seal(struct redial_copy *c)
{
    const struct batch_options *o = c->config.options;
    struct redis_arg args[2 + LIMIT_TAGS];
    char total[REDIS_I64_LEN];
    char hex[LIMIT_TAGS][2 * 4 * LIMIT_TAG_LEN + 1];
    args[0] = redis_arg_str(c->result.batch_id);
    args[1] = redis_arg_i64((int64_t)c->result.total, total);
    for (size_t i = 0; i < o->n_tags; i++) {
        encode_hex(o->tags[i], strlen(o->tags[i]), hex[i]);
        args[2 + i] = redis_arg_str(hex[i]);
    }
    c->is_seal_sent = true;
    sent(c, exchange_script(c->config.x, LUA_BATCH_SEAL, args, 2 + o->n_tags, on_sealed, c));
}

static void on_endpoints(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    (void)reply;
    struct redial_copy *c = arg;
    if (take_reply(c, err))
        send_seal(c);
}

static void send_endpoints(struct redial_copy *c)
{
    struct redis_arg args[ENDPOINT_OFFERS_ARGS];
    if (c->offers.n == 0) {
        send_seal(c);
        return;
    }
    size_t n = endpoint_offers_args(&c->offers, exchange_identity(c->config.x)->tenant, args);
    sent(c, exchange_script(c->config.x, LUA_HOOK_ENDPOINT, args, n, on_endpoints, c));
}

/* ---- page by page ---- */

static void read_on(struct redial_copy *c);

static void on_part(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    struct redial_copy *c = arg;
    int64_t total;
    if (!take_reply(c, err))
        return;
    err = reply_i64(reply_at(reply, 0), &total);
    if (err) {
        finish(c, err);
        return;
    }
    c->result.total = (uint64_t)total;
    for (size_t i = 0; i < c->n_taken; i++)
        c->result.by_outcome[c->taken[i].outcome]++;
    read_on(c);
}

static int part_digest(const struct redis_arg *args, size_t n, char ret_hex[2 * DIGEST_SHA256_LEN + 1])
{
    struct digest_stream *digest;
    int err = digest_stream_create(&digest);
    if (err)
        return err;
    for (size_t i = 0; !err && i < n; i++) {
        err = digest_stream_add(digest, &args[i].len, sizeof args[i].len);
        if (!err)
            err = digest_stream_add(digest, args[i].data, args[i].len);
    }
    if (!err)
        err = digest_stream_hex(digest, ret_hex);
    digest_stream_free(digest);
    return err;
}

static void send_part(struct redial_copy *c)
{
    struct redis_arg args[FIRST_ARGS + PAGE * INGEST_PART_WIDTH];
    char name[32], contacts[REDIS_I64_LEN], runs[32];
    char digest[2 * DIGEST_SHA256_LEN + 1];
    size_t n = FIRST_ARGS;
    const struct call_bytes *columns = call_rows_columns(c->rows);
    (void)snprintf(name, sizeof name, "0.%" PRId64, ++c->part);
    (void)snprintf(runs, sizeof runs, "1:%zu", c->n_taken);
    for (size_t i = 0; i < c->n_taken; i++) {
        const struct taken *taken = &c->taken[i];
        const struct call_bytes *extra = taken->call.extra;
        args[n++] = redis_arg_mem(taken->call.record->text, taken->call.record->len);
        args[n++] = redis_arg_str(taken->id_hash);
        args[n++] = extra->text ? redis_arg_mem(extra->text, extra->len) : redis_arg_str("");
    }
    int err = part_digest(args + FIRST_ARGS, n - FIRST_ARGS, digest);
    args[0] = redis_arg_str(c->result.batch_id);
    args[1] = redis_arg_str(name);
    args[2] = redis_arg_str(digest);
    args[3] = redis_arg_i64((int64_t)c->n_taken, contacts);
    args[4] = redis_arg_str("3"); /* INGEST_PART_WIDTH */
    args[5] = redis_arg_str(runs);
    args[6] = redis_arg_str("0");
    args[7] = redis_arg_mem(columns->text ? columns->text : "", columns->len);
    if (!err)
        err = exchange_script(c->config.x, LUA_BATCH_INGEST, args, n, on_part, c);
    sent(c, err);
}

/* Takes a call whose end is wanted. */
static int take(struct redial_copy *c, const struct call_view *call)
{
    struct taken *taken = &c->taken[c->n_taken];
    bool is_elsewhere;
    uint64_t hash;
    if (!call->outcome || outcome_from_name(call->outcome, strlen(call->outcome), &taken->outcome) != 0 ||
        !c->config.wanted[taken->outcome])
        return 0;
    int err = contact_record_unpack(&c->contact, call->record->text, call->record->len, &is_elsewhere);
    if (err)
        return err == ERR_INVALID ? ERR_PROTOCOL : err;
    taken->call = *call;
    taken->id_hash[0] = '\0';
    if (c->contact.id[0]) {
        err = ingest_id_hash(c->contact.id, strlen(c->contact.id), &hash);
        (void)snprintf(taken->id_hash, sizeof taken->id_hash, "%" PRIu64, err ? 0 : hash);
    }
    if (!err)
        c->n_taken++;
    return err;
}

static void on_rows(struct exchange *x, int err, void *arg)
{
    (void)x;
    struct redial_copy *c = arg;
    const struct call_filter all = {.has_status = false};
    struct call_view call;
    if (!take_reply(c, err))
        return;
    c->n_taken = 0;
    c->result.is_source_gone = !call_rows_have_records(c->rows);
    if (c->result.is_source_gone)
        err = ERR_NOT_FOUND;
    for (size_t i = 0; !err && i < call_rows_count(c->rows); i++) {
        if (call_rows_view(c->rows, i, &all, &call))
            err = take(c, &call);
    }
    if (err)
        finish(c, err);
    else if (c->n_taken > 0)
        send_part(c);
    else
        read_on(c);
}

static void read_on(struct redial_copy *c)
{
    uint64_t left = c->config.source->total - c->next;
    call_rows_free(c->rows);
    c->rows = NULL;
    if (left == 0 && c->result.total == 0) {
        finish(c, ERR_STATE);
        return;
    }
    if (left == 0) {
        send_endpoints(c);
        return;
    }
    uint64_t end = c->next + (left > PAGE ? PAGE : left);
    int err = call_rows_create(c->config.source, c->next, end, &c->rows);
    c->next = end;
    if (err)
        finish(c, err);
    else
        call_rows_read(c->rows, c->config.x, CALL_ROWS_WHOLE, on_rows, c);
}

/* ---- the batch ---- */

static void on_created(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    (void)reply;
    struct redial_copy *c = arg;
    if (take_reply(c, err))
        read_on(c);
}

static int send_create(struct redial_copy *c)
{
    struct redis_arg args[BATCH_CREATE_ARGS];
    size_t n = batch_settings_create_args(c->config.settings, c->result.batch_id,
                                          exchange_identity(c->config.x)->tenant, c->config.options->trunk, args);
    args[n++] = redis_arg_str(ORIGIN_FIELD);
    args[n++] = redis_arg_str(c->config.source->batch_id);
    return exchange_script(c->config.x, LUA_BATCH_CREATE, args, n, on_created, c);
}

int redial_copy_start(const struct redial_copy_config *config, struct redial_copy **ret_copy)
{
    struct redial_copy *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    c->config = *config;
    int err = contact_init(&c->contact);
    if (!err && config->batch_id)
        (void)snprintf(c->result.batch_id, sizeof c->result.batch_id, "%s", config->batch_id);
    else if (!err)
        err = ident_make_batch(exchange_identity(config->x)->cell, c->result.batch_id);
    if (!err)
        err = endpoint_offers_make(exchange_api(config->x)->keys, exchange_identity(config->x)->tenant, config->options,
                                   &c->offers);
    if (!err)
        err = send_create(c);
    if (err) {
        redial_copy_free(c);
        return err;
    }
    *ret_copy = c;
    return 0;
}

void redial_copy_free(struct redial_copy *c)
{
    if (!c)
        return;
    call_rows_free(c->rows);
    contact_free(&c->contact);
    endpoint_offers_free(&c->offers);
    free(c);
}
