/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/call_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ident.h"
#include "common/base/utf8.h"
#include "common/domain/call_text.h"
#include "common/domain/contact_record.h"
#include "common/domain/phone.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/instant.h"

#define ORDINAL_LEN 21
#define RECORDING_FIELD_LEN (ORDINAL_LEN + 10) /* "<ordinal>:recording" */

struct row {
    uint64_t ordinal;
    bool is_reached; /* its turn has come: it has a state text */
    struct call_text text;
    uint64_t phone; /* 0, and no name or id, where its record is gone */
    char *name;
    char *contact_id;
    char *recording; /* NULL: none */
    struct call_bytes summary, record, extra; /* only where rows are read whole */
};

/* A bucket's part of the rows, for one command's answer. */
struct piece {
    struct call_rows *rows;
    size_t first; /* index of a row */
    size_t n;
};

#define PIECES_MAX (CALL_ROWS_MAX / LIMIT_BUCKET + 2)

struct call_rows {
    struct call_scope scope;
    size_t n;
    struct row *rows;
    struct call_bytes columns; /* only where rows are read whole */
    size_t n_pieces;
    struct piece pieces[PIECES_MAX];
    size_t awaited; /* replies */
    int err; /* the first */
    call_rows_fn fn;
    void *arg;
};

static void cut_into_pieces(struct call_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        if (i == 0 || rows->rows[i].ordinal % LIMIT_BUCKET == 0)
            rows->pieces[rows->n_pieces++] = (struct piece){rows, i, 0};
        rows->pieces[rows->n_pieces - 1].n++;
    }
}

struct call_scope call_scope_of(const struct batch_report *report)
{
    struct call_scope scope = {
        .total = (uint64_t)report->total,
        .created_ms = report->created_ms,
        .is_cut = report->state == BATCH_STATE_CANCELLING || report->state == BATCH_STATE_CANCELLED ||
                  report->state == BATCH_STATE_FAILED || report->expired_ms != 0,
        .cut_outcome = report->expired_ms != 0 ? OUTCOME_EXPIRED : OUTCOME_CANCELLED,
    };
    memcpy(scope.batch_id, report->id, strlen(report->id) + 1);
    return scope;
}

int call_rows_create(const struct call_scope *scope, uint64_t first, uint64_t end, struct call_rows **ret_rows)
{
    struct call_rows *rows = calloc(1, sizeof *rows);
    if (!rows)
        return ERR_NOMEM;
    rows->n = end > first ? (size_t)(end - first) : 0;
    rows->n = rows->n > CALL_ROWS_MAX ? CALL_ROWS_MAX : rows->n;
    rows->rows = calloc(rows->n + 1, sizeof rows->rows[0]);
    if (!rows->rows) {
        free(rows);
        return ERR_NOMEM;
    }
    rows->scope = *scope;
    for (size_t i = 0; i < rows->n; i++) {
        rows->rows[i].ordinal = first + i;
        call_text_init(&rows->rows[i].text);
    }
    cut_into_pieces(rows);
    *ret_rows = rows;
    return 0;
}

void call_rows_free(struct call_rows *rows)
{
    if (!rows)
        return;
    for (size_t i = 0; i < rows->n; i++) {
        free(rows->rows[i].name);
        free(rows->rows[i].contact_id);
        free(rows->rows[i].recording);
        free(rows->rows[i].summary.text);
        free(rows->rows[i].record.text);
        free(rows->rows[i].extra.text);
    }
    free(rows->columns.text);
    free(rows->rows);
    free(rows);
}

/* ---- reading ---- */

static int keep(struct call_bytes *bytes, const char *data, size_t len)
{
    bytes->text = malloc(len + 1);
    if (!bytes->text)
        return ERR_NOMEM;
    memcpy(bytes->text, data, len);
    bytes->text[len] = '\0';
    bytes->len = len;
    return 0;
}

static int keep_record(struct row *row, const char *data, size_t len)
{
    return keep(&row->record, data, len);
}

static int keep_extra(struct row *row, const char *data, size_t len)
{
    return keep(&row->extra, data, len);
}

/* What is no text is left out: it came from a platform. */
static int keep_summary(struct row *row, const char *data, size_t len)
{
    return utf8_is_valid(data, len) && !memchr(data, '\0', len) ? keep(&row->summary, data, len) : 0;
}

