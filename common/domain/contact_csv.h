/* SPDX-License-Identifier: Apache-2.0
 *
 * Contacts from the rows of a CSV file: which column holds what, and reading a row by it.
 */
#ifndef CARILLON_DOMAIN_CONTACT_CSV_H
#define CARILLON_DOMAIN_CONTACT_CSV_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/domain/contact.h"
#include "common/domain/csv.h"
#include "common/domain/faults.h"

enum contact_column {
    CONTACT_COLUMN_PHONE, /* phoneNumber or contact_number */
    CONTACT_COLUMN_ID,
    CONTACT_COLUMN_NAME,
    CONTACT_COLUMN_EMAIL,
    CONTACT_COLUMN_COMPANY,
    CONTACT_COLUMN_TIMEZONE,
    CONTACT_COLUMN_METADATA, /* any other: a string of the metadata, under the column's name */
    CONTACT_COLUMN_IGNORED, /* without a name */
};

/* What the columns of a file hold; made of its header. */
struct contact_columns;

/* Reads the header row. Faults: no number column, two of them, a name twice, a name that is not UTF-8. The columns
 * without a name are ignored with a warning. The caller frees it with contact_columns_free(). ERR_INVALID where a fault
 * was added. */
int contact_columns_create(const struct csv_field *header, size_t n, struct faults *faults, struct faults *warnings,
                           struct contact_columns **ret_columns) MUST_CHECK;
/* Accepts NULL. */
void contact_columns_free(struct contact_columns *columns);
size_t contact_columns_count(const struct contact_columns *columns);
/* The column of a contact's field, by the name that faults give it ("phoneNumber"), as far as they have a column of
 * their own; contact_columns_count() where none has it. */
size_t contact_columns_find(const struct contact_columns *columns, const char *field);

/* Reads one row. Known fields are trimmed of spaces; an empty one is absent; other columns become strings of the
 * metadata as they are. ERR_INVALID where a fault was added. The row has as many fields as the header
 * (csv.h sees to that). */
int contact_read_csv_row(struct contact *c, const struct contact_columns *columns, const struct csv_field *fields,
                         size_t n, struct faults *faults) MUST_CHECK;

#endif
