/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/csv_write.h"

#include <stdbool.h>
#include <string.h>

/* The full-width forms of = + - @ (U+FF1D, U+FF0B, U+FF0D, U+FF20) count where keyboards write them. */
static const char *const FULL_WIDTH[] = {"\xEF\xBC\x9D", "\xEF\xBC\x8B", "\xEF\xBC\x8D", "\xEF\xBC\xA0"};

/* A sign, digits, perhaps one point among them. */
static bool is_signed_number(const char *text, size_t len)
{
    size_t digits = 0, points = 0;
    if (len < 2 || (text[0] != '+' && text[0] != '-'))
        return false;
    for (size_t i = 1; i < len; i++) {
        digits += text[i] >= '0' && text[i] <= '9';
        points += text[i] == '.';
    }
    return digits > 0 && points <= 1 && digits + points == len - 1;
}

static bool looks_like_a_formula(const char *text, size_t len)
{
    if (len == 0 || is_signed_number(text, len))
        return false;
    if (text[0] != '\0' && strchr("=+-@\t\r\n", text[0]))
        return true;
    for (size_t i = 0; i < sizeof FULL_WIDTH / sizeof FULL_WIDTH[0]; i++) {
        if (len >= 3 && memcmp(text, FULL_WIDTH[i], 3) == 0)
            return true;
    }
    return false;
}

static bool wants_quotes(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\0' || strchr(",;|\"\t\r\n", text[i]))
            return true;
    }
    return len > 0 && (text[0] == ' ' || text[len - 1] == ' ');
}

/* The text, its quotes doubled. */
static int append_doubled(struct buf *out, const char *text, size_t len)
{
    int err = 0;
    while (len > 0 && !err) {
        const char *quote = memchr(text, '"', len);
        size_t piece = quote ? (size_t)(quote - text) + 1 : len;
        err = buf_append(out, text, piece);
        if (!err && quote)
            err = buf_append_char(out, '"');
        text += piece;
        len -= piece;
    }
    return err;
}

int csv_write_cell(struct buf *out, const char *text, size_t len)
{
    bool is_quoted = wants_quotes(text, len);
    int err = is_quoted ? buf_append_char(out, '"') : 0;
    if (!err && looks_like_a_formula(text, len))
        err = buf_append_char(out, '\'');
    if (!err)
        err = append_doubled(out, text, len);
    if (!err && is_quoted)
        err = buf_append_char(out, '"');
    return err;
}

int csv_write_row_end(struct buf *out)
{
    return buf_append_str(out, "\r\n");
}