static int take_record(struct row *row, const char *data, size_t len)
{
    struct contact contact;
    bool is_elsewhere;
    int err = contact_init(&contact);
    if (err)
        return err;
    err = contact_record_unpack(&contact, data, len, &is_elsewhere);
    if (!err) {
        const char *name = contact_display_name(&contact);
        row->phone = contact.phone;
        row->name = strdup(name);
        row->contact_id = contact.id[0] ? strdup(contact.id) : NULL;
        err = row->name && (row->contact_id || !contact.id[0]) ? 0 : ERR_NOMEM;
    }
    contact_free(&contact);
    return err == ERR_INVALID ? ERR_PROTOCOL : err;
}

static int take_state(struct row *row, const char *data, size_t len)
{
    int err = call_text_parse(data, len, &row->text);
    row->is_reached = err == 0;
    return err ? ERR_PROTOCOL : 0;
}

static int take_recording(struct row *row, const char *data, size_t len)
{
    row->recording = strndup(data, len);
    return row->recording ? 0 : ERR_NOMEM;
}

typedef int (*take_fn)(struct row *row, const char *data, size_t len);

static void take_answer(struct exchange *x, struct call_rows *rows, int err)
{
    if (err && !rows->err)
        rows->err = err;
    if (--rows->awaited == 0)
        rows->fn(x, rows->err, rows->arg);
}

/* One HMGET's answer: what is absent is passed over. */
static void take_piece(struct exchange *x, const struct redisReply *reply, int err, const struct piece *piece,
                       take_fn take)
{
    struct call_rows *rows = piece->rows;
    for (size_t i = 0; !err && i < piece->n; i++) {
        const struct redisReply *value = reply_at(reply, i);
        const char *data;
        size_t len;
        if (reply_is_nil(value))
            continue;
        err = reply_str(value, &data, &len);
        if (!err)
            err = take(&rows->rows[piece->first + i], data, len);
    }
    take_answer(x, rows, err);
}

static void on_records(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    take_piece(x, reply, err, arg, take_record);
}

static void on_whole_records(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    take_piece(x, reply, err, arg, keep_record);
}

static void on_extras(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    take_piece(x, reply, err, arg, keep_extra);
}

static void on_summaries(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    take_piece(x, reply, err, arg, keep_summary);
}

static void on_states(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    take_piece(x, reply, err, arg, take_state);
}

static void on_recordings(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    take_piece(x, reply, err, arg, take_recording);
}

static void on_columns(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct call_rows *rows = arg;
    const char *data;
    size_t len;
    if (!err && !reply_is_nil(reply)) {
        err = reply_str(reply, &data, &len);
        if (!err)
            err = keep(&rows->columns, data, len);
    }
    take_answer(x, rows, err);
}

static void ask_columns(struct exchange *x, struct call_rows *rows)
{
    struct key key = key_batch_columns(exchange_identity(x)->cell, rows->scope.batch_id);
    const struct redis_arg args[] = {redis_arg_str("GET"), key_arg(&key)};
    rows->err = exchange_command(x, args, 2, on_columns, rows);
    rows->awaited += rows->err == 0;
}

/* HMGET of the piece's rows; `suffix` follows each ordinal in its field's name. */
static void ask(struct exchange *x, struct piece *piece, const struct key *key, const char *suffix,
                exchange_reply_fn fn)
{
    struct call_rows *rows = piece->rows;
    struct redis_arg args[2 + LIMIT_BUCKET];
    char fields[LIMIT_BUCKET][RECORDING_FIELD_LEN + 1];
    if (rows->err)
        return;
    args[0] = redis_arg_str("HMGET");
    args[1] = key_arg(key);
    for (size_t i = 0; i < piece->n; i++) {
        (void)snprintf(fields[i], sizeof fields[i], "%" PRIu64 "%s", rows->rows[piece->first + i].ordinal, suffix);
        args[2 + i] = redis_arg_str(fields[i]);
    }
    int err = exchange_command(x, args, 2 + piece->n, fn, piece);
    if (err)
        rows->err = err;
    else
        rows->awaited++;
}

