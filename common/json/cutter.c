/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/json/json.h"
#include "common/json/scan.h"

/* Every byte of a key may be written as \uXXXX. */
#define KEY_TEXT_MAX ((size_t)(6 * LIMIT_JSON_KEY_BYTES + 2))

/* What comes next at the level of members and elements. */
enum cut_state {
    CUT_OBJECT,
    CUT_KEY,
    CUT_VALUE, /* of a member */
    CUT_ELEMENT, /* of the array */
    CUT_END,
};

struct json_cutter {
    struct json_cutter_config config;
    size_t smallest; /* of the bounds of keys, values and elements */
    struct json_scan *scan;
    enum cut_state state;
    struct buf held; /* the thing that comes next, as far as it lay in earlier pieces; begins with its first byte */
    const char *piece; /* under way */
    size_t used; /* bytes of the piece that belong to what came before */
    size_t fed; /* bytes before the piece */
    struct buf key; /* of the member under way */
    size_t index; /* of the element that comes next */
    int err; /* found here, not by the scan */
    size_t offset;
    const char *reason;
};

/* ---- faults ---- */

static int refuse(struct json_cutter *c, int err, size_t offset, const char *reason)
{
    c->err = err;
    c->offset = offset;
    c->reason = reason;
    return err;
}

static void describe(const struct json_cutter *c, struct json_fault *ret_fault)
{
    if (c->reason == NULL || ret_fault == NULL)
        return;
    ret_fault->offset = c->offset;
    ret_fault->path[0] = '\0';
    if (c->state == CUT_VALUE || c->state == CUT_ELEMENT)
        json_path_append(ret_fault->path, sizeof ret_fault->path, buf_str(&c->key), buf_len(&c->key));
    if (c->state == CUT_ELEMENT) {
        char index[32];
        snprintf(index, sizeof index, "[%zu]", c->index);
        json_path_append(ret_fault->path, sizeof ret_fault->path, index, strlen(index));
    }
    snprintf(ret_fault->reason, sizeof ret_fault->reason, "%s", c->reason);
}

/* ---- bytes ---- */

static size_t largest(const struct json_cutter *c)
{
    switch (c->state) {
    case CUT_VALUE:
        return c->config.member_max;
    case CUT_ELEMENT:
        return c->config.element_max;
    case CUT_OBJECT:
    case CUT_KEY:
    case CUT_END:
        break;
    }
    return KEY_TEXT_MAX;
}

/* Longer than it may be, told as soon as that is certain: libyajl would hold all of it. */
static int refuse_size(struct json_cutter *c, size_t offset)
{
    switch (c->state) {
    case CUT_VALUE:
        return refuse(c, ERR_TOO_LARGE, offset, "value too large");
    case CUT_ELEMENT:
        return refuse(c, ERR_TOO_LARGE, offset, "element too large");
    case CUT_KEY:
        return refuse(c, ERR_INVALID, offset, "key too long");
    case CUT_OBJECT:
        return refuse(c, ERR_INVALID, offset, "expected an object");
    case CUT_END:
        break;
    }
    return refuse(c, ERR_INVALID, offset, "text after the value");
}

static bool is_separator(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',' || c == ':';
}

static size_t skip_separators(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && is_separator(text[n]))
        n++;
    return n;
}

/* The bytes up to `end` of the piece are done with. */
static void use_up(struct json_cutter *c, size_t end)
{
    buf_clear(&c->held);
    c->used = end;
}

/* Puts together what ended at `end` of the piece; borrowed until use_up(). */
static int collect(struct json_cutter *c, size_t end, const char **ret_value, size_t *ret_len)
{
    const char *value = c->piece + c->used;
    size_t len = end > c->used ? end - c->used : 0;
    if (buf_len(&c->held) == 0) {
        size_t skipped = skip_separators(value, len);
        value += skipped;
        len -= skipped;
    } else {
        int err = buf_append(&c->held, value, len);
        if (err < 0)
            return err;
        value = buf_str(&c->held);
        len = buf_len(&c->held);
    }
    if (len > largest(c))
        return refuse_size(c, c->fed + end);
    *ret_value = value;
    *ret_len = len;
    return 0;
}

/* ---- events ---- */

static int take_key(struct json_cutter *c, const struct json_event *e)
{
    buf_clear(&c->key);
    use_up(c, e->end);
    c->state = CUT_VALUE;
    return buf_append(&c->key, e->key, e->key_len);
}

static int hand_out(struct json_cutter *c, const struct json_event *e)
{
    const char *value;
    size_t len;
    int err = collect(c, e->end, &value, &len);
    if (err < 0)
        return err;
    if (c->state == CUT_ELEMENT) {
        err = c->config.on_element(c->index, value, len, c->config.arg);
        c->index++;
    } else {
        err = c->config.on_member(buf_str(&c->key), value, len, c->config.arg);
        c->state = CUT_KEY;
    }
    use_up(c, e->end);
    return err;
}

