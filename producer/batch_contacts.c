/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_contacts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/ident.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/parse.h"
#include "common/domain/batch_state.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/answer.h"
#include "producer/batch_refusal.h"
#include "producer/body.h"
#include "producer/credit.h"
#include "producer/exchange.h"
#include "producer/ingest_room.h"
#include "producer/ingest_rows.h"
#include "producer/ingest_send.h"
#include "producer/ingest_steps.h"

/* Whole parts that wait or are under way: beyond it the client has to wait. */
#define BACKLOG_MAX 4
#define HOLDER_RANDOM 12
/* A guess at what a row has, and at how many chunks like its first a draft gets. */
#define ROW_BYTES 64
#define CHUNKS_EXPECTED 16
/* How long a lease to append is used before it is renewed. */
#define RENEW_US ((int64_t)LIMIT_APPEND_LEASE_MS * 1000 / 3)

#define FILLABLE                                                                                                       \
    (BATCH_STATE_BIT(BATCH_STATE_DRAFT) | BATCH_STATE_BIT(BATCH_STATE_SCHEDULED) |                                     \
     BATCH_STATE_BIT(BATCH_STATE_PENDING) | BATCH_STATE_BIT(BATCH_STATE_PROCESSING) |                                  \
     BATCH_STATE_BIT(BATCH_STATE_PAUSED))

enum phase {
    PHASE_ASKING, /* whether the batch takes it */
    PHASE_READING,
    PHASE_OPENING, /* all of it is there: the chunk is begun */
    PHASE_WRITING, /* all of it is there */
    PHASE_CLOSING,
};

enum mode {
    MODE_PIECEWISE, /* it is written as it comes */
    MODE_WHOLE, /* it is held until all of it is there */
    MODE_DONE, /* it was written before: it is only compared */
};

struct chunk {
    struct api *api;
    enum ingest_form form;
    enum phase phase;
    enum mode mode;
    char batch_id[LIMIT_BATCH_ID_LEN + 1];
    bool is_draft; /* the batch */
    char number[8]; /* "": it gets one when it is begun */
    char holder[LIMIT_ID_LEN + 1];
    struct ingest_stay *room; /* of the bytes of all creations */
    size_t held; /* of the body, MODE_WHOLE */
    int64_t began_us;
    int64_t leased_us;
    int64_t expected; /* contacts that the batch may come to hold, guessed from its first chunk */
    struct digest_stream *digest; /* of the body */
    struct ingest_pack *pack;
    struct ingest_rows *rows;
    struct ingest_steps steps;
    struct ingest_send send;
    bool is_paused;
    char done_digest[2 * DIGEST_SHA256_LEN + 1]; /* MODE_DONE */
    cJSON *done_answer;
};

static void chunk_free(void *state)
{
    struct chunk *c = state;
    ingest_steps_free(&c->steps);
    ingest_send_free(&c->send);
    ingest_rows_free(c->rows);
    ingest_pack_free(c->pack);
    digest_stream_free(c->digest);
    cJSON_Delete(c->done_answer);
    ingest_room_leave(c->room);
    free(c);
}

/* ---- refusing ---- */

static bool add_number(cJSON *object, const struct chunk *c)
{
    return json_add_raw(object, "chunk", c->number, strlen(c->number)) != NULL;
}

static void refuse_conflict(struct exchange *x, const struct chunk *c)
{
    cJSON *details = cJSON_CreateObject();
    (void)add_number(details, c);
    exchange_error(x, 409, "CHUNK_CONFLICT",
                   "A chunk of this number was sent with other contents. Send the same bytes again, or another number.",
                   details);
}

static void refuse_open(struct exchange *x)
{
    exchange_error(x, 409, "TOO_MANY_CHUNKS",
                   "64 chunks of this batch were begun and are not whole. Send those again first.", NULL);
}