static void ask_piece(struct exchange *x, struct piece *piece, enum call_rows_depth depth)
{
    const char *cell = exchange_identity(x)->cell, *id = piece->rows->scope.batch_id;
    uint64_t bucket = piece->rows->rows[piece->first].ordinal / LIMIT_BUCKET;
    struct key contacts = key_batch_contacts(cell, id, bucket), extras = key_batch_extra(cell, id, bucket);
    struct key states = key_batch_state(cell, id, bucket), texts = key_batch_texts(cell, id, bucket);
    bool is_whole = depth == CALL_ROWS_WHOLE;
    ask(x, piece, &contacts, "", is_whole ? on_whole_records : on_records);
    ask(x, piece, &states, "", on_states);
    if (depth != CALL_ROWS_PLAIN)
        ask(x, piece, &texts, ":recording", on_recordings);
    if (is_whole) {
        ask(x, piece, &texts, ":summary", on_summaries);
        ask(x, piece, &extras, "", on_extras);
    }
}

void call_rows_read(struct call_rows *rows, struct exchange *x, enum call_rows_depth depth, call_rows_fn fn, void *arg)
{
    rows->fn = fn;
    rows->arg = arg;
    if (depth == CALL_ROWS_WHOLE && rows->n > 0)
        ask_columns(x, rows);
    for (size_t i = 0; i < rows->n_pieces; i++)
        ask_piece(x, &rows->pieces[i], depth);
    if (rows->awaited == 0)
        fn(x, rows->err, arg);
}

/* ---- telling ---- */

static bool add_duration(cJSON *object, const struct call_text *text)
{
    if (text->duration_s < 0)
        return cJSON_AddNullToObject(object, "duration") != NULL;
    return json_add_i64(object, "duration", text->duration_s) != NULL;
}

static bool add_phone(cJSON *object, const struct row *row)
{
    char phone[PHONE_TEXT_LEN + 1];
    phone_format(row->phone, phone);
    return json_add_str(object, "phoneNumber", row->phone ? phone : NULL) != NULL;
}

static bool was_cut(const struct call_rows *rows, const struct row *row)
{
    return rows->scope.is_cut && !row->is_reached;
}

static enum call_status row_status(const struct call_rows *rows, const struct row *row)
{
    if (was_cut(rows, row))
        return outcome_row(rows->scope.cut_outcome)->status;
    return call_state_status(row->text.state, row->text.has_outcome, row->text.outcome);
}

/* How the last attempt ended. False before the first has, and while another is under way. */
static bool row_outcome(const struct call_rows *rows, const struct row *row, enum outcome *ret_outcome)
{
    bool is_cut = was_cut(rows, row);
    *ret_outcome = is_cut ? rows->scope.cut_outcome : row->text.outcome;
    return is_cut || (row->text.has_outcome && row_status(rows, row) != CALL_STATUS_ONGOING);
}

/* How the last attempt failed, or NULL. */
static const char *row_error(const struct call_rows *rows, const struct row *row)
{
    enum call_status status = row_status(rows, row);
    enum outcome outcome;
    if (status != CALL_STATUS_MISSED && status != CALL_STATUS_FAILED)
        return NULL;
    return row_outcome(rows, row, &outcome) ? outcome_name(outcome) : NULL;
}

static bool add_call_id(const struct call_rows *rows, const struct row *row, cJSON *object, const char *name)
{
    char id[LIMIT_CALL_ID_LEN + 1];
    return ident_make_call(rows->scope.batch_id, row->ordinal, id) == 0 && json_add_str(object, name, id) != NULL;
}

static bool add_recent(const struct call_rows *rows, const struct row *row, cJSON *object)
{
    const struct call_text *text = &row->text;
    return add_call_id(rows, row, object, "id") &&
           json_add_str(object, "callSid", text->provider_id[0] ? text->provider_id : NULL) &&
           json_add_str(object, "status", call_status_name(row_status(rows, row))) && add_duration(object, text) &&
           instant_add(object, "createdAt", text->begin_ms ? text->begin_ms : rows->scope.created_ms) &&
           add_phone(object, row) && json_add_str(object, "contactName", row->name);
}

static bool add_live(const struct call_rows *rows, const struct row *row, cJSON *object)
{
    return add_call_id(rows, row, object, "callId") &&
           json_add_str(object, "status", call_status_name(row_status(rows, row))) &&
           instant_add(object, "startTime", row->text.begin_ms) && add_phone(object, row) &&
           json_add_str(object, "error", row_error(rows, row)) && add_duration(object, &row->text) &&
           json_add_str(object, "recordingUrl", row->recording);
}

