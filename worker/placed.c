/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/placed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/parse.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"

#define MEMBER_LEN (LIMIT_BATCH_ID_LEN + 48)

struct entry {
    const char *member;
    int64_t begin_ms;
    const char *id; /* NULL: not known */
};

/* "<begin ms>" or "<begin ms> <id>" */
static int read_entry(const struct redisReply *reply, size_t at, struct entry *ret_entry)
{
    const char *member, *value;
    size_t len;
    int rc = reply_str(reply_at(reply, at), &member, &len);
    if (rc == 0)
        rc = reply_str(reply_at(reply, at + 1), &value, &len);
    if (rc != 0)
        return rc;
    size_t digits = strcspn(value, " ");
    *ret_entry = (struct entry){.member = member, .id = value[digits] == ' ' ? value + digits + 1 : NULL};
    return parse_i64(value, digits, 0, INT64_MAX, &ret_entry->begin_ms);
}

static int find_own(const struct redisReply *reply, const char *member, struct entry *ret_own, bool *ret_is_there)
{
    struct entry entry;
    *ret_is_there = false;
    for (size_t i = 0; i + 1 < reply_len(reply); i += 2) {
        int rc = read_entry(reply, i, &entry);
        if (rc != 0)
            return rc;
        if (strcmp(entry.member, member) == 0) {
            *ret_own = entry;
            *ret_is_there = true;
        }
    }
    return 0;
}

/* Whether `member` is a later dial of the same contact, whose stem is `stem_len` characters long: one that Redis forgot
 * and a callback told of, which was found without its number and is looked up under a lower one (worker/doubt.c). There
 * is no other while the dial is on its way. */
static bool is_own_forgotten(const char *own, size_t stem_len, uint32_t number, const char *member)
{
    uint64_t other;
    return strncmp(member, own, stem_len) == 0 &&
           parse_u64(member + stem_len, strlen(member + stem_len), UINT32_MAX, &other) == 0 && other > number;
}

static int read_placed(const struct redisReply *reply, const struct placed_question *question, const char **ids,
                       struct placed *ret_placed)
{
    char member[MEMBER_LEN + 1];
    struct entry own = {0}, entry;
    struct placed placed = {.ids = ids};
    if (reply_len(reply) / 2 > LIMIT_PLACED)
        return ERR_TOO_LARGE;
    int stem = snprintf(member, sizeof member, "%s/%" PRIu64 "/", question->dial.batch_id, question->dial.ordinal);
    snprintf(member + stem, sizeof member - (size_t)stem, "%" PRIu32, question->dial.number);
    int rc = find_own(reply, member, &own, &placed.is_complete);
    for (size_t i = 0; rc == 0 && placed.is_complete && i + 1 < reply_len(reply); i += 2) {
        rc = read_entry(reply, i, &entry);
        if (rc != 0 || strcmp(entry.member, member) == 0 ||
            is_own_forgotten(member, (size_t)stem, question->dial.number, entry.member))
            continue;
        int64_t apart_ms =
            entry.begin_ms > own.begin_ms ? entry.begin_ms - own.begin_ms : own.begin_ms - entry.begin_ms;
        if (entry.id != NULL)
            ids[placed.n_ids++] = entry.id;
        else if (apart_ms < question->span_ms)
            placed.is_contested = true;
    }
    if (rc == 0)
        *ret_placed = placed;
    return rc;
}

static void on_reply(const struct redisReply *reply, int err, void *arg)
{
    const struct placed_question *question = arg;
    const char *ids[LIMIT_PLACED];
    struct placed placed;
    if (err == 0)
        err = reply_to_err(reply);
    if (err == 0)
        err = read_placed(reply, question, ids, &placed);
    question->fn(err == 0 ? &placed : NULL, err, question->arg);
}

int placed_read(struct worker_cell *cell, const struct placed_question *question)
{
    struct key key = key_placed(cell->id, question->number);
    const struct redis_arg args[] = {redis_arg_str("HGETALL"), key_arg(&key)};
    return redis_command(cell->worker->redis, args, 2, WORKER_READ_DEADLINE_MS, on_reply, (void *)question);
}
