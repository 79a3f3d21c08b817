/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/event_reader.h"

#include <stdint.h>
#include <string.h>

#include "common/base/parse.h"

#define RETRY_MOST_MS 3600000u

void event_reader_init(struct event_reader *r, size_t max, event_fn fn, void *arg)
{
    *r = (struct event_reader){.fn = fn, .arg = arg};
    buf_init(&r->line, max);
    buf_init(&r->data, max);
}

void event_reader_free(struct event_reader *r)
{
    buf_free(&r->line);
    buf_free(&r->data);
}

static void begin_event(struct event_reader *r)
{
    r->name[0] = '\0';
    r->has_data = false;
    buf_clear(&r->data);
}

void event_reader_restart(struct event_reader *r)
{
    begin_event(r);
    buf_clear(&r->line);
    memcpy(r->id, r->last_id, sizeof r->id);
    r->is_behind_cr = false;
}

/* Too long a text is none. */
static void keep(char *ret, size_t cap, const char *text, size_t len)
{
    if (len >= cap || memchr(text, '\0', len))
        return;
    memcpy(ret, text, len);
    ret[len] = '\0';
}

static int take_field(struct event_reader *r, const char *field, size_t field_len, const char *value, size_t len)
{
    uint64_t retry_ms;
    int err = 0;
    if (field_len == 4 && memcmp(field, "data", 4) == 0) {
        if (r->has_data)
            err = buf_append_char(&r->data, '\n');
        r->has_data = true;
        return err ? err : buf_append(&r->data, value, len);
    }
    if (field_len == 5 && memcmp(field, "event", 5) == 0)
        keep(r->name, sizeof r->name, value, len);
    else if (field_len == 2 && memcmp(field, "id", 2) == 0)
        keep(r->id, sizeof r->id, value, len);
    else if (field_len == 5 && memcmp(field, "retry", 5) == 0 && parse_u64(value, len, RETRY_MOST_MS, &retry_ms) == 0)
        r->retry_ms = (unsigned)retry_ms;
    return 0;
}

static int end_event(struct event_reader *r)
{
    bool goes_on = true;
    memcpy(r->last_id, r->id, sizeof r->last_id);
    if (r->has_data)
        goes_on = r->fn(r->name[0] ? r->name : "message", buf_str(&r->data), buf_len(&r->data), r->arg);
    begin_event(r);
    return goes_on ? 0 : ERR_CLOSED;
}

static int end_line(struct event_reader *r)
{
    const char *line = buf_str(&r->line);
    size_t len = buf_len(&r->line);
    const char *colon = memchr(line, ':', len);
    int err = 0;
    if (len == 0) {
        err = end_event(r);
    } else if (colon != line) {
        size_t field_len = colon ? (size_t)(colon - line) : len;
        size_t skipped = !colon ? len : field_len + 1 + (field_len + 1 < len && colon[1] == ' ');
        err = take_field(r, line, field_len, line + skipped, len - skipped);
    }
    buf_clear(&r->line);
    return err;
}

int event_reader_take(struct event_reader *r, const char *data, size_t len)
{
    int err = 0;
    while (len > 0 && !err) {
        size_t n = 0;
        if (r->is_behind_cr && *data == '\n') {
            r->is_behind_cr = false;
            data++;
            len--;
            continue;
        }
        while (n < len && data[n] != '\n' && data[n] != '\r')
            n++;
        r->is_behind_cr = n < len && data[n] == '\r';
        err = buf_append(&r->line, data, n);
        if (!err && n < len)
            err = end_line(r);
        data += n + (n < len);
        len -= n + (n < len);
    }
    return err;
}
