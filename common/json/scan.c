/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/scan.h"

#include <float.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_parse.h>

#include "common/base/limits.h"
#include "common/base/parse.h"
#include "common/base/utf8.h"
#include "common/json/keyset.h"

#define NO_ELEMENT SIZE_MAX
#define NO_KEY SIZE_MAX

/* ---- bytes: what can be told without the grammar ---- */

enum guard_state {
    GUARD_OUTSIDE,
    GUARD_STRING,
    GUARD_ESCAPE, /* behind a backslash */
    GUARD_HEX, /* within the four digits of \uXXXX */
};

struct guard {
    enum guard_state state;
    unsigned digits;
    unsigned value;
    bool wants_low; /* a high surrogate was escaped: its low one must follow at once */
};

static const char unpaired[] = "unpaired surrogate";

static const char *guard_hex(struct guard *g, unsigned char c)
{
    /* Of a hexadecimal digit; what is none, libyajl refuses. */
    unsigned digit = (c & 0xfu) + (c > '9' ? 9u : 0u);
    g->value = g->value << 4 | (digit & 0xfu);
    if (++g->digits < 4)
        return NULL;
    g->state = GUARD_STRING;
    bool is_high = g->value >= 0xd800 && g->value <= 0xdbff;
    bool is_low = g->value >= 0xdc00 && g->value <= 0xdfff;
    if (is_low != g->wants_low)
        return unpaired;
    g->wants_low = is_high;
    return g->value == 0 ? "\\u0000 is not accepted" : NULL;
}

static const char *guard_byte(struct guard *g, unsigned char c)
{
    if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
        return "control character";
    switch (g->state) {
    case GUARD_OUTSIDE:
        if (c == '"')
            g->state = GUARD_STRING;
        return NULL;
    case GUARD_STRING:
        if (g->wants_low && c != '\\')
            return unpaired;
        if (c == '\\')
            g->state = GUARD_ESCAPE;
        else if (c == '"')
            g->state = GUARD_OUTSIDE;
        return NULL;
    case GUARD_ESCAPE:
        if (g->wants_low && c != 'u')
            return unpaired;
        g->state = c == 'u' ? GUARD_HEX : GUARD_STRING;
        g->digits = 0;
        g->value = 0;
        return NULL;
    case GUARD_HEX:
        return guard_hex(g, c);
    }
    return NULL;
}

#define EACH_BYTE UINT64_C(0x0101010101010101)
#define HIGH_BITS (0x80 * EACH_BYTE)

/* Whether a byte of the word is below `than`, which is at most 0x80. */
static bool has_less(uint64_t word, uint64_t than)
{
    return ((word - than * EACH_BYTE) & ~word & HIGH_BITS) != 0;
}

static bool is_plain(char c)
{
    return (unsigned char)c >= ' ' && c != '"' && c != '\\';
}

size_t json_count_plain(const char *data, size_t len)
{
    size_t at = 0;
    for (uint64_t word; len - at >= sizeof word; at += sizeof word) {
        memcpy(&word, data + at, sizeof word);
        if (has_less(word, ' ') || has_less(word ^ '"' * EACH_BYTE, 1) || has_less(word ^ '\\' * EACH_BYTE, 1))
            break;
    }
    while (at < len && is_plain(data[at]))
        at++;
    return at;
}

/* The number of bytes that may pass; where that is not all, the reason why the next may not. */
static size_t guard_pass(struct guard *g, const char *data, size_t len, const char **ret_reason)
{
    for (size_t i = 0; i < len; i++) {
        if (g->state <= GUARD_STRING && !g->wants_low)
            i += json_count_plain(data + i, len - i);
        if (i == len)
            break;
        const char *reason = guard_byte(g, (unsigned char)data[i]);
        if (reason != NULL) {
            *ret_reason = reason;
            return i;
        }
    }
    return len;
}

/* ---- structure ---- */

/* An open container. */
struct frame {
    bool is_array;
    size_t element; /* an array's current element */
    size_t key; /* an object's current key, by its place in the set */
    size_t mark; /* of the set when it opened */
};

struct json_scan {
    yajl_handle yajl;
    struct guard guard;
    struct keyset *keys;
    struct frame frames[LIMIT_JSON_DEPTH];
    size_t depth;
    size_t fed; /* bytes before the piece under way */
    size_t token_end; /* of the last token that made an event, from the start of the text */
    json_event_fn fn;
    void *arg;
    int err; /* why an event stopped libyajl */
    const char *reason;
};

static int refuse(struct json_scan *s, const char *reason)
{
    s->err = ERR_INVALID;
    s->reason = reason;
    return 0;
}

