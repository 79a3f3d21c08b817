/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/contact_layout.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/json/span.h"

/* Fields of proto/carillon/v1/contact.proto, with the kind of value that each has. */
#define TAG_METADATA 0x3a
#define TAG_VALUES 0x4a
#define KIND_VARINT 0
#define KIND_BYTES 2
#define NOWHERE LIMIT_COLUMNS

struct contact_layout {
    struct buf text;
    size_t n;
    size_t starts[LIMIT_COLUMNS + 1]; /* of each in the text, and its end */
    /* What came behind each of them last, and at [LIMIT_COLUMNS] what came first: contacts are much alike. */
    uint8_t next[LIMIT_COLUMNS + 1];
    struct buf values; /* of the record that is being shortened */
};

int contact_layout_create(struct contact_layout **ret_columns)
{
    struct contact_layout *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    buf_init(&c->text, LIMIT_COLUMNS_BYTES);
    buf_init(&c->values, (size_t)2 * LIMIT_METADATA_BYTES);
    *ret_columns = c;
    return 0;
}

void contact_layout_free(struct contact_layout *c)
{
    if (!c)
        return;
    buf_free(&c->text);
    buf_free(&c->values);
    free(c);
}

const char *contact_layout_text(const struct contact_layout *c, size_t *ret_len)
{
    *ret_len = buf_len(&c->text);
    return buf_str(&c->text);
}

/* Where each begins, and the end. ERR_INVALID for more than there may be, or one without its newline. */
static int find_starts(const char *text, size_t len, size_t starts[LIMIT_COLUMNS + 1], size_t *ret_n)
{
    size_t n = 0;
    starts[0] = 0;
    for (size_t at = 0; at < len; starts[++n] = at) {
        const char *newline = memchr(text + at, '\n', len - at);
        if (!newline || n == LIMIT_COLUMNS)
            return ERR_INVALID;
        at = (size_t)(newline - text) + 1;
    }
    *ret_n = n;
    return 0;
}

int contact_layout_set(struct contact_layout *c, const char *text, size_t len)
{
    buf_clear(&c->text);
    memset(c->next, 0, sizeof c->next);
    c->n = 0;
    c->starts[0] = 0;
    int err = len > LIMIT_COLUMNS_BYTES ? ERR_INVALID : find_starts(text, len, c->starts, &c->n);
    if (!err)
        err = buf_append(&c->text, text, len);
    if (err)
        c->n = 0;
    return err;
}

/* ---- varints ---- */

static int append_varint(struct buf *out, size_t value)
{
    unsigned char bytes[10];
    size_t n = 0;
    for (; value > 0x7f; value >>= 7)
        bytes[n++] = (unsigned char)(value | 0x80);
    bytes[n++] = (unsigned char)value;
    return buf_append(out, bytes, n);
}

