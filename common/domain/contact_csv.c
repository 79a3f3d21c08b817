/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/contact_csv.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/utf8.h"
#include "common/domain/contact_draft.h"
#include "common/json/json.h"

/* The header's and a row's bytes, each written with six where it is a control character, and what joins them. */
#define METADATA_JSON_MAX ((size_t)6 * 2 * CSV_MAX_ROW_BYTES + (size_t)8 * CSV_MAX_FIELDS)

struct column {
    enum contact_column kind;
    char *name; /* owned; trimmed */
};

struct contact_columns {
    size_t n;
    struct column items[];
};

struct known_column {
    const char *name;
    enum contact_column kind;
};

static const struct known_column KNOWN[] = {
    {"phoneNumber", CONTACT_COLUMN_PHONE},
    {"contact_number", CONTACT_COLUMN_PHONE},
    {"id", CONTACT_COLUMN_ID},
    {"name", CONTACT_COLUMN_NAME},
    {"email", CONTACT_COLUMN_EMAIL},
    {"company", CONTACT_COLUMN_COMPANY},
    {"timezone", CONTACT_COLUMN_TIMEZONE},
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct csv_field trim(const char *text, size_t len)
{
    while (len > 0 && is_blank(text[0])) {
        text++;
        len--;
    }
    while (len > 0 && is_blank(text[len - 1]))
        len--;
    return (struct csv_field){text, len};
}

static enum contact_column column_kind(const char *name)
{
    if (name[0] == '\0')
        return CONTACT_COLUMN_IGNORED;
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        if (strcmp(KNOWN[i].name, name) == 0)
            return KNOWN[i].kind;
    }
    return CONTACT_COLUMN_METADATA;
}

static bool is_named_before(const struct contact_columns *columns, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (strcmp(columns->items[j].name, columns->items[i].name) == 0)
            return true;
    }
    return false;
}

static int judge_header(const struct contact_columns *columns, struct faults *faults, struct faults *warnings)
{
    size_t n_phones = 0;
    bool is_bad = false;
    for (size_t i = 0; i < columns->n; i++) {
        const struct column *column = &columns->items[i];
        if (column->kind == CONTACT_COLUMN_IGNORED) {
            faults_add_path(warnings, WARNING_IGNORED, "has no name in the header: it is left out", "column %zu",
                            i + 1);
        } else if (is_named_before(columns, i)) {
            faults_add(faults, column->name, FAULT_HEADER, "must not be the name of two columns");
            is_bad = true;
        } else if (strlen(column->name) > LIMIT_JSON_KEY_BYTES) {
            /* The metadata that it makes would be read by nobody. */
            faults_add_path(faults, FAULT_HEADER, "must not have a name of more than 1024 bytes", "column %zu", i + 1);
            is_bad = true;
        } else if (column->kind == CONTACT_COLUMN_PHONE) {
            n_phones++;
        }
    }
    if (n_phones == 0)
        faults_add(faults, "phoneNumber", FAULT_HEADER,
                   "is required: the header must name a column phoneNumber or contact_number");
    if (n_phones > 1)
        faults_add(faults, "phoneNumber", FAULT_HEADER, "must not stand beside contact_number: one of the two");
    return is_bad || n_phones != 1 ? ERR_INVALID : 0;
}

int contact_columns_create(const struct csv_field *header, size_t n, struct faults *faults, struct faults *warnings,
                           struct contact_columns **ret_columns)
{
    struct contact_columns *columns = calloc(1, sizeof *columns + n * sizeof columns->items[0]);
    if (!columns)
        return ERR_NOMEM;
    for (; columns->n < n; columns->n++) {
        struct csv_field name = trim(header[columns->n].text, header[columns->n].len);
        struct column *column = &columns->items[columns->n];
        column->name = strndup(name.text, name.len);
        if (!column->name) {
            contact_columns_free(columns);
            return ERR_NOMEM;
        }
        column->kind = column_kind(column->name);
    }
    int rc = judge_header(columns, faults, warnings);
    if (rc < 0) {
        contact_columns_free(columns);
        return rc;
    }
    *ret_columns = columns;
    return 0;
}

void contact_columns_free(struct contact_columns *columns)
{
    if (!columns)
        return;
    for (size_t i = 0; i < columns->n; i++)
        free(columns->items[i].name);
    free(columns);
}

size_t contact_columns_count(const struct contact_columns *columns)
{
    return columns->n;
}

size_t contact_columns_find(const struct contact_columns *columns, const char *field)
{
    enum contact_column kind = column_kind(field);
    size_t i = 0;
    while (i < columns->n && (columns->items[i].kind != kind || kind == CONTACT_COLUMN_METADATA))
        i++;
    return i;
}

/* A member of the object that the metadata columns make; it is closed by keep_metadata(). */
static int add_member(struct buf *metadata, const char *name, const struct csv_field *value)
{
    int rc = buf_append_char(metadata, buf_len(metadata) == 0 ? '{' : ',');
    if (rc == 0)
        rc = json_append_str(metadata, name, strlen(name));
    if (rc == 0)
        rc = buf_append_char(metadata, ':');
    return rc < 0 ? rc : json_append_str(metadata, value->text, value->len);
}

static int read_field(struct contact_draft *d, const struct column *column, const struct csv_field *field,
                      struct buf *metadata)
{
    struct csv_field text = trim(field->text, field->len);
    switch (column->kind) {
    case CONTACT_COLUMN_PHONE:
        contact_draft_phone(d, text.text, text.len);
        return 0;
    case CONTACT_COLUMN_ID:
        return contact_draft_text(d, CONTACT_TEXT_ID, text.text, text.len);
    case CONTACT_COLUMN_NAME:
        return contact_draft_text(d, CONTACT_TEXT_NAME, text.text, text.len);
    case CONTACT_COLUMN_EMAIL:
        return contact_draft_text(d, CONTACT_TEXT_EMAIL, text.text, text.len);
    case CONTACT_COLUMN_COMPANY:
        return contact_draft_text(d, CONTACT_TEXT_COMPANY, text.text, text.len);
    case CONTACT_COLUMN_TIMEZONE:
        return contact_draft_text(d, CONTACT_TEXT_TIMEZONE, text.text, text.len);
    case CONTACT_COLUMN_METADATA:
        return add_member(metadata, column->name, field);
    case CONTACT_COLUMN_IGNORED:
        break;
    }
    return 0;
}

static int keep_metadata(struct contact_draft *d, struct buf *metadata)
{
    if (buf_len(metadata) == 0)
        return 0;
    int rc = buf_append_char(metadata, '}');
    return rc < 0 ? rc : contact_draft_metadata(d, buf_str(metadata), buf_len(metadata));
}

int contact_read_csv_row(struct contact *c, const struct contact_columns *columns, const struct csv_field *fields,
                         size_t n, struct faults *faults)
{
    struct contact_draft draft;
    int rc = contact_draft_begin(&draft, c, faults);
    if (rc < 0)
        return rc;
    if (n != columns->n) {
        contact_draft_fault(&draft, "", FAULT_ROW, "must have as many fields as the header");
        return contact_draft_end(&draft);
    }
    struct buf metadata;
    buf_init(&metadata, METADATA_JSON_MAX);
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = read_field(&draft, &columns->items[i], &fields[i], &metadata);
    if (rc == 0)
        rc = keep_metadata(&draft, &metadata);
    buf_free(&metadata);
    return rc < 0 ? rc : contact_draft_end(&draft);
}
