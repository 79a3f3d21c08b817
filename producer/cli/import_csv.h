/* SPDX-License-Identifier: Apache-2.0
 *
 * A CSV file as the elements of contacts[]. Rows that cannot be contacts are told on stderr by number and left out; the
 * rest goes in.
 */
#ifndef CARILLON_PRODUCER_CLI_IMPORT_CSV_H
#define CARILLON_PRODUCER_CLI_IMPORT_CSV_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/* Freed by import_csv_clear(). */
struct import_csv {
    struct buf elements; /* JSON objects with commas between */
    uint64_t *rows; /* of each contact: where it stands in the file, as a spreadsheet counts */
    size_t n_contacts; /* at least one, at most LIMIT_INLINE_CONTACTS */
    size_t n_rejected; /* rows that were left out */
};

/* Reads the file; "-" is standard input. Whatever is wrong is told on stderr under `name`. ERR_IO, ERR_INVALID where
 * there is no usable header or no contact, ERR_TOO_LARGE, ERR_NOMEM. */
int import_csv_read(const char *path, const char *name, struct import_csv *ret_import) MUST_CHECK;
void import_csv_clear(struct import_csv *import);

#endif