static int on_event_outside(struct json_cutter *c, const struct json_event *e)
{
    if (e->kind != JSON_EVENT_OPEN_OBJECT && e->kind != JSON_EVENT_CLOSE)
        return refuse(c, ERR_INVALID, c->fed + e->end, "expected an object");
    c->state = e->kind == JSON_EVENT_OPEN_OBJECT ? CUT_KEY : CUT_END;
    use_up(c, e->end);
    return 0;
}

static int on_event_in_object(struct json_cutter *c, const struct json_event *e)
{
    switch (e->kind) {
    case JSON_EVENT_KEY:
        return take_key(c, e);
    case JSON_EVENT_SCALAR:
        return hand_out(c, e);
    case JSON_EVENT_OPEN_OBJECT:
        return 0;
    case JSON_EVENT_OPEN_ARRAY:
        if (strcmp(buf_str(&c->key), c->config.array_key) != 0)
            return 0;
        c->state = CUT_ELEMENT;
        c->index = 0;
        use_up(c, e->end);
        return c->config.on_array != NULL ? c->config.on_array(c->config.arg) : 0;
    case JSON_EVENT_CLOSE:
        if (c->state != CUT_ELEMENT)
            return hand_out(c, e);
        c->state = CUT_KEY;
        use_up(c, e->end);
        return 0;
    }
    return 0;
}

static int on_event(const struct json_event *e, void *arg)
{
    struct json_cutter *c = arg;
    if (e->depth == 0)
        c->err = on_event_outside(c, e);
    else if (e->depth == 1)
        c->err = on_event_in_object(c, e);
    else if (e->depth == 2 && c->state == CUT_ELEMENT && (e->kind == JSON_EVENT_SCALAR || e->kind == JSON_EVENT_CLOSE))
        c->err = hand_out(c, e);
    return c->err;
}

/* ---- the cutter ---- */

static size_t max_of(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t min_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

int json_cutter_create(const struct json_cutter_config *config, struct json_cutter **ret_cutter)
{
    struct json_cutter *c = calloc(1, sizeof *c);
    if (c == NULL)
        return ERR_NOMEM;
    c->config = *config;
    c->state = CUT_OBJECT;
    c->smallest = min_of(min_of(config->element_max, config->member_max), KEY_TEXT_MAX);
    buf_init(&c->held, max_of(max_of(config->element_max, config->member_max), KEY_TEXT_MAX) + 1);
    buf_init(&c->key, LIMIT_JSON_KEY_BYTES);
    int err = json_scan_create(on_event, c, &c->scan);
    if (err < 0) {
        json_cutter_free(c);
        return err;
    }
    *ret_cutter = c;
    return 0;
}

void json_cutter_free(struct json_cutter *c)
{
    if (c == NULL)
        return;
    json_scan_free(c->scan);
    buf_free(&c->held);
    buf_free(&c->key);
    free(c);
}

/* Feeds a piece too short to carry anything, held or new in it, more than one byte beyond its bound. */
static int feed_piece(struct json_cutter *c, const char *data, size_t len, struct json_fault *ret_fault)
{
    c->piece = data;
    c->used = 0;
    c->err = 0;
    c->reason = NULL;
    int err = json_scan_feed(c->scan, data, len, ret_fault);
    if (err < 0) {
        describe(c, ret_fault);
        return err;
    }
    const char *rest = data + c->used;
    size_t rest_len = len - c->used;
    if (buf_len(&c->held) == 0) {
        size_t skipped = skip_separators(rest, rest_len);
        rest += skipped;
        rest_len -= skipped;
    }
    c->fed += len;
    err = buf_append(&c->held, rest, rest_len);
    if (err == 0 && buf_len(&c->held) > largest(c)) {
        err = refuse_size(c, c->fed);
        describe(c, ret_fault);
    }
    return err;
}

int json_cutter_feed(struct json_cutter *c, const char *data, size_t len, struct json_fault *ret_fault)
{
    while (len > 0) {
        size_t n = min_of(len, min_of(largest(c) - buf_len(&c->held), c->smallest) + 1);
        int err = feed_piece(c, data, n, ret_fault);
        if (err < 0)
            return err;
        data += n;
        len -= n;
    }
    return 0;
}

int json_cutter_finish(struct json_cutter *c, struct json_fault *ret_fault)
{
    c->piece = "";
    c->used = 0;
    c->err = 0;
    c->reason = NULL;
    int err = json_scan_finish(c->scan, ret_fault);
    if (err < 0)
        describe(c, ret_fault);
    return err;
}
