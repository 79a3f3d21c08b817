/* SPDX-License-Identifier: Apache-2.0
 *
 * A row that is no contact, as lines for its batch's list of errors (common/lua/lib/rows.lua): one for each fault, with
 * what stood there.
 */
#ifndef CARILLON_PRODUCER_INGEST_REJECT_H
#define CARILLON_PRODUCER_INGEST_REJECT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/domain/contact_csv.h"
#include "common/domain/csv.h"
#include "common/domain/faults.h"
#include "producer/ingest_pack.h"

/* Where the row stands: JSON, or fields of a table. */
struct ingest_reject_source {
    const char *json; /* NULL: fields */
    size_t json_len;
    const struct contact_columns *columns;
    const struct csv_field *fields;
    size_t n_fields;
};

/* ERR_NOMEM. */
int ingest_reject_row(struct ingest_pack *pack, uint64_t row, const struct faults *faults,
                      const struct ingest_reject_source *source) MUST_CHECK;
/* A row that cannot be read at all. */
int ingest_reject_whole(struct ingest_pack *pack, uint64_t row, const char *code) MUST_CHECK;

#endif
