/* SPDX-License-Identifier: Apache-2.0
 *
 * A Redis reply from a text that is easy to write and to mutate: items, each ended by a record separator (0x1E).
 *
 *     "text   a string        :7      an integer     _   nil
 *     -text   an error        [       an array begins   ]   it ends
 *
 * An escape (0x1B) makes the next byte stand for itself. What is missing at the end is closed.
 */
#ifndef CARILLON_TESTS_REPLY_TEXT_H
#define CARILLON_TESTS_REPLY_TEXT_H

#include <hiredis/hiredis.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/parse.h"

#define REPLY_TEXT_SEPARATOR '\x1e'
#define REPLY_TEXT_ESCAPE '\x1b'
#define REPLY_TEXT_DEPTH 7
#define REPLY_TEXT_ELEMENTS 512

struct reply_text {
    const char *at;
    const char *end;
};

static inline redisReply *reply_text_make(int type)
{
    redisReply *r = calloc(1, sizeof *r);
    if (r == NULL)
        abort();
    r->type = type;
    return r;
}

/* The bytes up to the separator, unescaped; of exactly this size and a NUL, so that reading behind it is noticed. */
static inline void reply_text_take(struct reply_text *t, redisReply *r)
{
    char *text = malloc((size_t)(t->end - t->at) + 1);
    size_t len = 0;
    if (text == NULL)
        abort();
    while (t->at < t->end && *t->at != REPLY_TEXT_SEPARATOR) {
        if (*t->at == REPLY_TEXT_ESCAPE && t->at + 1 < t->end)
            t->at++;
        text[len++] = *t->at++;
    }
    text[len] = '\0';
    r->str = realloc(text, len + 1);
    r->len = len;
    if (r->str == NULL)
        abort();
}

static inline redisReply *reply_text_read(struct reply_text *t, int depth)
{
    static const struct {
        char mark;
        int type;
    } kinds[] = {
        {'"', REDIS_REPLY_STRING}, {'-', REDIS_REPLY_ERROR}, {':', REDIS_REPLY_INTEGER}, {'[', REDIS_REPLY_ARRAY}};
    int type = REDIS_REPLY_NIL;
    for (size_t i = 0; t->at < t->end && i < sizeof kinds / sizeof kinds[0]; i++)
        type = kinds[i].mark == *t->at ? kinds[i].type : type;
    redisReply *r = reply_text_make(type == REDIS_REPLY_ARRAY && depth == REPLY_TEXT_DEPTH ? REDIS_REPLY_NIL : type);
    redisReply rest = {.type = REDIS_REPLY_NIL};
    if (t->at < t->end && type != REDIS_REPLY_NIL)
        t->at++;
    reply_text_take(t, type == REDIS_REPLY_STRING || type == REDIS_REPLY_ERROR ? r : &rest);
    if (t->at < t->end)
        t->at++;
    if (type == REDIS_REPLY_INTEGER) {
        int64_t number = 0;
        (void)!parse_i64(rest.str, rest.len, INT64_MIN, INT64_MAX, &number);
        r->integer = number;
    }
    free(rest.str);
    if (r->type != REDIS_REPLY_ARRAY)
        return r;
    r->element = calloc(REPLY_TEXT_ELEMENTS, sizeof(redisReply *));
    if (r->element == NULL)
        abort();
    while (t->at < t->end && *t->at != ']' && r->elements < REPLY_TEXT_ELEMENTS)
        r->element[r->elements++] = reply_text_read(t, depth + 1);
    if (t->at < t->end && *t->at == ']')
        t->at = t->end - t->at > 1 && t->at[1] == REPLY_TEXT_SEPARATOR ? t->at + 2 : t->at + 1;
    return r;
}

/* The first item of `text`. Freed with freeReplyObject(). */
static inline redisReply *reply_from_text(const char *text, size_t len)
{
    struct reply_text t = {text, text + len};
    return reply_text_read(&t, 0);
}

#endif