static void refuse_size(struct exchange *x)
{
    cJSON *details = cJSON_CreateObject();
    (void)json_add_i64(details, "maxBytes", LIMIT_BODY_BYTES);
    exchange_error(x, 413, "BODY_TOO_LARGE",
                   "What is added to a running batch, or has no number, is held until all of it is there: send it in "
                   "chunks of at most details.maxBytes.",
                   details);
}

static void fail(int err, const struct redisReply *reply, void *arg)
{
    struct exchange *x = arg;
    struct chunk *c = exchange_kept(x);
    log_warn("contacts.not_taken", log_str("request", http_request_id(exchange_request(x))),
             log_str("tenant", exchange_identity(x)->tenant), log_str("batch", c->batch_id),
             log_str("chunk", c->number), log_err(err));
    if (err == ERR_EXISTS)
        refuse_conflict(x, c);
    else if (err == ERR_STATE)
        batch_refuse_state(x, batch_refused_state(reply), FILLABLE,
                           "The batch takes no contacts in this state; details.allowedStates lists those that do.");
    else if (err == ERR_TOO_LARGE)
        refuse_open(x);
    else
        exchange_fail(x, err);
}

static void on_given_up(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    (void)reply;
    (void)err;
    (void)arg;
}

/* Takes back what was begun, of a body that is refused. Where a part of it was written, the chunk stays open, and the
 * same number must bring it to its end. */
static void give_up(struct exchange *x, struct chunk *c)
{
    const struct redis_arg args[] = {redis_arg_str(c->batch_id), redis_arg_str(exchange_identity(x)->tenant),
                                     redis_arg_str(c->number),   redis_arg_str(""),
                                     redis_arg_str("0"),         redis_arg_str(""),
                                     redis_arg_str(c->holder)};
    if (c->phase == PHASE_ASKING || c->mode == MODE_DONE)
        return;
    /* Where it cannot be sent, the lease passes and the chunk stays open: both are as good as told. */
    (void)!exchange_script(x, LUA_CHUNK_CLOSE, args, 7, on_given_up, c);
}

static void refuse_rows(struct exchange *x, struct chunk *c, int err)
{
    bool is_begun = c->mode == MODE_PIECEWISE && c->send.next > 0;
    give_up(x, c);
    if (err == ERR_INVALID && is_begun)
        exchange_faults_kept(x, ingest_rows_faults(c->rows),
                             "The rows in front of the fault were kept. details.fieldErrors names each fault by its "
                             "path: mend it, and send the chunk again, with the same rows under the same number.");
    else if (err == ERR_INVALID)
        exchange_faults(x, ingest_rows_faults(c->rows));
    else
        exchange_fail(x, err);
}

/* ---- all of it is written: the chunk is closed ---- */

/* `warnings`: all of them, or the one that stands for more than are kept. */
static cJSON *answer_make(const struct chunk *c, const struct faults *warnings)
{
    cJSON *body = cJSON_CreateObject();
    bool is_whole = cJSON_AddTrueToObject(body, "success") && json_add_str(body, "batchId", c->batch_id) &&
                    add_number(body, c) && json_add_i64(body, "accepted", (int64_t)c->send.accepted) &&
                    json_add_i64(body, "rejected", (int64_t)ingest_rows_rejected(c->rows)) &&
                    json_add_i64(body, "duplicates", (int64_t)c->send.duplicates) &&
                    json_add_i64(body, "total", (int64_t)c->send.total);
    cJSON *list = cJSON_AddArrayToObject(body, "warnings");
    if (is_whole && list && faults_append_list(warnings, list) == 0)
        return body;
    cJSON_Delete(body);
    return NULL;
}

static int answer_print(const struct chunk *c, const struct faults *warnings, struct buf *text)
{
    cJSON *answer = answer_make(c, warnings);
    buf_clear(text);
    int err = answer ? json_print(answer, text) : ERR_NOMEM;
    cJSON_Delete(answer);
    return err;
}

