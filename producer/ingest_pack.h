/* SPDX-License-Identifier: Apache-2.0
 *
 * The contacts of one creation, judged and packed, in the chunks in which they will be written. Everything is validated
 * before anything is written; this is where it waits meanwhile.
 */
#ifndef CARILLON_PRODUCER_INGEST_PACK_H
#define CARILLON_PRODUCER_INGEST_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/digest.h"
#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/domain/contact.h"
#include "common/redis/redis.h"

/* Arguments of batch_ingest for one contact: number, hash of the id, record, extra metadata. */
#define INGEST_PACK_ARGS 4

struct ingest_pack;

int ingest_pack_create(struct ingest_pack **ret_pack) MUST_CHECK;
/* Accepts NULL. */
void ingest_pack_free(struct ingest_pack *p);

/* Adds a contact behind the others. ERR_NOMEM. */
int ingest_pack_add(struct ingest_pack *p, const struct contact *c) MUST_CHECK;
/* Drops all of them: a fault was found, nothing will be written. */
void ingest_pack_clear(struct ingest_pack *p);

/* Chunks of LIMIT_INGEST_CHUNK contacts, the last one shorter. */
size_t ingest_pack_chunk_count(const struct ingest_pack *p);
/* The number of contacts in chunk `index`. */
size_t ingest_pack_chunk_len(const struct ingest_pack *p, size_t index);
/* The chunk's arguments, INGEST_PACK_ARGS for each contact, borrowed until the chunk is dropped. */
void ingest_pack_chunk_args(const struct ingest_pack *p, size_t index,
                            struct redis_arg args[LIMIT_INGEST_CHUNK * INGEST_PACK_ARGS]);
/* What tells this chunk from one with other contacts, in hexadecimal. */
int ingest_pack_chunk_digest(const struct ingest_pack *p, size_t index,
                             char ret_hex[2 * DIGEST_SHA256_LEN + 1]) MUST_CHECK;
/* Frees the memory of a chunk that has been written. */
void ingest_pack_chunk_drop(struct ingest_pack *p, size_t index);

/* The hash under which the scripts look for a contact id among those of its batch: the first 53 bits of its SHA-256,
 * which a Lua number holds exactly. */
int ingest_id_hash(const char *id, size_t len, uint64_t *ret_hash) MUST_CHECK;

#endif
