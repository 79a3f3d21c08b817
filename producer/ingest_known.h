/* SPDX-License-Identifier: Apache-2.0
 *
 * A part as batch_take.lua takes it: without what its producer knows to be there.
 */
#ifndef CARILLON_PRODUCER_INGEST_KNOWN_H
#define CARILLON_PRODUCER_INGEST_KNOWN_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/redis/redis.h"
#include "producer/ingest_pack.h"
#include "producer/known_numbers.h"

#define INGEST_KNOWN_FIRST_ARGS 6
#define INGEST_KNOWN_WORD_LEN 12 /* "255 phone " */
#define INGEST_KNOWN_LINE_LEN 64 /* "<row> DUPLICATE phoneNumber +<number>" */

struct ingest_known_args {
    struct redis_arg args[INGEST_KNOWN_FIRST_ARGS + 4 * LIMIT_INGEST_PART];
    size_t n;
    char numbers[3][REDIS_I64_LEN];
    char ordinals[LIMIT_INGEST_PART][REDIS_I64_LEN];
    char left_out[LIMIT_INGEST_PART * INGEST_KNOWN_WORD_LEN];
    char lines[LIMIT_INGEST_PART][INGEST_KNOWN_LINE_LEN];
};

/* What batch_take takes behind the digest, of a part that is not wide, from what batch_ingest would take of it. The
 * batch has the part's contacts from now on, as far as is known. ERR_TOO_LARGE, ERR_NOMEM: it must be forgotten.
 * Borrowed like `part`, and for the life of `ret`. */
int ingest_known_args(const struct ingest_pack *p, size_t index, const struct ingest_part_args *part,
                      struct known_batch *known, struct ingest_known_args *ret) MUST_CHECK;

#endif
