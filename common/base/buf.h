/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing byte buffer with a ceiling. What is in it need not be text; a NUL always follows the last byte, so
 * buf_str() can be printed. Growth past the ceiling fails with ERR_NOMEM and leaves the content as it was.
 */
#ifndef CARILLON_BASE_BUF_H
#define CARILLON_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

/* A plain value: embed it, buf_init() it, buf_free() it. The fields are read through the functions below. */
struct buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max;
};

/* Makes `b` empty with a ceiling of `max` bytes. Allocates nothing. */
void buf_init(struct buf *b, size_t max);
/* Frees the content; `b` is as after buf_init() with the same ceiling. */
void buf_free(struct buf *b);
/* Empties `b` and keeps its memory for the next use. */
void buf_clear(struct buf *b);

int buf_append(struct buf *b, const void *data, size_t len) MUST_CHECK;
int buf_append_str(struct buf *b, const char *str) MUST_CHECK;
int buf_append_char(struct buf *b, char c) MUST_CHECK;
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3))) MUST_CHECK;

/* The content, never NULL, borrowed until the next change of `b`. */
const char *buf_str(const struct buf *b);
size_t buf_len(const struct buf *b);

/* Keeps the first `len` bytes (at most all of them) and drops what is behind them. */
void buf_cut(struct buf *b, size_t len);
/* Drops the first `len` bytes (at most all of them). */
void buf_consume(struct buf *b, size_t len);

/* Moves the content out: the caller owns it and frees it with free(); `b` is empty. `ret_len` may be NULL. Returns an
 * empty string of its own where there was no content, and NULL only where memory ran out. */
char *buf_take(struct buf *b, size_t *ret_len);

#endif