/* Warnings quote what tenants wrote: where they make more of it than is kept, they are counted only. */
static int answer_write(const struct chunk *c, struct buf *text)
{
    const struct faults *warnings = ingest_rows_warnings(c->rows);
    struct faults counted;
    int err = answer_print(c, warnings, text);
    if (!err)
        return 0;
    faults_init(&counted, 0);
    counted.more = faults_count(warnings);
    return answer_print(c, &counted, text);
}

/* {"done", the answer}: the first one, where the same chunk was closed meanwhile. */
static void on_closed(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct chunk *c = arg;
    const char *text = NULL;
    size_t len = 0;
    cJSON *answer = NULL;
    if (err == ERR_NOT_FOUND)
        err = ERR_UNAVAILABLE; /* Redis came back without what was written: the same chunk again writes it */
    if (!ingest_steps_take(&c->steps, reply, err, false))
        return;
    err = reply_str(reply_at(reply, 1), &text, &len);
    if (!err)
        err = json_parse(text, len, &answer, NULL);
    if (err) {
        exchange_fail(x, err == ERR_NOMEM ? err : ERR_PROTOCOL);
        return;
    }
    log_info(
        "contacts.taken", log_str("request", http_request_id(exchange_request(x))),
        log_str("tenant", exchange_identity(x)->tenant), log_str("batch", c->batch_id), log_str("chunk", c->number),
        log_i64("accepted", (int64_t)c->send.accepted), log_i64("rejected", (int64_t)ingest_rows_rejected(c->rows)),
        log_i64("duplicates", (int64_t)c->send.duplicates), log_i64("took_ms", (clock_mono_us() - c->began_us) / 1000));
    exchange_answer(x, 200, answer);
}

static void send_close(struct exchange *x, struct chunk *c)
{
    char parts[REDIS_I64_LEN];
    struct buf text;
    buf_init(&text, LIMIT_CHUNK_ANSWER_BYTES);
    int err = answer_write(c, &text);
    const struct redis_arg args[] = {redis_arg_str(c->batch_id),
                                     redis_arg_str(exchange_identity(x)->tenant),
                                     redis_arg_str(c->number),
                                     redis_arg_str(c->done_digest),
                                     redis_arg_i64((int64_t)c->send.confirmed, parts),
                                     redis_arg_mem(buf_str(&text), buf_len(&text)),
                                     redis_arg_str(c->holder)};
    if (!err)
        err = exchange_script(x, LUA_CHUNK_CLOSE, args, 7, on_closed, c);
    ingest_steps_sent(&c->steps, err);
    buf_free(&text);
}

/* ---- its parts ---- */

static void write_more(struct exchange *x, struct chunk *c)
{
    if (c->phase == PHASE_WRITING && ingest_send_backlog(&c->send) == 0) {
        c->phase = PHASE_CLOSING;
        send_close(x, c);
        return;
    }
    ingest_send_more(&c->send);
}

static void on_written(void *arg)
{
    struct exchange *x = arg;
    struct chunk *c = exchange_kept(x);
    metric_add(c->api->contacts, (double)c->send.fresh);
    c->send.fresh = 0;
    write_more(x, c);
    if (c->is_paused && exchange_is_open(x) && ingest_send_backlog(&c->send) < BACKLOG_MAX) {
        c->is_paused = false;
        http_request_resume(exchange_request(x));
    }
}

/* ---- whether the batch takes it ---- */

