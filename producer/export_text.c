/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/export_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/timestamp.h"
#include "common/domain/csv_write.h"
#include "common/domain/phone.h"
#include "common/json/json.h"
#include "common/json/span.h"

#define COLUMN_PREFIX "metadata."

/* A call's own columns, in their order. */
enum field {
    FIELD_ID,
    FIELD_CONTACT_ID,
    FIELD_PHONE,
    FIELD_NAME,
    FIELD_EMAIL,
    FIELD_COMPANY,
    FIELD_TIMEZONE,
    FIELD_STATUS,
    FIELD_OUTCOME,
    FIELD_ATTEMPTS,
    FIELD_STARTED,
    FIELD_ENDED,
    FIELD_DURATION,
    FIELD_NEXT,
    FIELD_SID,
    FIELD_RECORDING,
    FIELD_SUMMARY,
    FIELD_COUNT,
};

static const char *const FIELD_NAMES[FIELD_COUNT] = {
    "id",       "contactId",     "phoneNumber", "name",         "email",     "company",
    "timezone", "status",        "outcome",     "attempts",     "startTime", "endedAt",
    "duration", "nextAttemptAt", "callSid",     "recordingUrl", "summary",
};

/* Room for what is made here: numbers and instants. */
#define MADE_LEN 32

static const char *instant(int64_t ms, char made[MADE_LEN])
{
    if (ms == 0)
        return NULL;
    timestamp_format(ms, made);
    return made;
}

static const char *number(int64_t value, char made[MADE_LEN])
{
    if (value < 0)
        return NULL;
    (void)snprintf(made, MADE_LEN, "%" PRId64, value);
    return made;
}

static const char *phone(uint64_t digits, char made[MADE_LEN])
{
    if (digits == 0)
        return NULL;
    phone_format(digits, made);
    return made;
}
_Static_assert(PHONE_TEXT_LEN < MADE_LEN && TIMESTAMP_LEN < MADE_LEN, "what is made fits");

static const char *text_or_none(const char *text)
{
    return text && text[0] ? text : NULL;
}

/* A field as text; NULL where it has none. May be written to `made`. */
static const char *field_text(enum field field, const struct call_view *call, const struct contact *contact,
                              char made[MADE_LEN])
{
    switch (field) {
    case FIELD_ID:
        return call->id;
    case FIELD_CONTACT_ID:
        return text_or_none(contact->id);
    case FIELD_PHONE:
        return phone(contact->phone, made);
    case FIELD_NAME:
        return text_or_none(contact->name);
    case FIELD_EMAIL:
        return text_or_none(contact->email);
    case FIELD_COMPANY:
        return text_or_none(contact->company);
    case FIELD_TIMEZONE:
        return text_or_none(contact->timezone);
    case FIELD_STATUS:
        return call_status_name(call->status);
    case FIELD_OUTCOME:
        return call->outcome;
    case FIELD_ATTEMPTS:
        return number(call->text->attempts, made);
    case FIELD_STARTED:
        return instant(call->text->begin_ms, made);
    case FIELD_ENDED:
        return instant(call->text->ended_ms, made);
    case FIELD_DURATION:
        return number(call->text->duration_s, made);
    case FIELD_NEXT:
        return instant(call->text->next_ms, made);
    case FIELD_SID:
        return text_or_none(call->text->provider_id);
    case FIELD_RECORDING:
        return text_or_none(call->recording);
    case FIELD_SUMMARY:
        return text_or_none(call->summary->text);
    case FIELD_COUNT:
        break;
    }
    return NULL;
}

/* ---- JSON ---- */

static bool add_field(cJSON *object, enum field field, const struct call_view *call, const struct contact *contact)
{
    char made[MADE_LEN];
    const char *text = field_text(field, call, contact, made), *name = FIELD_NAMES[field];
    bool is_number = text && (field == FIELD_ATTEMPTS || field == FIELD_DURATION);
    return is_number ? json_add_raw(object, name, text, strlen(text)) != NULL
                     : json_add_str(object, name, text) != NULL;
}

/* Metadata goes into a line byte for byte, but for the line ends that JSON allows between its parts. */
static int add_metadata(cJSON *object, const struct contact *contact)
{
    cJSON *parsed;
    if (contact->metadata_len == 0)
        return json_add_str(object, "metadata", NULL) ? 0 : ERR_NOMEM;
    int err = json_parse(contact->metadata, contact->metadata_len, &parsed, NULL);
    if (err)
        return err == ERR_NOMEM ? err : ERR_PROTOCOL;
    cJSON_Delete(parsed);
    char *line = strndup(contact->metadata, contact->metadata_len);
    for (char *at = line; at && *at; at++) {
        if (*at == '\n' || *at == '\r')
            *at = ' ';
    }
    err = line && json_add_raw(object, "metadata", line, contact->metadata_len) ? 0 : ERR_NOMEM;
    free(line);
    return err;
}

int export_text_ndjson_row(const struct call_view *call, const struct contact *contact, struct buf *out)
{
    cJSON *object = cJSON_CreateObject();
    int err = object ? 0 : ERR_NOMEM;
    for (int field = 0; field < FIELD_COUNT && !err; field++)
        err = add_field(object, (enum field)field, call, contact) ? 0 : ERR_NOMEM;
    if (!err)
        err = add_metadata(object, contact);
    if (!err)
        err = json_print(object, out);
    if (!err)
        err = buf_append_char(out, '\n');
    cJSON_Delete(object);
    return err;
}