/* To libyajl: 1 goes on, 0 stops. */
static int emit(struct json_scan *s, struct json_event event)
{
    event.end = yajl_get_bytes_consumed(s->yajl);
    s->token_end = s->fed + event.end;
    s->err = s->fn != NULL ? s->fn(&event, s->arg) : 0;
    return s->err >= 0;
}

static void note_element(struct json_scan *s)
{
    if (s->depth == 0)
        return;
    struct frame *f = &s->frames[s->depth - 1];
    if (f->is_array)
        f->element++;
}

static int on_scalar(struct json_scan *s)
{
    note_element(s);
    return emit(s, (struct json_event){.kind = JSON_EVENT_SCALAR, .depth = s->depth});
}

static int on_null(void *arg)
{
    return on_scalar(arg);
}

static int on_boolean(void *arg, int value)
{
    (void)value;
    return on_scalar(arg);
}

static int on_number(void *arg, const char *text, size_t len)
{
    struct json_scan *s = arg;
    double value;
    note_element(s);
    if (len > LIMIT_JSON_NUMBER_LEN)
        return refuse(s, "number too long");
    if (parse_double(text, len, -DBL_MAX, DBL_MAX, &value) < 0)
        return refuse(s, "number out of range");
    return emit(s, (struct json_event){.kind = JSON_EVENT_SCALAR, .depth = s->depth});
}

static int on_string(void *arg, const unsigned char *text, size_t len)
{
    struct json_scan *s = arg;
    note_element(s);
    if (!utf8_is_valid((const char *)text, len))
        return refuse(s, "invalid UTF-8");
    return emit(s, (struct json_event){.kind = JSON_EVENT_SCALAR, .depth = s->depth});
}

static int on_key(void *arg, const unsigned char *text, size_t len)
{
    struct json_scan *s = arg;
    struct frame *f = &s->frames[s->depth - 1];
    const char *key = (const char *)text;
    if (!utf8_is_valid(key, len))
        return refuse(s, "invalid UTF-8");
    if (len > LIMIT_JSON_KEY_BYTES)
        return refuse(s, "key too long");
    if (keyset_mark(s->keys) - f->mark == LIMIT_JSON_KEYS)
        return refuse(s, "too many members");
    s->err = keyset_add(s->keys, s->depth, key, len, &f->key);
    if (s->err == ERR_EXISTS)
        return refuse(s, "duplicate key");
    if (s->err < 0)
        return 0;
    return emit(s, (struct json_event){.kind = JSON_EVENT_KEY, .depth = s->depth, .key = key, .key_len = len});
}

static int open_container(struct json_scan *s, bool is_array)
{
    note_element(s);
    if (s->depth == LIMIT_JSON_DEPTH)
        return refuse(s, "nested too deeply");
    s->frames[s->depth] =
        (struct frame){.is_array = is_array, .element = NO_ELEMENT, .key = NO_KEY, .mark = keyset_mark(s->keys)};
    enum json_event_kind kind = is_array ? JSON_EVENT_OPEN_ARRAY : JSON_EVENT_OPEN_OBJECT;
    return emit(s, (struct json_event){.kind = kind, .depth = s->depth++});
}

static int on_start_map(void *arg)
{
    return open_container(arg, false);
}

static int on_start_array(void *arg)
{
    return open_container(arg, true);
}

static int on_end(void *arg)
{
    struct json_scan *s = arg;
    s->depth--;
    keyset_close(s->keys, s->frames[s->depth].mark);
    return emit(s, (struct json_event){.kind = JSON_EVENT_CLOSE, .depth = s->depth});
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end,
};

/* ---- faults ---- */

/* libyajl's words for what a client of ours is to read. */
struct wording {
    const char *theirs; /* the beginning, behind "parse error: " or "lexical error: " */
    const char *ours;
};

static const struct wording wordings[] = {
    {"trailing garbage", "text after the value"},   {"premature EOF", "text ends too early"},
    {"unallowed token", "unexpected token"},        {"invalid object key", "expected a key"},
    {"object key and value", "expected ':'"},       {"after key and value", "expected ',' or '}'"},
    {"after array element", "expected ',' or ']'"}, {"inside a string, '\\'", "invalid escape"},
    {"invalid (non-hex)", "invalid escape"},        {"invalid character inside", "control character"},
    {"malformed number", "malformed number"},       {"probable comment", "comments are not accepted"},
};

static const char *our_words(const char *theirs)
{
    for (size_t i = 0; i < sizeof wordings / sizeof wordings[0]; i++) {
        if (strncmp(theirs, wordings[i].theirs, strlen(wordings[i].theirs)) == 0)
            return wordings[i].ours;
    }
    return "unexpected character";
}

