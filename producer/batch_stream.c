/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_stream.h"

#include <stdlib.h>

#include "common/base/buf.h"
#include "common/json/json.h"
#include "producer/answer.h"
#include "producer/call_rows.h"

static const char CALLS_OPEN[] = ",\"recentCalls\":[";
static const char CALLS_CLOSE[] = "]}";

struct batch_stream {
    struct export_place *place; /* NULL: none yet */
    struct batch_status *status;
    bool is_opened; /* the status is written, */
    bool has_calls; /* and a call */
    uint64_t end; /* the calls from here on are */
    struct call_rows *rows; /* being read */
};

static void batch_stream_free(void *state)
{
    struct batch_stream *s = state;
    api_give_export(s->place);
    batch_status_free(s->status);
    call_rows_free(s->rows);
    free(s);
}

/* The object but for its closing brace, then the beginning of its last member. */
static int open_status(struct batch_stream *s, struct buf *out)
{
    cJSON *body = batch_status_take_body(s->status);
    struct buf text;
    buf_init(&text, LIMIT_ANSWER_BYTES);
    int err = json_print(body, &text);
    if (!err)
        err = buf_append(out, buf_str(&text), buf_len(&text) - 1);
    if (!err)
        err = buf_append_str(out, CALLS_OPEN);
    buf_free(&text);
    cJSON_Delete(body);
    s->is_opened = true;
    return err;
}

static int append_calls(struct batch_stream *s, struct buf *out)
{
    size_t n = call_rows_count(s->rows);
    int err = call_rows_append_json(s->rows, !s->has_calls, out);
    s->has_calls = s->has_calls || n > 0;
    s->end -= n;
    call_rows_free(s->rows);
    s->rows = NULL;
    return err;
}

static void on_rows(struct exchange *x, int err, void *arg)
{
    struct batch_stream *s = arg;
    struct buf out;
    buf_init(&out, LIMIT_HTTP_STREAM_BYTES);
    if (!err && !call_rows_have_records(s->rows))
        err = ERR_NOT_FOUND;
    if (!err && !s->is_opened)
        err = open_status(s, &out);
    if (!err)
        err = append_calls(s, &out);
    if (!err && s->end == 0)
        err = buf_append_str(&out, CALLS_CLOSE);
    if (!err)
        err = exchange_write(x, buf_str(&out), buf_len(&out));
    if (err)
        exchange_fail(x, err);
    else if (s->end == 0)
        exchange_finish(x);
    buf_free(&out);
}

/* The client has taken what there was. */
static void read_on(struct exchange *x)
{
    struct batch_stream *s = exchange_kept(x);
    uint64_t first = s->end > LIMIT_EXPORT_ROWS ? s->end - LIMIT_EXPORT_ROWS : 0;
    int err = call_rows_create(batch_status_scope(s->status), first, s->end, &s->rows);
    if (err)
        exchange_fail(x, err);
    else
        call_rows_read(s->rows, x, CALL_ROWS_PLAIN, on_rows, s);
}

static void on_status(struct exchange *x, struct batch_status *status, void *arg)
{
    struct batch_stream *s = arg;
    s->end = batch_status_scope(status)->total;
    const struct http_header header = {"Cache-Control", "no-store"};
    exchange_stream(x, "application/json", &header, 1, read_on);
}

void batch_stream_take(struct exchange *x, struct batch_status *status)
{
    struct batch_stream *s = calloc(1, sizeof *s);
    if (!s) {
        batch_status_free(status);
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    s->status = status;
    exchange_keep(x, s, batch_stream_free);
    s->place = api_take_export(exchange_api(x), exchange_identity(x)->tenant);
    if (!s->place) {
        exchange_error(x, 503, CODE_BUSY, EXPORTS_BUSY, NULL);
        return;
    }
    batch_status_read(status, x, on_status, s);
}
