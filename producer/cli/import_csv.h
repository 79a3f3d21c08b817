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
#include "common/domain/contact_csv.h"
#include "producer/cli/contacts_file.h"

/* Freed by import_csv_clear(). */
struct import_csv {
    struct buf elements; /* JSON objects with commas between */
    uint64_t *rows; /* of each contact: where it stands in the file, as a spreadsheet counts */
    size_t n_contacts; /* at least one, at most LIMIT_INLINE_CONTACTS */
    size_t n_rejected; /* rows that were left out */
};

/* Reads the file. Whatever is wrong is told on stderr under its name. ERR_IO, ERR_INVALID where there is no usable
 * header or no contact, ERR_NOMEM; ERR_TOO_LARGE where it does not fit one request, which is not told. */
int import_csv_read(const struct contacts_file *file, struct import_csv *ret_import) MUST_CHECK;

/* Judges a header as the producer will. ERR_INVALID, its faults told on stderr under `name`; so are warnings, which are
 * no errors. `ret_columns` is freed with contact_columns_free(). */
int import_csv_header(const char *name, struct csv_position at, const struct csv_field *fields, size_t n,
                      struct contact_columns **ret_columns) MUST_CHECK;
void import_csv_clear(struct import_csv *import);

#endif
