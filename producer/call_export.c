/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/call_export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/domain/contact_record.h"
#include "producer/answer.h"
#include "producer/batch_lookup.h"
#include "producer/call_rows.h"
#include "producer/exchange.h"
#include "producer/export_text.h"

struct call_export {
    struct export_place *place; /* among the producer's exports; NULL: none yet */
    struct batch_lookup batch;
    bool is_csv;
    struct call_filter filter;
    struct call_scope scope;
    uint64_t next; /* the ordinal to go on with */
    struct call_rows *rows; /* being read */
    struct contact contact; /* of one row after the other */
    struct export_columns columns;
    bool has_header;
};

static void call_export_free(void *state)
{
    struct call_export *e = state;
    api_give_export(e->place);
    call_rows_free(e->rows);
    contact_free(&e->contact);
    export_columns_free(&e->columns);
    free(e);
}

/* ---- writing ---- */

static int read_contact(struct call_export *e, const struct call_view *call)
{
    bool is_elsewhere;
    const struct call_bytes *record = call->record, *extra = call->extra, *columns = call_rows_columns(e->rows);
    int err = contact_record_unpack(&e->contact, record->text, record->len, &is_elsewhere);
    if (!err && is_elsewhere && extra->text)
        err = contact_record_attach_metadata(&e->contact, extra->text, extra->len);
    if (!err)
        err = contact_record_attach_columns(&e->contact, columns->text ? columns->text : "", columns->len);
    return err == ERR_INVALID || err == ERR_NOT_FOUND ? ERR_PROTOCOL : err;
}

static int write_row(struct call_export *e, const struct call_view *call, struct buf *out)
{
    int err = read_contact(e, call);
    if (err)
        return err;
    return e->is_csv ? export_text_csv_row(&e->columns, call, &e->contact, out)
                     : export_text_ndjson_row(call, &e->contact, out);
}

/* The first rows that are read decide which columns there are; all contacts of a CSV upload have the same. */
static int write_header(struct call_export *e, struct buf *out)
{
    struct call_view call;
    struct call_filter all = {.has_status = false};
    int err = 0;
    e->has_header = true;
    for (size_t i = 0; i < call_rows_count(e->rows) && !err; i++) {
        (void)call_rows_view(e->rows, i, &all, &call);
        err = read_contact(e, &call);
        if (!err)
            err = export_columns_add(&e->columns, &e->contact);
    }
    return err ? err : export_text_csv_header(&e->columns, out);
}

static int write_rows(struct call_export *e, struct buf *out)
{
    struct call_view call;
    int err = e->is_csv && !e->has_header ? write_header(e, out) : 0;
    for (size_t i = 0; i < call_rows_count(e->rows) && !err; i++) {
        if (call_rows_view(e->rows, i, &e->filter, &call))
            err = write_row(e, &call, out);
    }
    e->next += call_rows_count(e->rows);
    call_rows_free(e->rows);
    e->rows = NULL;
    return err;
}

/* ---- from piece to piece ---- */

static void read_on(struct exchange *x);

static void on_rows(struct exchange *x, int err, void *arg)
{
    struct call_export *e = arg;
    struct buf out;
    buf_init(&out, LIMIT_HTTP_STREAM_BYTES);
    if (!err && !call_rows_have_records(e->rows))
        err = ERR_NOT_FOUND; /* a file that is not whole says so: it breaks off */
    if (!err)
        err = write_rows(e, &out);
    if (!err && buf_len(&out) > 0)
        err = exchange_write(x, buf_str(&out), buf_len(&out));
    if (err)
        exchange_fail(x, err);
    else if (e->next >= e->scope.total)
        exchange_finish(x);
    else if (buf_len(&out) == 0)
        read_on(x); /* the filter wanted none of them */
    buf_free(&out);
}

/* The client has taken what there was. */
static void read_on(struct exchange *x)
{
    struct call_export *e = exchange_kept(x);
    uint64_t left = e->scope.total - e->next;
    uint64_t end = e->next + (left > LIMIT_EXPORT_ROWS ? LIMIT_EXPORT_ROWS : left);
    int err = call_rows_create(&e->scope, e->next, end, &e->rows);
    if (err)
        exchange_fail(x, err);
    else
        call_rows_read(e->rows, x, CALL_ROWS_WHOLE, on_rows, e);
}

static void on_report(struct exchange *x, const struct batch_report *report, void *arg)
{
    struct call_export *e = arg;
    char disposition[LIMIT_BATCH_ID_LEN + 64];
    if (!report) {
        exchange_not_found(x);
        return;
    }
    e->scope = call_scope_of(report);
    (void)snprintf(disposition, sizeof disposition, "attachment; filename=\"%s.%s\"", e->batch.id,
                   e->is_csv ? "csv" : "ndjson");
    const struct http_header headers[] = {{"Content-Disposition", disposition}, {"Cache-Control", "no-store"}};
    exchange_stream(x, e->is_csv ? "text/csv; charset=utf-8; header=present" : "application/x-ndjson", headers, 2,
                    read_on);
}

/* ---- what is asked ---- */

static bool read_query(struct exchange *x, struct call_export *e)
{
    const char *format = http_request_query(exchange_request(x), "format");
    struct faults faults;
    faults_init(&faults, LIMIT_FAULTS);
    e->is_csv = !format || strcmp(format, "csv") == 0;
    if (!e->is_csv && strcmp(format, "ndjson") != 0)
        faults_add(&faults, "format", FAULT_NOT_ALLOWED, "must be csv or ndjson");
    call_filter_read(exchange_request(x), &e->filter, &faults);
    return exchange_take_faults(x, &faults);
}

/* Counts it among the producer's exports. */
static bool take_place(struct exchange *x, struct call_export *e)
{
    e->place = api_take_export(exchange_api(x), exchange_identity(x)->tenant);
    if (!e->place)
        exchange_error(x, 503, CODE_BUSY, EXPORTS_BUSY, NULL);
    return e->place != NULL;
}

static void run(struct exchange *x)
{
    static const char *const known[] = {"format", "status", "outcome"};
    struct call_export *e = calloc(1, sizeof *e);
    if (!e || contact_init(&e->contact) != 0) {
        free(e);
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    exchange_keep(x, e, call_export_free);
    if (exchange_knows_query(x, known, sizeof known / sizeof known[0]) && exchange_batch_id(x, e->batch.id) &&
        read_query(x, e) && take_place(x, e))
        batch_lookup_ask(&e->batch, x, on_report, e);
}

void call_export(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run);
}
