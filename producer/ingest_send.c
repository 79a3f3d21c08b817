/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/ingest_send.h"

#include <stdio.h>
#include <string.h>

#include "common/daemon/daemon.h"
#include "common/redis/reply.h"
#include "common/redis/schema.h"

/* Enough to keep Redis busy over a network, few enough that claims come in between. */
#define PARTS_IN_FLIGHT 4
#define PART_NAME_LEN 32
#define COLUMNS_WORTH 4 /* contacts: what fewer of them have in common is not worth a key of its own */
#define OTHER_COLUMNS (-1) /* batch_ingest.lua: where it answers how many contacts there are */

void ingest_send_free(struct ingest_send *s)
{
    contact_layout_free(s->layout);
    s->layout = NULL;
}

/* ---- answers ---- */

static bool has_other_columns(const struct redisReply *reply)
{
    int64_t total;
    return reply_i64(reply_at(reply, 0), &total) == 0 && total == OTHER_COLUMNS;
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

static void on_part(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    struct ingest_send *s = arg;
    if (err == ERR_NOT_FOUND)
        err = ERR_UNAVAILABLE; /* Redis came back without what was written */
    if (!ingest_steps_take(s->config.steps, reply, err, false))
        return;
    if (has_other_columns(reply)) {
        take_columns(s, reply);
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

/* Whether records are to be without what the batch's contacts have in common: where all that work in the cell know how
 * to read them. */
static int choose_form(struct ingest_send *s)
{
    struct exchange *x = s->config.steps->config.x;
    size_t first = s->confirmed;
    s->is_form_chosen = true;
    if (daemon_cell_schema(exchange_api(x)->daemon, exchange_identity(x)->cell) < SCHEMA_COLUMNS ||
        ingest_part_contacts(s->config.pack, first) < COLUMNS_WORTH)
        return 0;
    return contact_layout_create(&s->layout);
}

static int send_part(struct ingest_send *s, size_t part)
{
    struct redis_arg args[3 + sizeof((struct ingest_part_args *)NULL)->args / sizeof(struct redis_arg)];
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
    memcpy(args + 3, of_part.args, of_part.n * sizeof args[0]);
    if (!err)
        err = exchange_script(s->config.steps->config.x, LUA_BATCH_INGEST, args, 3 + of_part.n, on_part, s);
    buf_free(&records);
    return err;
}

void ingest_send_more(struct ingest_send *s)
{
    struct ingest_steps *steps = s->config.steps;
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