static int read_mode(struct chunk *c, const struct redisReply *reply)
{
    static const char *const names[] = {[MODE_PIECEWISE] = "piecewise", [MODE_WHOLE] = "whole", [MODE_DONE] = "done"};
    const char *number, *mode, *state;
    size_t number_len, mode_len, state_len;
    int64_t total;
    int err = reply_str(reply_at(reply, 0), &number, &number_len);
    if (!err)
        err = reply_str(reply_at(reply, 1), &mode, &mode_len);
    if (!err)
        err = reply_str(reply_at(reply, 2), &state, &state_len);
    if (!err)
        err = reply_i64(reply_at(reply, 3), &total);
    if (err || number_len >= sizeof c->number)
        return err ? err : ERR_PROTOCOL;
    memcpy(c->number, number, number_len + 1);
    memcpy(c->send.chunk, number, number_len + 1);
    c->send.total = (uint64_t)total;
    c->is_draft = strcmp(state, batch_state_name(BATCH_STATE_DRAFT)) == 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], mode) == 0) {
            c->mode = (enum mode)i;
            return 0;
        }
    }
    return ERR_PROTOCOL;
}

static int read_done(struct chunk *c, const struct redisReply *reply)
{
    const char *digest, *answer;
    size_t digest_len, answer_len;
    int err = reply_str(reply_at(reply, 4), &digest, &digest_len);
    if (!err)
        err = reply_str(reply_at(reply, 5), &answer, &answer_len);
    if (!err && digest_len >= sizeof c->done_digest)
        err = ERR_PROTOCOL;
    if (err)
        return err;
    memcpy(c->done_digest, digest, digest_len + 1);
    return json_parse(answer, answer_len, &c->done_answer, NULL);
}

static int send_open(struct exchange *x, struct chunk *c, const char *what, exchange_reply_fn fn)
{
    char life[REDIS_I64_LEN], lease[REDIS_I64_LEN], expected[REDIS_I64_LEN];
    const struct redis_arg args[] = {redis_arg_str(c->batch_id),
                                     redis_arg_str(exchange_identity(x)->tenant),
                                     redis_arg_str(c->number),
                                     redis_arg_str(what),
                                     redis_arg_i64(LIMIT_DRAFT_LIFE_MS, life),
                                     redis_arg_str(c->holder),
                                     redis_arg_i64(LIMIT_APPEND_LEASE_MS, lease),
                                     redis_arg_i64(c->expected, expected)};
    c->leased_us = clock_mono_us();
    return exchange_script(x, LUA_CHUNK_OPEN, args, 8, fn, c);
}

static void on_asked(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct chunk *c = arg;
    if (!err)
        err = read_mode(c, reply);
    if (!err && c->mode == MODE_DONE)
        err = read_done(c, reply);
    if (err == ERR_NOT_FOUND) {
        exchange_not_found(x);
    } else if (err) {
        fail(err, reply, x);
    } else {
        c->phase = PHASE_READING;
        http_request_resume(exchange_request(x));
    }
}

/* What was held is there as a whole: it has its number, and its parts are written. */
static void on_opened(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct chunk *c = arg;
    if (err == ERR_NOT_FOUND)
        err = ERR_UNAVAILABLE;
    if (!ingest_steps_take(&c->steps, reply, err, false))
        return;
    err = read_mode(c, reply);
    if (err || c->mode == MODE_DONE) {
        fail(err ? err : ERR_EXISTS, NULL, x); /* another sent a chunk of this number meanwhile */
        return;
    }
    c->phase = PHASE_WRITING;
    write_more(x, c);
}

static void go_on(void *arg)
{
    struct exchange *x = arg;
    struct chunk *c = exchange_kept(x);
    switch (c->phase) {
    case PHASE_ASKING:
        break;
    case PHASE_READING:
    case PHASE_WRITING:
        ingest_send_again(&c->send);
        write_more(x, c);
        break;
    case PHASE_OPENING:
        ingest_steps_sent(&c->steps, send_open(x, c, "write", on_opened));
        break;
    case PHASE_CLOSING:
        send_close(x, c);
        break;
    }
}

/* ---- admission ---- */

