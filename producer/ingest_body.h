/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the body of POST /api/v1/batch as it arrives: cuts it, judges each contact, packs the good ones, and gathers
 * every fault. Touches nothing but memory.
 */
#ifndef CARILLON_PRODUCER_INGEST_BODY_H
#define CARILLON_PRODUCER_INGEST_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/domain/batch_request.h"
#include "common/domain/faults.h"
#include "producer/dry_run.h"
#include "producer/ingest_pack.h"

struct ingest_body;

/* A draft need not have contacts. With a dry run (borrowed; NULL: none) that takes the contacts and their faults. */
int ingest_body_create(bool is_draft, struct dry_run *dry_run, struct ingest_body **ret_body) MUST_CHECK;
/* Accepts NULL. */
void ingest_body_free(struct ingest_body *b);

/* The next piece, cut anywhere. ERR_INVALID where the text is not what it must be: the faults say why, and no more may
 * be fed; ERR_TOO_LARGE over LIMIT_INLINE_CONTACTS; ERR_NOMEM. Faults of single members and contacts are no errors
 * here: the reading goes on. */
int ingest_body_feed(struct ingest_body *b, const char *data, size_t len) MUST_CHECK;
/* The body is complete: ERR_INVALID where it was cut short or no object, ERR_NOMEM. Adds the faults of what is missing.
 */
int ingest_body_finish(struct ingest_body *b) MUST_CHECK;

/* All borrowed from `b`. */
const struct batch_request *ingest_body_request(const struct ingest_body *b);
uint64_t ingest_body_contacts(const struct ingest_body *b);
struct ingest_pack *ingest_body_pack(struct ingest_body *b);
struct faults *ingest_body_faults(struct ingest_body *b);
struct faults *ingest_body_warnings(struct ingest_body *b);

#endif
