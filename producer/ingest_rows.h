/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the body of a chunk of contacts as it arrives, in any of its forms: each contact is judged and packed, each row
 * that is none is rejected, with its faults, and the reading goes on. Touches nothing but memory.
 */
#ifndef CARILLON_PRODUCER_INGEST_ROWS_H
#define CARILLON_PRODUCER_INGEST_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/domain/faults.h"
#include "producer/ingest_pack.h"

enum ingest_form {
    INGEST_FORM_JSON, /* {"contacts": [...]} or [...] */
    INGEST_FORM_NDJSON, /* a contact a line; empty lines are passed over */
    INGEST_FORM_CSV, /* contact_csv.h */
};

struct ingest_rows;

/* `pack` is borrowed, and ended when the rows are. */
int ingest_rows_create(enum ingest_form form, struct ingest_pack *pack, struct ingest_rows **ret_rows) MUST_CHECK;
/* Accepts NULL. */
void ingest_rows_free(struct ingest_rows *r);

/* The next piece, cut anywhere. ERR_INVALID where the text is not what it must be: the faults say why, and no more may
 * be fed; ERR_NOMEM. */
int ingest_rows_feed(struct ingest_rows *r, const char *data, size_t len) MUST_CHECK;
/* The text is complete. ERR_INVALID where it was cut short, or is no table of contacts; ERR_NOMEM. */
int ingest_rows_finish(struct ingest_rows *r) MUST_CHECK;

/* Rows count from 1: elements of the list, lines, or rows as a spreadsheet counts them, the header among them. */
uint64_t ingest_rows_rejected(const struct ingest_rows *r);
/* The userId of a JSON object; "" where there is none. */
const char *ingest_rows_user_id(const struct ingest_rows *r);
/* Of the text as a whole; borrowed. */
const struct faults *ingest_rows_faults(const struct ingest_rows *r);
const struct faults *ingest_rows_warnings(const struct ingest_rows *r);

#endif
