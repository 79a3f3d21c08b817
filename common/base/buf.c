/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 64u

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_free(struct buf *b)
{
    free(b->data);
    buf_init(b, b->max);
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

/* Makes room for `extra` more bytes; `cap` does not count the NUL's. */
static int reserve(struct buf *b, size_t extra)
{
    if (extra > b->max - b->len)
        return ERR_NOMEM;
    size_t need = b->len + extra;
    if (b->data && need <= b->cap)
        return 0;
    size_t cap = b->cap ? b->cap : FIRST_CAP;
    while (cap < need)
        cap = cap > b->max / 2 ? b->max : cap * 2;
    if (cap > b->max)
        cap = b->max;
    if (cap == SIZE_MAX)
        return ERR_NOMEM;
    char *data = realloc(b->data, cap + 1);
    if (!data)
        return ERR_NOMEM;
    b->data = data;
    b->cap = cap;
    b->data[b->len] = '\0';
    return 0;
}

int buf_append(struct buf *b, const void *data, size_t len)
{
    int err = reserve(b, len);
    if (err)
        return err;
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
    return 0;
}

int buf_append_str(struct buf *b, const char *str)
{
    return buf_append(b, str, strlen(str));
}

int buf_append_char(struct buf *b, char c)
{
    return buf_append(b, &c, 1);
}

int buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        return ERR_INVALID;
    int err = reserve(b, (size_t)n);
    if (err)
        return err;
    va_start(args, format);
    n = vsnprintf(b->data + b->len, (size_t)n + 1, format, args);
    va_end(args);
    b->len += (size_t)n;
    return 0;
}

const char *buf_str(const struct buf *b)
{
    return b->data ? b->data : "";
}

size_t buf_len(const struct buf *b)
{
    return b->len;
}

void buf_cut(struct buf *b, size_t len)
{
    if (len >= b->len)
        return;
    b->len = len;
    b->data[len] = '\0';
}

void buf_consume(struct buf *b, size_t len)
{
    if (len >= b->len) {
        buf_clear(b);
        return;
    }
    b->len -= len;
    memmove(b->data, b->data + len, b->len + 1);
}

char *buf_take(struct buf *b, size_t *ret_len)
{
    if (reserve(b, 0))
        return NULL;
    char *data = b->data;
    if (ret_len)
        *ret_len = b->len;
    buf_init(b, b->max);
    return data;
}
