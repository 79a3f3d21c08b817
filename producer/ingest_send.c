/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/ingest_send.h"

#include <stdio.h>
#include <string.h>

#include "common/daemon/daemon.h"
#include "common/redis/reply.h"
#include "common/redis/schema.h"
#include "producer/ingest_known.h"

/* Enough to keep Redis busy over a network, few enough that claims come in between. */
#define PARTS_IN_FLIGHT 4
#define PART_NAME_LEN 32
#define HEAD_ARGS 3
#define COLUMNS_WORTH 4 /* contacts: what fewer of them have in common is not worth a key of its own */
#define KNOWN_WORTH 32 /* contacts of the first part: a batch of fewer is not worth knowing */
/* batch_ingest.lua, batch_take.lua: where they answer how many contacts there are. */
#define OTHER_COLUMNS (-1)
#define INDEX_BEHIND (-2)

void ingest_send_free(struct ingest_send *s)
{
    contact_layout_free(s->layout);
    s->layout = NULL;
}

/* ---- answers ---- */

/* What was sent was not taken, or nobody knows: what is known of the batch is not what it has. */
static void stop_knowing(struct ingest_send *s)
{
    known_numbers_forget(exchange_api(s->config.steps->config.x)->known_numbers, s->config.batch_id);
    s->is_plain = true;
}

/* {-1, the batch's columns}: another request gave it others meanwhile. What does not read is left alone. */
static void take_columns(struct ingest_send *s, const struct redisReply *reply)
{
    const char *text;
    size_t len;
    if (!s->layout)
        return;
    int err = reply_str(reply_at(reply, 1), &text, &len);
    if (!err)
        err = contact_layout_set(s->layout, text, len);
    if (err)
        ingest_send_free(s);
}

/* {total, repeated, index, "phone" | "id", ...} */
static int read_reply(struct ingest_send *s, const struct redisReply *reply)
{
    int64_t total, is_repeated, contact;
    size_t part = s->confirmed; /* replies come in order */
    int err = reply_i64(reply_at(reply, 0), &total);
    if (!err)
        err = reply_i64(reply_at(reply, 1), &is_repeated);
    size_t left_out = 0;
    for (size_t i = 2; !err && i + 1 < reply_len(reply); i += 2, left_out++) {
        const char *why;
        size_t why_len;
        err = reply_i64(reply_at(reply, i), &contact);
        if (!err)
            err = reply_str(reply_at(reply, i + 1), &why, &why_len);
        if (!err && s->config.on_left_out)
            s->config.on_left_out(part, (size_t)contact, why_len == 2 && memcmp(why, "id", 2) == 0, s->config.arg);
    }
    size_t contacts = ingest_part_contacts(s->config.pack, part);
    if (err || left_out > contacts)
        return err ? err : ERR_PROTOCOL;
    s->total = (uint64_t)total;
    s->accepted += contacts - left_out;
    s->fresh += is_repeated ? 0 : contacts - left_out;
    s->duplicates += left_out;
    return 0;
}

/* The part was not written: it has to be put in another way. */
static bool is_to_be_sent_anew(struct ingest_send *s, const struct redisReply *reply)
{
    int64_t total;
    if (reply_i64(reply_at(reply, 0), &total) != 0 || total >= 0)
        return false;
    if (total == OTHER_COLUMNS)
        take_columns(s, reply);
    s->is_behind = s->is_behind || total == INDEX_BEHIND;
    stop_knowing(s);
    return true;
}

static void on_part(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    struct ingest_send *s = arg;
    if (err == ERR_NOT_FOUND)
        err = ERR_UNAVAILABLE; /* Redis came back without what was written */
    if (!reply || err || ingest_steps_is_waiting(s->config.steps))
        stop_knowing(s);
    if (!ingest_steps_take(s->config.steps, reply, err, false))
        return;
    if (is_to_be_sent_anew(s, reply)) {
        ingest_steps_repeat(s->config.steps);
        return;
    }
    err = read_reply(s, reply);
    if (err) {
        ingest_steps_fail(s->config.steps, err, NULL);
        return;
    }
    ingest_part_drop(s->config.pack, s->confirmed++);
    s->config.on_written(s->config.arg);
}

/* ---- sending ---- */

static bool is_schema_new(const struct ingest_send *s)
{
    struct exchange *x = s->config.steps->config.x;
    return daemon_cell_schema(exchange_api(x)->daemon, exchange_identity(x)->cell) >= SCHEMA_COLUMNS;
}

/* Whether records are to be without what the batch's contacts have in common: where all that work in the cell know how
 * to read them. */
static int choose_form(struct ingest_send *s)
{
    s->is_form_chosen = true;
    s->is_plain = s->is_plain || !is_schema_new(s);
    if (!is_schema_new(s) || ingest_part_contacts(s->config.pack, s->confirmed) < COLUMNS_WORTH)
        return 0;
    return contact_layout_create(&s->layout);
}

