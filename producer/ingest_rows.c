/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/ingest_rows.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/domain/contact.h"
#include "common/domain/contact_csv.h"
#include "common/domain/csv.h"
#include "common/json/json.h"
#include "producer/ingest_reject.h"

#define CONTACTS_KEY "contacts"
#define USER_BYTES ((size_t)4 * LIMIT_AGENT_ID_LEN)
#define WARNINGS_MAX 20

struct ingest_rows {
    enum ingest_form form;
    struct ingest_pack *pack;
    struct contact contact; /* the one being read */
    struct faults row_faults; /* of it */
    struct faults faults;
    struct faults warnings;
    uint64_t rejected;
    char user_id[USER_BYTES + 1];

    /* JSON: a bare list is read as if it stood in an object */
    struct json_cutter *cutter;
    bool has_begun;
    bool is_bare_list;

    /* NDJSON */
    struct buf line; /* what came of a line in earlier pieces */
    bool is_line_too_long; /* its rest is dropped */
    uint64_t row;

    /* CSV */
    struct csv_reader *csv;
    struct contact_columns *columns;
};

/* ---- a row ---- */

/* The contact was read: it is packed, or its faults are. `err` is what the reading returned. */
static int take_row(struct ingest_rows *r, uint64_t row, int err, const struct ingest_reject_source *source)
{
    if (err == 0)
        return ingest_pack_add(r->pack, &r->contact, row);
    if (err != ERR_INVALID)
        return err;
    r->rejected++;
    err = ingest_reject_row(r->pack, row, &r->row_faults, source);
    faults_free(&r->row_faults);
    return err;
}

static int reject_whole(struct ingest_rows *r, uint64_t row, const char *code)
{
    r->rejected++;
    return ingest_reject_whole(r->pack, row, code);
}

static int take_json(struct ingest_rows *r, uint64_t row, const char *text, size_t len)
{
    const struct ingest_reject_source source = {.json = text, .json_len = len};
    faults_at(&r->warnings, "row %" PRIu64, row);
    int err = contact_read_json(&r->contact, text, len, &r->row_faults, &r->warnings);
    faults_at(&r->warnings, "%s", "");
    return take_row(r, row, err, &source);
}

/* ---- JSON ---- */

static int on_member(const char *key, const char *value, size_t len, void *arg)
{
    struct ingest_rows *r = arg;
    cJSON *user = NULL;
    if (r->is_bare_list) { /* it stands in no object but ours */
        faults_add(&r->faults, "", FAULT_SYNTAX, "text after the value");
        return 0;
    }
    if (strcmp(key, CONTACTS_KEY) == 0) {
        faults_add(&r->faults, key, FAULT_TYPE, "must be a list");
        return 0;
    }
    if (strcmp(key, "userId") != 0) {
        faults_add(&r->faults, key, FAULT_UNKNOWN_FIELD, "is not a known field");
        return 0;
    }
    int err = json_parse(value, len, &user, NULL);
    if (err == ERR_NOMEM)
        return err;
    if (!err && cJSON_IsString(user) && user->valuestring[0] && strlen(user->valuestring) <= USER_BYTES)
        memcpy(r->user_id, user->valuestring, strlen(user->valuestring) + 1);
    else
        faults_add(&r->faults, key, FAULT_TYPE, "must be a string");
    cJSON_Delete(user);
    return 0;
}

static int on_list(void *arg)
{
    struct ingest_rows *r = arg;
    r->row = 1;
    return 0;
}

static int on_element(size_t index, const char *value, size_t len, void *arg)
{
    return take_json(arg, (uint64_t)index + 1, value, len);
}

static int cut(struct ingest_rows *r, int err, const struct json_fault *fault)
{
    if (err == ERR_INVALID || err == ERR_TOO_LARGE) {
        faults_add_path(&r->faults, err == ERR_INVALID ? FAULT_SYNTAX : FAULT_LENGTH, fault->reason, "%s", fault->path);
        return ERR_INVALID;
    }
    return !err && faults_count(&r->faults) > 0 ? ERR_INVALID : err;
}

