/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/csv.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/utf8.h"

static const char BYTE_ORDER_MARK[] = "\xEF\xBB\xBF";
#define BYTE_ORDER_MARK_LEN 3

enum state {
    STATE_ROW_START, /* nothing of the row was read */
    STATE_FIELD_START, /* behind a comma */
    STATE_UNQUOTED,
    STATE_QUOTED,
    STATE_QUOTE_SEEN, /* a quote inside quotes: the end of the field, or the first of two */
    STATE_SKIP_LINE, /* the row is over a bound: the rest of the line is dropped */
};

struct csv_reader {
    struct csv_config config;
    enum state state;
    struct csv_position at;
    uint64_t line; /* that the next byte is on */
    uint64_t fed; /* bytes before the piece that is being read */
    size_t mark_seen; /* bytes of the byte order mark */
    bool is_mark_possible; /* only at the very start */
    bool after_cr; /* an LF now belongs to it */

    /* the row under way */
    struct buf text; /* its fields, each with a NUL behind it */
    size_t starts[CSV_MAX_FIELDS];
    size_t n_fields; /* begun; the last one may be under way */
    bool is_bad;
    enum csv_fault fault;
    struct csv_field fields[CSV_MAX_FIELDS];

    bool has_header;
    size_t n_columns;
};

static const char *const FAULT_NAMES[] = {
    [CSV_FAULT_FIELD_COUNT] = "WRONG_FIELD_COUNT",
    [CSV_FAULT_FIELD_TOO_LONG] = "FIELD_TOO_LONG",
    [CSV_FAULT_ROW_TOO_LONG] = "ROW_TOO_LONG",
    [CSV_FAULT_TOO_MANY_FIELDS] = "TOO_MANY_FIELDS",
    [CSV_FAULT_QUOTE] = "MISPLACED_QUOTE",
    [CSV_FAULT_OPEN_QUOTE] = "OPEN_QUOTE",
    [CSV_FAULT_NUL] = "NUL_BYTE",
    [CSV_FAULT_UTF8] = "INVALID_UTF8",
};

static const char *const FAULT_DETAILS[] = {
    [CSV_FAULT_FIELD_COUNT] = "has another number of fields than the header",
    [CSV_FAULT_FIELD_TOO_LONG] = "has a field of more than 16,384 bytes",
    [CSV_FAULT_ROW_TOO_LONG] = "has more than 65,536 bytes",
    [CSV_FAULT_TOO_MANY_FIELDS] = "has more than 256 fields",
    [CSV_FAULT_QUOTE] = "has text behind a closing quote",
    [CSV_FAULT_OPEN_QUOTE] = "has a quote that is never closed",
    [CSV_FAULT_NUL] = "has a NUL byte",
    [CSV_FAULT_UTF8] = "is not valid UTF-8",
};