static bool read_number(struct exchange *x, char ret[8])
{
    const char *text = http_request_query(exchange_request(x), "chunk");
    uint64_t number;
    ret[0] = '\0';
    if (!text)
        return true;
    if (parse_u64(text, strlen(text), LIMIT_CHUNK, &number) != 0 || number == 0) {
        exchange_bad_argument(x, "chunk", "must be an integer from 1 to 1000000");
        return false;
    }
    (void)snprintf(ret, 8, "%u", (unsigned)number);
    return true;
}

static bool read_form(struct exchange *x, enum ingest_form *ret_form)
{
    const struct http_request *req = exchange_request(x);
    if (body_is_json(req))
        *ret_form = INGEST_FORM_JSON;
    else if (body_is_type(req, "application/x-ndjson"))
        *ret_form = INGEST_FORM_NDJSON;
    else if (body_is_type(req, "text/csv"))
        *ret_form = INGEST_FORM_CSV;
    else
        exchange_error(x, 415, "UNSUPPORTED_MEDIA_TYPE",
                       "The body must be application/json, application/x-ndjson or text/csv in UTF-8, not compressed.",
                       NULL);
    return exchange_is_open(x);
}

static int chunk_fill(struct exchange *x, struct chunk *c)
{
    const struct ingest_steps_config steps = {.x = x, .go_on = go_on, .fail = fail, .arg = x};
    int err = ingest_steps_init(&c->steps, &steps);
    if (!err)
        err = ident_make_random("append_", HOLDER_RANDOM, c->holder, sizeof c->holder);
    if (!err)
        err = digest_stream_create(&c->digest);
    if (!err)
        err = ingest_pack_create(&c->pack);
    if (!err)
        err = ingest_rows_create(c->form, c->pack, &c->rows);
    c->send.config = (struct ingest_send_config){&c->steps, c->pack, c->batch_id, NULL, on_written, x};
    return err;
}

static void admitted(struct exchange *x)
{
    static const char *const known[] = {"chunk"};
    struct chunk *c = calloc(1, sizeof *c);
    if (!c) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    c->api = exchange_api(x);
    c->began_us = clock_mono_us();
    exchange_keep(x, c, chunk_free);
    if (!exchange_knows_query(x, known, 1) || !exchange_batch_id(x, c->batch_id) || !read_number(x, c->number) ||
        !read_form(x, &c->form))
        return;
    c->room = ingest_room_enter(c->api->ingest_room, exchange_identity(x)->tenant);
    if (c->room && !ingest_room_take(c->room, LIMIT_CHUNK_ROOM_BYTES)) {
        ingest_room_refuse(x);
        return;
    }
    int64_t declared = http_request_content_length(exchange_request(x));
    c->expected = declared > 0 ? declared / ROW_BYTES * CHUNKS_EXPECTED : 0;
    int err = c->room ? chunk_fill(x, c) : ERR_NOMEM;
    if (!err)
        err = send_open(x, c, "look", on_asked);
    if (err)
        exchange_fail(x, err);
}

void batch_contacts_headers(struct http_request *req, void *arg)
{
    struct exchange *x = exchange_begin(arg, req, ACCESS_WRITE, admitted);
    /* Until Redis has said that the batch takes it, the body waits in the socket. */
    if (x && exchange_is_open(x))
        http_request_pause(req);
}

/* ---- the body ---- */

static bool holds(struct exchange *x, struct chunk *c, size_t len)
{
    if (c->held + len > LIMIT_BODY_BYTES) {
        give_up(x, c);
        refuse_size(x);
        return false;
    }
    if (!ingest_room_take(c->room, len)) {
        give_up(x, c);
        ingest_room_refuse(x);
        return false;
    }
    c->held += len;
    return true;
}

/* A body that comes slowly keeps its lease as long as it comes. */
static void renew_lease(struct exchange *x, struct chunk *c)
{
    if (clock_mono_us() - c->leased_us > RENEW_US)
        (void)!send_open(x, c, "look", on_given_up);
}

