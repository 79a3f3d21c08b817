/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/list_cursor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/encode.h"
#include "common/base/ident.h"
#include "common/base/parse.h"

void list_cursor_format(const struct list_cursor *cursor, char ret_text[LIST_CURSOR_LEN + 1])
{
    char plain[LIST_CURSOR_LEN / 2 + 1];
    int len = snprintf(plain, sizeof plain, "%" PRId64 ".%s", cursor->place, cursor->id);
    encode_hex(plain, (size_t)len, ret_text);
}

int list_cursor_parse(const char *text, struct list_cursor *ret_cursor)
{
    char plain[LIST_CURSOR_LEN / 2];
    struct list_cursor cursor;
    size_t len;
    if (decode_hex(text, strlen(text), plain, sizeof plain, &len) != 0)
        return ERR_INVALID;
    const char *dot = memchr(plain, '.', len);
    if (!dot || parse_i64(plain, (size_t)(dot - plain), 0, INT64_MAX, &cursor.place) != 0)
        return ERR_INVALID;
    size_t id_len = len - (size_t)(dot + 1 - plain);
    if (!ident_is_valid(dot + 1, id_len, LIMIT_BATCH_ID_LEN))
        return ERR_INVALID;
    memcpy(cursor.id, dot + 1, id_len);
    cursor.id[id_len] = '\0';
    *ret_cursor = cursor;
    return 0;
}