void json_path_append(char *path, size_t cap, const char *text, size_t len)
{
    size_t used = strlen(path);
    if (len > cap - 1 - used) {
        len = cap - 1 - used;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    memcpy(path + used, text, len);
    path[used + len] = '\0';
}

static void write_path(const struct json_scan *s, char *path, size_t cap)
{
    path[0] = '\0';
    for (size_t i = 0; i < s->depth; i++) {
        const struct frame *f = &s->frames[i];
        if (f->is_array && f->element != NO_ELEMENT) {
            char index[32];
            snprintf(index, sizeof index, "[%zu]", f->element);
            json_path_append(path, cap, index, strlen(index));
        } else if (!f->is_array && f->key != NO_KEY) {
            size_t len;
            const char *key = keyset_key(s->keys, f->key, &len);
            json_path_append(path, cap, ".", i > 0 ? 1 : 0);
            json_path_append(path, cap, key, len);
        }
    }
}

static void describe_at(const struct json_scan *s, size_t offset, const char *reason, struct json_fault *ret_fault)
{
    if (ret_fault == NULL)
        return;
    ret_fault->offset = offset;
    write_path(s, ret_fault->path, sizeof ret_fault->path);
    snprintf(ret_fault->reason, sizeof ret_fault->reason, "%s", reason);
}

/* A lexical error's place is exact; a misplaced token is known by where the last good one ended, because what libyajl
 * counts there depends on how the text was cut. */
static int describe_yajl(const struct json_scan *s, struct json_fault *ret_fault)
{
    static const char lexical[] = "lexical error: ";
    static const char parse[] = "parse error: ";
    unsigned char *allocated = yajl_get_error(s->yajl, 0, NULL, 0);
    const char *words = allocated != NULL ? (const char *)allocated : "";
    size_t offset = s->token_end;
    if (strncmp(words, lexical, sizeof lexical - 1) == 0) {
        offset = s->fed + yajl_get_bytes_consumed(s->yajl);
        words += sizeof lexical - 1;
    } else if (strncmp(words, parse, sizeof parse - 1) == 0) {
        words += sizeof parse - 1;
    }
    describe_at(s, offset, our_words(words), ret_fault);
    if (allocated != NULL)
        yajl_free_error(s->yajl, allocated);
    return ERR_INVALID;
}

/* ---- the scan ---- */

int json_scan_create(json_event_fn fn, void *arg, struct json_scan **ret_scan)
{
    struct json_scan *s = calloc(1, sizeof *s);
    if (s == NULL)
        return ERR_NOMEM;
    s->fn = fn;
    s->arg = arg;
    s->keys = keyset_create();
    s->yajl = yajl_alloc(&callbacks, NULL, s);
    if (s->keys == NULL || s->yajl == NULL) {
        json_scan_free(s);
        return ERR_NOMEM;
    }
    /* Its own check takes overlong forms and surrogates; ours, on each string, does not. */
    yajl_config(s->yajl, yajl_dont_validate_strings, 1);
    *ret_scan = s;
    return 0;
}

void json_scan_free(struct json_scan *s)
{
    if (s == NULL)
        return;
    if (s->yajl != NULL)
        yajl_free(s->yajl);
    keyset_free(s->keys);
    free(s);
}

static int judge(struct json_scan *s, yajl_status status, struct json_fault *ret_fault)
{
    if (status == yajl_status_ok)
        return 0;
    if (status == yajl_status_error)
        return describe_yajl(s, ret_fault);
    if (s->reason != NULL)
        describe_at(s, s->fed + yajl_get_bytes_consumed(s->yajl), s->reason, ret_fault);
    return s->err;
}

int json_scan_feed(struct json_scan *s, const char *data, size_t len, struct json_fault *ret_fault)
{
    const char *reason = NULL;
    size_t clean = guard_pass(&s->guard, data, len, &reason);
    int err = 0;
    if (clean > 0)
        err = judge(s, yajl_parse(s->yajl, (const unsigned char *)data, clean), ret_fault);
    if (err < 0)
        return err;
    s->fed += clean;
    if (reason == NULL)
        return 0;
    describe_at(s, s->fed, reason, ret_fault);
    return ERR_INVALID;
}

int json_scan_finish(struct json_scan *s, struct json_fault *ret_fault)
{
    int err = judge(s, yajl_complete_parse(s->yajl), ret_fault);
    /* Behind a whole value libyajl takes a string that does not end for the end of the text. */
    if (err < 0 || s->guard.state == GUARD_OUTSIDE)
        return err;
    describe_at(s, s->token_end, "text after the value", ret_fault);
    return ERR_INVALID;
}