static bool add_listed(const struct call_rows *rows, const struct row *row, cJSON *object)
{
    const struct call_text *text = &row->text;
    enum outcome outcome;
    bool has_outcome = row_outcome(rows, row, &outcome);
    return add_recent(rows, row, object) && json_add_str(object, "contactId", row->contact_id) &&
           json_add_str(object, "outcome", has_outcome ? outcome_name(outcome) : NULL) &&
           json_add_i64(object, "attempts", text->attempts) && instant_add(object, "endedAt", text->ended_ms) &&
           instant_add(object, "nextAttemptAt", text->next_ms) && json_add_str(object, "recordingUrl", row->recording);
}

typedef bool (*add_row_fn)(const struct call_rows *rows, const struct row *row, cJSON *object);

static cJSON *rows_json(const struct call_rows *rows, bool only_reached, add_row_fn add)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; list && i < rows->n; i++) {
        const struct row *row = &rows->rows[i];
        if (only_reached && !row->is_reached)
            continue;
        cJSON *object = cJSON_CreateObject();
        if (!object || !cJSON_AddItemToArray(list, object) || !add(rows, row, object)) {
            cJSON_Delete(list);
            list = NULL;
        }
    }
    return list;
}

static int newest_first(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    if (a->text.begin_ms != b->text.begin_ms)
        return a->text.begin_ms > b->text.begin_ms ? -1 : 1;
    return a->ordinal > b->ordinal ? -1 : a->ordinal < b->ordinal;
}

cJSON *call_rows_recent_json(struct call_rows *rows)
{
    if (rows->n > 1)
        qsort(rows->rows, rows->n, sizeof rows->rows[0], newest_first);
    return rows_json(rows, true, add_recent);
}

int call_rows_append_json(const struct call_rows *rows, bool is_first, struct buf *out)
{
    int err = 0;
    for (size_t i = rows->n; i > 0 && !err; i--) {
        cJSON *object = cJSON_CreateObject();
        err = object && add_recent(rows, &rows->rows[i - 1], object) ? 0 : ERR_NOMEM;
        if (!err && !(is_first && i == rows->n))
            err = buf_append_char(out, ',');
        if (!err)
            err = json_print(object, out);
        cJSON_Delete(object);
    }
    return err;
}

cJSON *call_rows_live_json(const struct call_rows *rows)
{
    return rows_json(rows, false, add_live);
}

/* ---- lists ---- */

static bool is_wanted(const struct call_rows *rows, const struct row *row, const struct call_filter *filter)
{
    enum outcome outcome;
    if (filter->has_status && row_status(rows, row) != filter->status)
        return false;
    return !filter->has_outcome || (row_outcome(rows, row, &outcome) && outcome == filter->outcome);
}

int call_rows_list(const struct call_rows *rows, const struct call_filter *filter, size_t most, cJSON *list,
                   uint64_t *ret_next)
{
    size_t i = 0;
    for (size_t listed = 0; i < rows->n && listed < most; i++) {
        const struct row *row = &rows->rows[i];
        if (!is_wanted(rows, row, filter))
            continue;
        cJSON *object = cJSON_CreateObject();
        if (!object || !cJSON_AddItemToArray(list, object) || !add_listed(rows, row, object))
            return ERR_NOMEM;
        listed++;
    }
    *ret_next = rows->n > 0 ? rows->rows[0].ordinal + i : 0;
    return 0;
}

bool call_rows_view(const struct call_rows *rows, size_t index, const struct call_filter *filter,
                    struct call_view *ret_view)
{
    enum outcome outcome;
    const struct row *row = &rows->rows[index];
    *ret_view = (struct call_view){
        .text = &row->text,
        .status = row_status(rows, row),
        .outcome = row_outcome(rows, row, &outcome) ? outcome_name(outcome) : NULL,
        .recording = row->recording,
        .summary = &row->summary,
        .record = &row->record,
        .extra = &row->extra,
    };
    return is_wanted(rows, row, filter) && ident_make_call(rows->scope.batch_id, row->ordinal, ret_view->id) == 0;
}

size_t call_rows_count(const struct call_rows *rows)
{
    return rows->n;
}

bool call_rows_have_records(const struct call_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        if (!rows->rows[i].name && !rows->rows[i].record.text)
            return false;
    }
    return true;
}

const struct call_bytes *call_rows_columns(const struct call_rows *rows)
{
    return &rows->columns;
}