int csv_reader_create(const struct csv_config *config, struct csv_reader **ret_reader)
{
    struct csv_reader *r = calloc(1, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    r->config = *config;
    r->at.row = 1;
    r->at.line = 1;
    r->line = 1;
    r->is_mark_possible = true;
    /* Field texts and one NUL for each. */
    buf_init(&r->text, CSV_MAX_ROW_BYTES + CSV_MAX_FIELDS + 1);
    *ret_reader = r;
    return 0;
}

void csv_reader_free(struct csv_reader *r)
{
    if (!r)
        return;
    buf_free(&r->text);
    free(r);
}

/* The first thing wrong with a row is the one that is told. */
static void mark_bad(struct csv_reader *r, enum csv_fault fault)
{
    if (r->is_bad)
        return;
    r->is_bad = true;
    r->fault = fault;
}

static int begin_field(struct csv_reader *r)
{
    if (r->n_fields == CSV_MAX_FIELDS) {
        mark_bad(r, CSV_FAULT_TOO_MANY_FIELDS);
        r->state = STATE_SKIP_LINE;
        return 0;
    }
    if (r->n_fields > 0) {
        int rc = buf_append_char(&r->text, '\0');
        if (rc < 0)
            return rc;
    }
    r->starts[r->n_fields++] = buf_len(&r->text);
    return 0;
}

static int add_byte(struct csv_reader *r, char c)
{
    if (c == '\0')
        mark_bad(r, CSV_FAULT_NUL);
    if (buf_len(&r->text) - r->starts[r->n_fields - 1] == CSV_MAX_FIELD_BYTES) {
        mark_bad(r, CSV_FAULT_FIELD_TOO_LONG);
    } else if (buf_len(&r->text) - (r->n_fields - 1) == CSV_MAX_ROW_BYTES) {
        mark_bad(r, CSV_FAULT_ROW_TOO_LONG);
    } else {
        return buf_append_char(&r->text, c);
    }
    /* A quote that is never closed would swallow the rest of the file: go on behind the end of this line instead. */
    r->state = STATE_SKIP_LINE;
    return 0;
}

/* Takes what lies before the next byte that means something inside the field, as far as the bounds permit: how many
 * bytes that were. */
static int add_run(struct csv_reader *r, const char *data, size_t len, size_t *ret_len)
{
    *ret_len = 0;
    if (r->state != STATE_UNQUOTED && r->state != STATE_QUOTED)
        return 0;
    size_t in_field = buf_len(&r->text) - r->starts[r->n_fields - 1], in_row = buf_len(&r->text) - (r->n_fields - 1);
    size_t most = CSV_MAX_FIELD_BYTES - in_field < CSV_MAX_ROW_BYTES - in_row ? CSV_MAX_FIELD_BYTES - in_field
                                                                              : CSV_MAX_ROW_BYTES - in_row;
    char stop = r->state == STATE_QUOTED ? '"' : ',';
    size_t n = 0;
    most = most < len ? most : len;
    while (n < most && data[n] != stop && data[n] != '\n' && data[n] != '\r' && data[n] != '\0')
        n++;
    int rc = n > 0 ? buf_append(&r->text, data, n) : 0;
    if (rc == 0)
        *ret_len = n;
    return rc;
}

static void forget_row(struct csv_reader *r)
{
    buf_clear(&r->text);
    r->n_fields = 0;
    r->is_bad = false;
}

static int tell_fault(struct csv_reader *r, enum csv_fault fault, const char *detail)
{
    int rc = r->config.on_fault(r->at, fault, detail, r->config.arg);
    if (rc < 0)
        return rc;
    return r->has_header ? 0 : ERR_INVALID;
}

/* Makes fields out of the row's text. */
static void cut_fields(struct csv_reader *r)
{
    for (size_t i = 0; i < r->n_fields; i++) {
        size_t end = i + 1 < r->n_fields ? r->starts[i + 1] - 1 : buf_len(&r->text);
        r->fields[i].text = buf_str(&r->text) + r->starts[i];
        r->fields[i].len = end - r->starts[i];
        if (!utf8_is_valid(r->fields[i].text, r->fields[i].len))
            mark_bad(r, CSV_FAULT_UTF8);
    }
}

static int hand_out(struct csv_reader *r)
{
    cut_fields(r);
    if (r->is_bad)
        return tell_fault(r, r->fault, FAULT_DETAILS[r->fault]);
    if (!r->has_header) {
        r->has_header = true;
        r->n_columns = r->n_fields;
        return r->config.on_header(r->at, r->fields, r->n_fields, r->config.arg);
    }
    if (r->n_fields != r->n_columns) {
        char detail[96];
        (void)snprintf(detail, sizeof detail, "has %zu field%s where the header has %zu", r->n_fields,
                       r->n_fields == 1 ? "" : "s", r->n_columns);
        return tell_fault(r, CSV_FAULT_FIELD_COUNT, detail);
    }
    return r->config.on_row(r->at, r->fields, r->n_fields, r->config.arg);
}

static int end_row(struct csv_reader *r)
{
    int rc = r->state == STATE_ROW_START ? 0 : hand_out(r);
    forget_row(r);
    r->state = STATE_ROW_START;
    r->at.row++;
    r->at.line = r->line;
    return rc;
}

/* A byte that is not the end of a line, or is one inside quotes. */
static int take_byte(struct csv_reader *r, char c)
{
    int rc;
    switch (r->state) {
    case STATE_ROW_START:
    case STATE_FIELD_START:
        r->state = c == '"' ? STATE_QUOTED : STATE_UNQUOTED;
        rc = begin_field(r);
        if (rc < 0 || c == '"' || r->state == STATE_SKIP_LINE)
            return rc;
        break;
    case STATE_UNQUOTED:
        break;
    case STATE_QUOTED:
        if (c == '"') {
            r->state = STATE_QUOTE_SEEN;
            return 0;
        }
        return add_byte(r, c);
    case STATE_QUOTE_SEEN:
        if (c == '"') {
            r->state = STATE_QUOTED;
            return add_byte(r, c);
        }
        if (c != ',') {
            mark_bad(r, CSV_FAULT_QUOTE);
            r->state = STATE_UNQUOTED;
        }
        break;
    case STATE_SKIP_LINE:
        return 0;
    }
    if (c != ',')
        return add_byte(r, c);
    r->state = STATE_FIELD_START;
    return 0;
}

/* `next`: where the next byte stands in the file. */
static int take_line_end(struct csv_reader *r, char c, uint64_t next)
{
    bool is_inside = r->state == STATE_QUOTED;
    bool is_second = c == '\n' && r->after_cr;
    r->after_cr = c == '\r';
    if (!is_second)
        r->line++;
    int rc = 0;
    if (is_inside) {
        rc = add_byte(r, c);
        if (rc < 0 || r->state == STATE_QUOTED)
            return rc;
    } else if (!is_second && r->state == STATE_FIELD_START) {
        rc = begin_field(r);
    }
    if (rc == 0 && (is_inside || !is_second))
        rc = end_row(r);
    r->at.byte = next; /* behind both of CR and LF */
    return rc;
}

/* Takes the byte order mark off the start, wherever the pieces are cut. Bytes that only looked like one are the file's
 * own. */
static int take_mark(struct csv_reader *r, const char **data, size_t *len)
{
    while (*len > 0 && r->mark_seen < BYTE_ORDER_MARK_LEN && **data == BYTE_ORDER_MARK[r->mark_seen]) {
        r->mark_seen++;
        (*data)++;
        (*len)--;
    }
    if (*len == 0 && r->mark_seen < BYTE_ORDER_MARK_LEN)
        return 0;
    r->is_mark_possible = false;
    for (size_t i = 0; r->mark_seen < BYTE_ORDER_MARK_LEN && i < r->mark_seen; i++) {
        int rc = take_byte(r, BYTE_ORDER_MARK[i]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int csv_reader_feed(struct csv_reader *r, const char *data, size_t len)
{
    const char *piece = data;
    if (r->is_mark_possible) {
        int rc = take_mark(r, &data, &len);
        if (rc < 0)
            return rc;
    }
    for (size_t i = 0, run; i < len; i += run) {
        char c = data[i];
        int rc = add_run(r, data + i, len - i, &run);
        if (rc < 0)
            return rc;
        if (run > 0) {
            r->after_cr = false;
            continue;
        }
        run = 1;
        if (c == '\n' || c == '\r') {
            rc = take_line_end(r, c, r->fed + (uint64_t)(data + i + 1 - piece));
        } else {
            r->after_cr = false;
            rc = take_byte(r, c);
        }
        if (rc < 0)
            return rc;
    }
    r->fed += (uint64_t)(data + len - piece);
    return 0;
}

int csv_reader_finish(struct csv_reader *r)
{
    if (r->is_mark_possible && r->mark_seen < BYTE_ORDER_MARK_LEN) {
        r->is_mark_possible = false;
        for (size_t i = 0; i < r->mark_seen; i++) {
            int rc = take_byte(r, BYTE_ORDER_MARK[i]);
            if (rc < 0)
                return rc;
        }
    }
    if (r->state == STATE_QUOTED)
        mark_bad(r, CSV_FAULT_OPEN_QUOTE);
    if (r->state == STATE_FIELD_START) {
        int rc = begin_field(r);
        if (rc < 0)
            return rc;
    }
    int rc = end_row(r);
    if (rc < 0)
        return rc;
    return r->has_header ? 0 : ERR_NOT_FOUND;
}

const char *csv_fault_name(enum csv_fault fault)
{
    return FAULT_NAMES[fault];
}