/* What is known of the batch, where the part can be put so; NULL where Redis is to look for duplicates. */
static struct known_batch *find_known(struct ingest_send *s, size_t part)
{
    struct known_numbers *known = exchange_api(s->config.steps->config.x)->known_numbers;
    if (s->is_plain || ingest_part_is_wide(s->config.pack, part))
        return NULL;
    struct known_batch *batch = known_numbers_find(known, s->config.batch_id);
    if (!batch && part == 0 && s->total == 0 && ingest_part_contacts(s->config.pack, part) >= KNOWN_WORTH)
        batch = known_numbers_begin(known, s->config.batch_id);
    return batch;
}

/* `args`: the batch, the part's name and its digest, with room behind them. */
static int send_args(struct ingest_send *s, size_t part, const struct ingest_part_args *of_part, struct redis_arg *args)
{
    struct exchange *x = s->config.steps->config.x;
    struct known_batch *known = find_known(s, part);
    struct ingest_known_args of_known = {.n = 0};
    if (known && ingest_known_args(s->config.pack, part, of_part, known, &of_known) == 0) {
        memcpy(args + HEAD_ARGS, of_known.args, of_known.n * sizeof args[0]);
        int err = exchange_script(x, LUA_BATCH_TAKE, args, HEAD_ARGS + of_known.n, on_part, s);
        if (err)
            stop_knowing(s);
        return err;
    }
    if (known)
        stop_knowing(s);
    memcpy(args + HEAD_ARGS, of_part->args, of_part->n * sizeof args[0]);
    return exchange_script(x, LUA_BATCH_INGEST, args, HEAD_ARGS + of_part->n, on_part, s);
}

static int send_part(struct ingest_send *s, size_t part)
{
    struct redis_arg args[HEAD_ARGS + sizeof((struct ingest_known_args *)NULL)->args / sizeof(struct redis_arg)];
    struct ingest_part_args of_part = {.n = 0};
    char name[PART_NAME_LEN];
    char digest[2 * DIGEST_SHA256_LEN + 1];
    struct buf records;
    int err = ingest_part_digest(s->config.pack, part, digest);
    if (!err && !s->is_form_chosen)
        err = choose_form(s);
    if (err)
        return err;
    buf_init(&records, SIZE_MAX);
    (void)snprintf(name, sizeof name, "%s.%zu", s->chunk, part + 1);
    args[0] = redis_arg_str(s->config.batch_id);
    args[1] = redis_arg_str(name);
    args[2] = redis_arg_str(digest);
    ingest_part_args(s->config.pack, part, &of_part);
    if (s->layout)
        err = ingest_part_shorten(s->config.pack, part, s->layout, &records, &of_part);
    if (!err)
        err = send_args(s, part, &of_part, args);
    buf_free(&records);
    return err;
}

/* {contacts that the index has, contacts} */
static void on_index(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    struct ingest_send *s = arg;
    int64_t indexed, total;
    if (err == ERR_NOT_FOUND)
        err = ERR_UNAVAILABLE;
    if (!ingest_steps_take(s->config.steps, reply, err, false))
        return;
    err = reply_i64(reply_at(reply, 0), &indexed);
    if (!err)
        err = reply_i64(reply_at(reply, 1), &total);
    if (err) {
        ingest_steps_fail(s->config.steps, err, NULL);
        return;
    }
    s->is_behind = indexed < total;
    ingest_send_more(s);
}

static void send_index(struct ingest_send *s)
{
    struct ingest_steps *steps = s->config.steps;
    const struct redis_arg args[] = {redis_arg_str(s->config.batch_id)};
    if (ingest_steps_in_flight(steps) > 0 || ingest_steps_is_waiting(steps) || !exchange_is_open(steps->config.x))
        return;
    ingest_steps_sent(steps, exchange_script(steps->config.x, LUA_BATCH_INDEX, args, 1, on_index, s));
}

void ingest_send_more(struct ingest_send *s)
{
    struct ingest_steps *steps = s->config.steps;
    if (s->is_behind) {
        send_index(s);
        return;
    }
    while (s->next < ingest_pack_whole(s->config.pack) && ingest_steps_in_flight(steps) < PARTS_IN_FLIGHT &&
           !ingest_steps_is_waiting(steps) && exchange_is_open(steps->config.x)) {
        int err = send_part(s, s->next);
        if (!err)
            s->next++;
        ingest_steps_sent(steps, err);
        if (err)
            return;
    }
}

void ingest_send_again(struct ingest_send *s)
{
    s->next = s->confirmed;
}

size_t ingest_send_backlog(const struct ingest_send *s)
{
    return ingest_pack_whole(s->config.pack) - s->confirmed;
}
