/* SPDX-License-Identifier: Apache-2.0
 *
 * A streaming CSV reader: rows are handed out as the bytes arrive, whatever way these are cut. RFC 4180 with what files
 * in the field need: CRLF, LF or CR, a UTF-8 byte order mark, quoted fields with separators, doubled quotes and line
 * ends inside; a quote in the middle of an unquoted field is itself. A bad row is reported and left out; the rest goes
 * on. Empty lines are passed over, and counted as rows so that numbers agree with what a spreadsheet shows.
 */
#ifndef CARILLON_DOMAIN_CSV_H
#define CARILLON_DOMAIN_CSV_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define CSV_MAX_FIELD_BYTES 16384
#define CSV_MAX_ROW_BYTES 65536
#define CSV_MAX_FIELDS 256

struct csv_field {
    const char *text; /* NUL-terminated; holds no NUL of its own; valid UTF-8 */
    size_t len;
};

/* Where a row is: the header is row 1 of a file. */
struct csv_position {
    uint64_t row; /* as a spreadsheet counts */
    uint64_t line; /* of the row's first byte, as an editor counts */
    uint64_t byte; /* of the row's first byte, from 0; of the first row the byte order mark belongs to it */
};

enum csv_fault {
    CSV_FAULT_FIELD_COUNT, /* not as many fields as the header has */
    CSV_FAULT_FIELD_TOO_LONG,
    CSV_FAULT_ROW_TOO_LONG,
    CSV_FAULT_TOO_MANY_FIELDS,
    CSV_FAULT_QUOTE, /* text behind a closing quote */
    CSV_FAULT_OPEN_QUOTE, /* the file ends inside quotes */
    CSV_FAULT_NUL,
    CSV_FAULT_UTF8,
};

struct csv_config {
    /* The first row that is not empty. A negative return stops the reading and is returned; so with the others. */
    int (*on_header)(struct csv_position at, const struct csv_field *fields, size_t n, void *arg);
    int (*on_row)(struct csv_position at, const struct csv_field *fields, size_t n, void *arg);
    /* A row that was left out; `detail` is a sentence without a subject ("has 3 fields where the header has 4"). A
     * fault in the header itself ends the reading: csv_feed() and csv_finish() return ERR_INVALID after it. */
    int (*on_fault)(struct csv_position at, enum csv_fault fault, const char *detail, void *arg);
    void *arg;
};

struct csv_reader;

int csv_reader_create(const struct csv_config *config, struct csv_reader **ret_reader) MUST_CHECK;
/* Accepts NULL. */
void csv_reader_free(struct csv_reader *r);
/* Feeds the next piece. Callbacks run from inside. 0, what a callback returned, or ERR_INVALID for a bad header; after
 * an error nothing more may be fed. */
int csv_reader_feed(struct csv_reader *r, const char *data, size_t len) MUST_CHECK;
/* The text is complete: hands out a last row without a line end. ERR_NOT_FOUND where there was no header at all. */
int csv_reader_finish(struct csv_reader *r) MUST_CHECK;

const char *csv_fault_name(enum csv_fault fault); /* "WRONG_FIELD_COUNT": the code of a rejected row */

#endif
