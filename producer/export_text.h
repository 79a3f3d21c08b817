/* SPDX-License-Identifier: Apache-2.0
 *
 * The two forms of an export: a row of CSV, a line of JSON. Pure: rows in, bytes out.
 */
#ifndef CARILLON_PRODUCER_EXPORT_TEXT_H
#define CARILLON_PRODUCER_EXPORT_TEXT_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/domain/contact.h"
#include "producer/call_rows.h"

/* The keys of metadata that have a column of their own, in the order in which they were met. */
struct export_columns {
    size_t n;
    char *names[LIMIT_EXPORT_COLUMNS];
};

void export_columns_free(struct export_columns *columns);
/* Takes in the keys of one contact's metadata that are new, as long as there is room. ERR_PROTOCOL for what is no JSON
 * object, ERR_NOMEM. */
int export_columns_add(struct export_columns *columns, const struct contact *contact) MUST_CHECK;

int export_text_csv_header(const struct export_columns *columns, struct buf *out) MUST_CHECK;
/* Metadata without a column goes into the last one, as JSON. ERR_PROTOCOL, ERR_NOMEM. */
int export_text_csv_row(const struct export_columns *columns, const struct call_view *call,
                        const struct contact *contact, struct buf *out) MUST_CHECK;
/* One object and a line feed. ERR_PROTOCOL, ERR_NOMEM. */
int export_text_ndjson_row(const struct call_view *call, const struct contact *contact, struct buf *out) MUST_CHECK;

#endif
