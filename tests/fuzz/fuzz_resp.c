/* SPDX-License-Identifier: Apache-2.0
 *
 * What comes from Redis's side of the connection: bytes, through the reader as the connection sets it up, to replies.
 * The first byte says in which pieces they arrive; that must change nothing. Every reply answers all questions that
 * common/redis/reply.h knows, and reads the same when it is written down again.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/limits.h"
#include "common/redis/redis_private.h"
#include "common/redis/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WRITTEN_MAX ((size_t)1 << 24)
#define DEPTH_MAX 9 /* hiredis's own bound */

static void demand(bool holds)
{
    if (!holds)
        abort();
}

/* ---- one reply ---- */

static void check_error(const struct redisReply *r)
{
    const char *text = reply_error(r);
    demand((text != NULL) == (r->type == REDIS_REPLY_ERROR));
    demand((text != NULL) == (reply_to_err(r) != 0));
    if (text != NULL && text[0] != '\0' && text[0] != ' ') {
        char word[64] = "";
        size_t len = strcspn(text, " ");
        if (len < sizeof word) {
            memcpy(word, text, len);
            demand(reply_error_is(r, word));
        }
    }
}

static void check_text(const struct redisReply *r)
{
    const char *text;
    size_t len;
    int64_t number;
    bool is_text = r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_STATUS;
    demand((reply_str(r, &text, &len) == 0) == is_text);
    if (is_text)
        demand(text[len] == '\0' && strnlen(text, len) <= len);
    if (r->type == REDIS_REPLY_INTEGER)
        demand(reply_i64(r, &number) == 0 && number == r->integer);
    else if (!is_text)
        demand(reply_i64(r, &number) == ERR_PROTOCOL);
    else
        (void)!reply_i64(r, &number);
}

static void check_reply(const struct redisReply *r, int depth)
{
    const char *name;
    size_t len;
    if (r == NULL || depth > DEPTH_MAX)
        abort();
    check_error(r);
    check_text(r);
    demand(reply_is_nil(r) == (r->type == REDIS_REPLY_NIL));
    demand(reply_len(r) == (r->type == REDIS_REPLY_ARRAY ? r->elements : 0));
    demand(reply_at(r, reply_len(r)) == NULL && reply_at(r, SIZE_MAX) == NULL);
    for (size_t i = 0; i < reply_len(r); i++)
        check_reply(reply_at(r, i), depth + 1);
    if (reply_len(r) >= 2 && reply_str(reply_at(r, 0), &name, &len) == 0 && strlen(name) == len)
        demand(reply_field(r, name) == reply_at(r, 1));
}

/* ---- writing it down ---- */

static void write_reply(const struct redisReply *r, struct buf *out)
{
    switch (r->type) {
    case REDIS_REPLY_STRING:
        demand(buf_printf(out, "$%zu\r\n", (size_t)r->len) == 0 && buf_append(out, r->str, r->len) == 0);
        break;
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
        demand(buf_append_str(out, r->type == REDIS_REPLY_STATUS ? "+" : "-") == 0);
        demand(buf_append(out, r->str, r->len) == 0);
        break;
    case REDIS_REPLY_INTEGER:
        demand(buf_printf(out, ":%lld", r->integer) == 0);
        break;
    case REDIS_REPLY_NIL:
        demand(buf_append_str(out, "$-1") == 0);
        break;
    case REDIS_REPLY_ARRAY:
        demand(buf_printf(out, "*%zu\r\n", (size_t)r->elements) == 0);
        for (size_t i = 0; i < r->elements; i++)
            write_reply(r->element[i], out);
        return;
    default:
        abort();
    }
    demand(buf_append_str(out, "\r\n") == 0);
}

/* ---- the stream ---- */

/* All whole replies of `bytes`, written one after the other. Gives the reader's error. */
static int read_stream(const char *bytes, size_t len, size_t piece, struct buf *out)
{
    struct redis r = {.state = REDIS_STATE_READY};
    int err = 0;
    demand(redis_reader_create(&r) == 0);
    for (size_t at = 0; err == 0 && at < len; at += piece) {
        err = redisReaderFeed(r.reader, bytes + at, len - at < piece ? len - at : piece);
        void *reply = NULL;
        while (err == 0 && (err = redisReaderGetReply(r.reader, &reply)) == 0 && reply != NULL) {
            check_reply(reply, 0);
            write_reply(reply, out);
            freeReplyObject(reply);
        }
    }
    redisReaderFree(r.reader);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole, pieces, again;
    if (size < 2)
        return 0;
    /* A copy of exactly this size, so that reading behind it is noticed. */
    size_t len = size - 1;
    char *bytes = malloc(len);
    demand(bytes != NULL);
    memcpy(bytes, data + 1, len);
    buf_init(&whole, WRITTEN_MAX);
    buf_init(&pieces, WRITTEN_MAX);
    buf_init(&again, WRITTEN_MAX);
    int err = read_stream(bytes, len, len, &whole);
    demand(read_stream(bytes, len, 1 + data[0] % 16, &pieces) == err);
    demand(buf_len(&whole) == buf_len(&pieces));
    demand(memcmp(buf_str(&whole), buf_str(&pieces), buf_len(&whole)) == 0);
    if (buf_len(&whole) > 0) {
        demand(read_stream(buf_str(&whole), buf_len(&whole), buf_len(&whole), &again) == 0);
        demand(buf_len(&whole) == buf_len(&again));
        demand(memcmp(buf_str(&whole), buf_str(&again), buf_len(&whole)) == 0);
    }
    buf_free(&whole);
    buf_free(&pieces);
    buf_free(&again);
    free(bytes);
    return 0;
}