/* False where none begins there, or one that is longer than any that is needed. */
static bool take_varint(const unsigned char *bytes, size_t len, size_t *at, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; *at < len && shift < 64; shift += 7) {
        unsigned char byte = bytes[(*at)++];
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

/* ---- writing ---- */

static bool is_column(const struct contact_layout *c, size_t index, const char *text, size_t len)
{
    size_t start = c->starts[index], end = c->starts[index + 1] - 1;
    return end - start == len && memcmp(buf_str(&c->text) + start, text, len) == 0;
}

/* The place of a text that comes behind the one at `before`: a new one where there is none. NOWHERE: no room. */
static size_t find_column(struct contact_layout *c, size_t before, const char *text, size_t len)
{
    size_t index = c->next[before];
    if (index < c->n && is_column(c, index, text, len))
        return index;
    for (index = 0; index < c->n && !is_column(c, index, text, len);)
        index++;
    if (index == c->n) {
        if (c->n == LIMIT_COLUMNS || buf_len(&c->text) + len + 1 > LIMIT_COLUMNS_BYTES || memchr(text, '\n', len) ||
            buf_append(&c->text, text, len) != 0 || buf_append_char(&c->text, '\n') != 0)
            return NOWHERE;
        c->starts[++c->n] = buf_len(&c->text);
    }
    c->next[before] = (uint8_t)index;
    return index;
}

static int append_value(struct buf *values, size_t index, struct json_span value)
{
    bool is_string = value.text[0] == '"';
    size_t len = value.len - (is_string ? 2 : 0);
    int err = append_varint(values, 2 * index + is_string);
    if (!err)
        err = append_varint(values, len);
    return err ? err : buf_append(values, value.text + is_string, len);
}

/* Fills c->values. False where the metadata stays as it is. */
static bool take_apart(struct contact_layout *c, const char *metadata, size_t len)
{
    struct json_members members;
    struct json_span key, value;
    const char *at = metadata, *end = metadata + len;
    size_t before = LIMIT_COLUMNS;
    buf_clear(&c->values);
    if (!json_members_begin(&members, metadata, len))
        return false;
    while (json_members_next(&members, &key, &value)) {
        before = find_column(c, before, at, (size_t)(value.text - at));
        if (before == NOWHERE || append_value(&c->values, before, value) != 0)
            return false;
        at = value.text + value.len;
    }
    return buf_len(&c->values) > 0 && end - at == 1 && *at == '}';
}

/* The same with what was gathered for metadata that stays as it is forgotten again. */
static bool take_apart_or_leave(struct contact_layout *c, const char *metadata, size_t len)
{
    size_t n = c->n;
    if (take_apart(c, metadata, len))
        return true;
    buf_cut(&c->text, c->starts[n]);
    c->n = n;
    return false;
}

/* A field of a record. */
struct field {
    size_t start, content, end;
    uint64_t tag;
};

static bool next_field(const unsigned char *record, size_t len, size_t *at, struct field *ret_field)
{
    uint64_t value;
    struct field field = {.start = *at};
    if (!take_varint(record, len, at, &field.tag) || !take_varint(record, len, at, &value))
        return false;
    field.content = *at;
    if ((field.tag & 7) == KIND_BYTES) {
        if (value > len - *at)
            return false;
        *at += (size_t)value;
    } else if ((field.tag & 7) != KIND_VARINT) {
        return false;
    }
    field.end = *at;
    *ret_field = field;
    return true;
}

int contact_layout_shorten(struct contact_layout *c, const void *record, size_t len, struct buf *out)
{
    const char *bytes = record;
    struct field field;
    size_t at = 0;
    bool is_found = false;
    while (!is_found && next_field(record, len, &at, &field))
        is_found = field.tag == TAG_METADATA;
    if (!is_found || !take_apart_or_leave(c, bytes + field.content, field.end - field.content))
        return buf_append(out, bytes, len);
    int err = buf_append(out, bytes, field.start);
    if (!err)
        err = buf_append(out, bytes + field.end, len - field.end);
    if (!err)
        err = append_varint(out, TAG_VALUES);
    if (!err)
        err = append_varint(out, buf_len(&c->values));
    return err ? err : buf_append(out, buf_str(&c->values), buf_len(&c->values));
}

/* ---- reading ---- */

static int restore_value(const char *column, size_t column_len, bool is_string, const char *value, size_t len,
                         struct buf *out)
{
    static const char quote[] = "\"";
    if (buf_len(out) + column_len + len + 3 > LIMIT_METADATA_BYTES)
        return ERR_INVALID;
    int err = buf_append(out, column, column_len);
    if (!err)
        err = buf_append(out, quote, is_string);
    if (!err)
        err = buf_append(out, value, len);
    return err ? err : buf_append(out, quote, is_string);
}

int contact_layout_restore(const char *text, size_t text_len, const char *values, size_t len, struct buf *out)
{
    const unsigned char *bytes = (const unsigned char *)values;
    size_t starts[LIMIT_COLUMNS + 1], n, at = 0;
    int err = find_starts(text, text_len, starts, &n);
    while (!err && at < len) {
        uint64_t head, value_len;
        if (!take_varint(bytes, len, &at, &head) || !take_varint(bytes, len, &at, &value_len) || value_len > len - at)
            return ERR_INVALID;
        if (head / 2 >= n)
            return head / 2 < LIMIT_COLUMNS ? ERR_NOT_FOUND : ERR_INVALID;
        const size_t start = starts[head / 2], end = starts[head / 2 + 1] - 1;
        err = restore_value(text + start, end - start, head % 2 == 1, values + at, (size_t)value_len, out);
        at += (size_t)value_len;
    }
    return err ? err : buf_append_char(out, '}');
}
