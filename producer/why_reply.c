/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/why_reply.h"

#include "common/redis/reply.h"

const char *why_reply_text(const struct why_reply *w, const char *name)
{
    const char *text;
    size_t len;
    return reply_str(reply_field(w->fields, name), &text, &len) == 0 ? text : "";
}

/* `absent` where the row has none. */
static int read_number(const struct redisReply *row, size_t index, int64_t absent, int64_t *ret_number)
{
    const char *text;
    size_t len;
    int err = reply_str(reply_at(row, index), &text, &len);
    *ret_number = absent;
    return err || len == 0 ? err : reply_i64(reply_at(row, index), ret_number);
}

static int read_reason(const struct redisReply *row, struct why_reason *ret_reason)
{
    struct why_reason r = {.word = ""};
    const char *code;
    size_t len;
    int64_t holds;
    int err = reply_str(reply_at(row, 0), &code, &len);
    if (!err && why_row_of(code, len, &r.row) != 0)
        err = ERR_PROTOCOL;
    if (!err)
        err = reply_i64(reply_at(row, 1), &holds);
    if (!err)
        err = read_number(row, 2, 0, &r.until_ms);
    if (!err)
        err = read_number(row, 3, 0, &r.next_ms);
    if (!err)
        err = read_number(row, 4, 0, &r.latest_ms);
    if (!err)
        err = read_number(row, 5, -1, &r.count);
    if (!err)
        err = read_number(row, 6, -1, &r.of);
    if (!err)
        err = reply_str(reply_at(row, 7), &r.word, &len);
    if (err)
        return err;
    r.holds = holds == 1;
    *ret_reason = r;
    return 0;
}

int why_reply_read(const struct redisReply *reply, struct why_reply *ret_why)
{
    struct why_reply *w = ret_why;
    size_t n = reply_len(reply);
    int err = reply_i64(reply_at(reply, 0), &w->now_ms);
    w->fields = reply_at(reply, 1);
    if (n < 2 || n - 2 > WHY_REASONS_MOST)
        return ERR_PROTOCOL;
    w->n_reasons = n - 2;
    for (size_t i = 0; i < w->n_reasons && !err; i++)
        err = read_reason(reply_at(reply, i + 2), &w->reasons[i]);
    return err;
}