static int feed_json(struct ingest_rows *r, const char *data, size_t len)
{
    static const char opening[] = "{\"" CONTACTS_KEY "\":";
    struct json_fault fault = {.path = "", .reason = "is too large"};
    while (!r->has_begun && len > 0 && isspace((unsigned char)*data)) {
        data++;
        len--;
    }
    if (len == 0)
        return 0;
    int err = 0;
    if (!r->has_begun) {
        r->has_begun = true;
        r->is_bare_list = *data == '[';
        if (r->is_bare_list)
            err = json_cutter_feed(r->cutter, opening, sizeof opening - 1, &fault);
    }
    if (!err)
        err = json_cutter_feed(r->cutter, data, len, &fault);
    return cut(r, err, &fault);
}

static int finish_json(struct ingest_rows *r)
{
    struct json_fault fault = {.path = "", .reason = "is cut short"};
    int err = r->is_bare_list ? json_cutter_feed(r->cutter, "}", 1, &fault) : 0;
    if (!err)
        err = json_cutter_finish(r->cutter, &fault);
    if (!err && r->row == 0)
        faults_add(&r->faults, CONTACTS_KEY, FAULT_REQUIRED, "must be a list of contacts");
    return cut(r, err, &fault);
}

static int begin_json(struct ingest_rows *r)
{
    const struct json_cutter_config config = {
        .array_key = CONTACTS_KEY,
        .element_max = LIMIT_CONTACT_JSON_BYTES,
        .member_max = LIMIT_CONTACT_JSON_BYTES,
        .on_member = on_member,
        .on_array = on_list,
        .on_element = on_element,
        .arg = r,
    };
    return json_cutter_create(&config, &r->cutter);
}

/* ---- NDJSON ---- */

static const char BYTE_ORDER_MARK[] = "\xEF\xBB\xBF"; /* that some programs write in front of UTF-8 */

static bool is_blank(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
            return false;
    }
    return true;
}

static int end_line(struct ingest_rows *r, const char *text, size_t len)
{
    bool is_too_long = r->is_line_too_long || len > LIMIT_CONTACT_JSON_BYTES;
    r->row++;
    r->is_line_too_long = false;
    if (is_too_long)
        return reject_whole(r, r->row, csv_fault_name(CSV_FAULT_ROW_TOO_LONG));
    if (r->row == 1 && len >= sizeof BYTE_ORDER_MARK - 1 &&
        memcmp(text, BYTE_ORDER_MARK, sizeof BYTE_ORDER_MARK - 1) == 0) {
        text += sizeof BYTE_ORDER_MARK - 1;
        len -= sizeof BYTE_ORDER_MARK - 1;
    }
    return is_blank(text, len) ? 0 : take_json(r, r->row, text, len);
}

/* A line, or what there is of it, behind what came of it before. */
static int hold_line(struct ingest_rows *r, const char *text, size_t len)
{
    if (r->is_line_too_long || buf_len(&r->line) + len > LIMIT_CONTACT_JSON_BYTES) {
        r->is_line_too_long = true;
        buf_clear(&r->line);
        return 0;
    }
    return buf_append(&r->line, text, len);
}

static int feed_ndjson(struct ingest_rows *r, const char *data, size_t len)
{
    int err = 0;
    while (!err && len > 0) {
        const char *newline = memchr(data, '\n', len);
        size_t n = newline ? (size_t)(newline - data) : len;
        if (newline && buf_len(&r->line) == 0) {
            err = end_line(r, data, n);
        } else {
            err = hold_line(r, data, n);
            if (!err && newline) {
                err = end_line(r, buf_str(&r->line), buf_len(&r->line));
                buf_clear(&r->line);
            }
        }
        n += newline != NULL;
        data += n;
        len -= n;
    }
    return err;
}

static int finish_ndjson(struct ingest_rows *r)
{
    bool has_rest = buf_len(&r->line) > 0 || r->is_line_too_long;
    return has_rest ? end_line(r, buf_str(&r->line), buf_len(&r->line)) : 0;
}