void batch_contacts_body(struct http_request *req, const char *data, size_t len, void *arg)
{
    (void)arg;
    struct exchange *x = http_request_attached(req);
    struct chunk *c = x ? exchange_kept(x) : NULL;
    if (!c || !exchange_is_open(x))
        return;
    int err = digest_stream_add(c->digest, data, len);
    if (!err && c->mode == MODE_DONE)
        return;
    if (!err && c->mode == MODE_WHOLE && !holds(x, c, len))
        return;
    if (!err)
        err = ingest_rows_feed(c->rows, data, len);
    if (err) {
        refuse_rows(x, c, err);
        return;
    }
    if (c->mode == MODE_WHOLE) {
        renew_lease(x, c);
        return;
    }
    write_more(x, c);
    if (exchange_is_open(x) && ingest_send_backlog(&c->send) >= BACKLOG_MAX) {
        c->is_paused = true;
        http_request_pause(req);
    }
}

static void compare(struct exchange *x, struct chunk *c, const char *digest)
{
    if (strcmp(digest, c->done_digest) != 0) {
        refuse_conflict(x, c);
        return;
    }
    cJSON *answer = c->done_answer;
    c->done_answer = NULL;
    exchange_answer(x, 200, answer);
}

/* What a batch that may dial already gets must be covered by credit; a draft is asked for that when it is started. */
static void on_credit(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct chunk *c = arg;
    uint64_t contacts = 0;
    for (size_t i = 0; i < ingest_pack_whole(c->pack); i++)
        contacts += ingest_part_contacts(c->pack, i);
    if (err || !credit_suffices(reply, contacts))
        give_up(x, c);
    if (err) {
        exchange_fail(x, err);
        return;
    }
    if (!credit_covers(x, reply, contacts))
        return;
    c->phase = PHASE_OPENING;
    ingest_steps_sent(&c->steps, send_open(x, c, "write", on_opened));
}

static void take_whole(struct exchange *x, struct chunk *c)
{
    const char *user_id = ingest_rows_user_id(c->rows);
    if (user_id[0] && !exchange_is_user(x, user_id)) {
        give_up(x, c);
        exchange_error(x, 403, CODE_FORBIDDEN, "userId is not the owner of this API key.", NULL);
        return;
    }
    metric_add(c->api->rows_rejected, (double)ingest_rows_rejected(c->rows));
    if (c->mode == MODE_WHOLE && !c->is_draft) {
        int err = credit_read(x, on_credit, c);
        if (err) {
            give_up(x, c);
            exchange_fail(x, err);
        }
        return;
    }
    c->phase = c->mode == MODE_WHOLE ? PHASE_OPENING : PHASE_WRITING;
    if (c->mode == MODE_WHOLE)
        ingest_steps_sent(&c->steps, send_open(x, c, "write", on_opened));
    else
        write_more(x, c);
}

void batch_contacts_complete(struct http_request *req, void *arg)
{
    (void)arg;
    char digest[2 * DIGEST_SHA256_LEN + 1];
    struct exchange *x = http_request_attached(req);
    struct chunk *c = x ? exchange_kept(x) : NULL;
    if (!c || !exchange_is_open(x))
        return;
    int err = digest_stream_hex(c->digest, digest);
    if (!err && c->mode == MODE_DONE) {
        compare(x, c, digest);
        return;
    }
    if (!err)
        err = ingest_rows_finish(c->rows);
    if (err) {
        refuse_rows(x, c, err);
        return;
    }
    memcpy(c->done_digest, digest, sizeof digest);
    take_whole(x, c);
}

/* A client that left: a batch that it appended to is not to wait for it. What was written of a draft's chunk stays, and
 * the chunk is known to be cut short. */
void batch_contacts_gone(struct http_request *req, void *arg)
{
    struct exchange *x = http_request_attached(req);
    struct chunk *c = x ? exchange_kept(x) : NULL;
    if (c && exchange_is_open(x) && c->mode == MODE_WHOLE)
        give_up(x, c);
    exchange_gone(req, arg);
}