/* ---- the columns of metadata ---- */

/* What a JSON string says; the caller frees it. ERR_PROTOCOL where it is none. */
static int read_string(struct json_span span, char **ret_text)
{
    cJSON *value = NULL;
    int err = json_parse(span.text, span.len, &value, NULL);
    if (err)
        return err == ERR_NOMEM ? err : ERR_PROTOCOL;
    err = cJSON_IsString(value) ? 0 : ERR_PROTOCOL;
    *ret_text = err ? NULL : strdup(value->valuestring);
    cJSON_Delete(value);
    return err || *ret_text ? err : ERR_NOMEM;
}

/* Where the key has its column; columns->n where it has none. */
static size_t column_of(const struct export_columns *columns, const char *key)
{
    size_t i = 0;
    while (i < columns->n && strcmp(columns->names[i], key) != 0)
        i++;
    return i;
}

void export_columns_free(struct export_columns *columns)
{
    for (size_t i = 0; i < columns->n; i++)
        free(columns->names[i]);
    columns->n = 0;
}

int export_columns_add(struct export_columns *columns, const struct contact *contact)
{
    struct json_members members;
    struct json_span key, value;
    if (contact->metadata_len == 0)
        return 0;
    if (!json_members_begin(&members, contact->metadata, contact->metadata_len))
        return ERR_PROTOCOL;
    while (columns->n < LIMIT_EXPORT_COLUMNS && json_members_next(&members, &key, &value)) {
        char *name;
        int err = read_string(key, &name);
        if (err)
            return err;
        if (column_of(columns, name) == columns->n)
            columns->names[columns->n++] = name;
        else
            free(name);
    }
    return 0;
}

/* ---- CSV ---- */

static int append_cell(struct buf *out, const char *text, size_t len)
{
    int err = buf_append_char(out, ',');
    return err ? err : csv_write_cell(out, text, len);
}

int export_text_csv_header(const struct export_columns *columns, struct buf *out)
{
    int err = buf_append_str(out, FIELD_NAMES[0]);
    for (size_t i = 1; i < FIELD_COUNT && !err; i++)
        err = append_cell(out, FIELD_NAMES[i], strlen(FIELD_NAMES[i]));
    for (size_t i = 0; i < columns->n && !err; i++) {
        struct buf name;
        buf_init(&name, sizeof COLUMN_PREFIX + LIMIT_METADATA_BYTES);
        err = buf_printf(&name, COLUMN_PREFIX "%s", columns->names[i]);
        if (!err)
            err = append_cell(out, buf_str(&name), buf_len(&name));
        buf_free(&name);
    }
    if (!err)
        err = buf_append_str(out, ",otherMetadata");
    return err ? err : csv_write_row_end(out);
}

/* What the metadata says, sorted into its columns. */
struct cells {
    struct json_span values[LIMIT_EXPORT_COLUMNS]; /* text NULL: empty */
    struct buf others; /* members of an object */
};

static int sort_member(const struct export_columns *columns, struct json_span key, struct json_span value,
                       struct cells *cells)
{
    char *name;
    int err = read_string(key, &name);
    if (err)
        return err;
    size_t column = column_of(columns, name);
    free(name);
    if (column < columns->n) {
        cells->values[column] = value;
        return 0;
    }
    return buf_printf(&cells->others, "%s%.*s:%.*s", buf_len(&cells->others) > 0 ? "," : "{", (int)key.len, key.text,
                      (int)value.len, value.text);
}

/* A string as what it says, null as nothing, anything else as JSON. */
static int append_value(struct buf *out, struct json_span value)
{
    char *text;
    if (!value.text || (value.len == 4 && memcmp(value.text, "null", 4) == 0))
        return append_cell(out, "", 0);
    if (value.text[0] != '"')
        return append_cell(out, value.text, value.len);
    int err = read_string(value, &text);
    if (err)
        return err;
    err = append_cell(out, text, strlen(text));
    free(text);
    return err;
}

static int append_metadata(const struct export_columns *columns, const struct contact *contact, struct buf *out)
{
    struct cells cells = {.values = {{NULL, 0}}};
    struct json_members members;
    struct json_span key, value;
    buf_init(&cells.others, (size_t)2 * LIMIT_METADATA_BYTES);
    int err = 0;
    if (contact->metadata_len > 0) {
        err = json_members_begin(&members, contact->metadata, contact->metadata_len) ? 0 : ERR_PROTOCOL;
        while (!err && json_members_next(&members, &key, &value))
            err = sort_member(columns, key, value, &cells);
    }
    for (size_t i = 0; i < columns->n && !err; i++)
        err = append_value(out, cells.values[i]);
    if (!err && buf_len(&cells.others) > 0)
        err = buf_append_char(&cells.others, '}');
    if (!err)
        err = append_cell(out, buf_str(&cells.others), buf_len(&cells.others));
    buf_free(&cells.others);
    return err;
}

int export_text_csv_row(const struct export_columns *columns, const struct call_view *call,
                        const struct contact *contact, struct buf *out)
{
    int err = csv_write_cell(out, call->id, strlen(call->id));
    for (int field = FIELD_ID + 1; field < FIELD_COUNT && !err; field++) {
        char made[MADE_LEN];
        const char *text = field_text((enum field)field, call, contact, made);
        err = append_cell(out, text ? text : "", text ? strlen(text) : 0);
    }
    if (!err)
        err = append_metadata(columns, contact, out);
    return err ? err : csv_write_row_end(out);
}