/* ---- CSV ---- */

static int on_header(struct csv_position at, const struct csv_field *fields, size_t n, void *arg)
{
    (void)at;
    struct ingest_rows *r = arg;
    return contact_columns_create(fields, n, &r->faults, &r->warnings, &r->columns);
}

static int on_row(struct csv_position at, const struct csv_field *fields, size_t n, void *arg)
{
    struct ingest_rows *r = arg;
    const struct ingest_reject_source source = {.columns = r->columns, .fields = fields, .n_fields = n};
    return take_row(r, at.row, contact_read_csv_row(&r->contact, r->columns, fields, n, &r->row_faults), &source);
}

static int on_csv_fault(struct csv_position at, enum csv_fault fault, const char *detail, void *arg)
{
    struct ingest_rows *r = arg;
    if (r->columns)
        return reject_whole(r, at.row, csv_fault_name(fault));
    faults_add(&r->faults, "header", csv_fault_name(fault), "%s", detail);
    return 0;
}

static int finish_csv(struct ingest_rows *r)
{
    int err = csv_reader_finish(r->csv);
    if (err != ERR_NOT_FOUND)
        return err;
    faults_add(&r->faults, "header", FAULT_REQUIRED, "is required: the first line names the columns");
    return ERR_INVALID;
}

static int begin_csv(struct ingest_rows *r)
{
    const struct csv_config config = {.on_header = on_header, .on_row = on_row, .on_fault = on_csv_fault, .arg = r};
    return csv_reader_create(&config, &r->csv);
}

/* ---- any of them ---- */

int ingest_rows_create(enum ingest_form form, struct ingest_pack *pack, struct ingest_rows **ret_rows)
{
    struct ingest_rows *r = calloc(1, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    r->form = form;
    r->pack = pack;
    faults_init(&r->row_faults, LIMIT_ROW_FAULTS);
    faults_init(&r->faults, LIMIT_FAULTS);
    faults_init(&r->warnings, WARNINGS_MAX);
    buf_init(&r->line, LIMIT_CONTACT_JSON_BYTES);
    int err = contact_init(&r->contact);
    if (!err && form == INGEST_FORM_JSON)
        err = begin_json(r);
    else if (!err && form == INGEST_FORM_CSV)
        err = begin_csv(r);
    if (err) {
        ingest_rows_free(r);
        return err;
    }
    *ret_rows = r;
    return 0;
}

void ingest_rows_free(struct ingest_rows *r)
{
    if (!r)
        return;
    json_cutter_free(r->cutter);
    csv_reader_free(r->csv);
    contact_columns_free(r->columns);
    buf_free(&r->line);
    contact_free(&r->contact);
    faults_free(&r->row_faults);
    faults_free(&r->faults);
    faults_free(&r->warnings);
    free(r);
}

int ingest_rows_feed(struct ingest_rows *r, const char *data, size_t len)
{
    switch (r->form) {
    case INGEST_FORM_JSON:
        return feed_json(r, data, len);
    case INGEST_FORM_NDJSON:
        return feed_ndjson(r, data, len);
    case INGEST_FORM_CSV:
        return csv_reader_feed(r->csv, data, len);
    }
    return 0;
}

static int finish(struct ingest_rows *r)
{
    switch (r->form) {
    case INGEST_FORM_JSON:
        return finish_json(r);
    case INGEST_FORM_NDJSON:
        return finish_ndjson(r);
    case INGEST_FORM_CSV:
        return finish_csv(r);
    }
    return 0;
}

int ingest_rows_finish(struct ingest_rows *r)
{
    int err = finish(r);
    ingest_pack_end(r->pack);
    return err;
}

uint64_t ingest_rows_rejected(const struct ingest_rows *r)
{
    return r->rejected;
}

const char *ingest_rows_user_id(const struct ingest_rows *r)
{
    return r->user_id;
}

const struct faults *ingest_rows_faults(const struct ingest_rows *r)
{
    return &r->faults;
}

const struct faults *ingest_rows_warnings(const struct ingest_rows *r)
{
    return &r->warnings;
}
