/* SPDX-License-Identifier: Apache-2.0
 *
 * Contacts judged and packed, in the parts in which they are written (batch_ingest.lua), with what was rejected between
 * them. How they are parted follows from the rows alone: the same rows give the same parts, however they arrived, so
 * that what was written before a connection broke is known again.
 */
#ifndef CARILLON_PRODUCER_INGEST_PACK_H
#define CARILLON_PRODUCER_INGEST_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/domain/contact.h"
#include "common/domain/contact_layout.h"
#include "common/redis/redis.h"

struct ingest_pack;

int ingest_pack_create(struct ingest_pack **ret_pack) MUST_CHECK;
/* Accepts NULL. */
void ingest_pack_free(struct ingest_pack *p);

/* Adds a contact behind the others. ERR_NOMEM. */
int ingest_pack_add(struct ingest_pack *p, const struct contact *c, uint64_t row) MUST_CHECK;
/* Adds a row that was rejected, and then a line for each of its faults: "<row> <code> <field> <value>". ERR_NOMEM. */
int ingest_pack_add_rejected(struct ingest_pack *p) MUST_CHECK;
int ingest_pack_add_line(struct ingest_pack *p, const char *line, size_t len) MUST_CHECK;
/* Nothing more is added: the last part is whole, too. */
void ingest_pack_end(struct ingest_pack *p);
/* Drops all of them: a fault was found, nothing will be written. */
void ingest_pack_clear(struct ingest_pack *p);

/* How many parts are whole, those dropped among them. A part is whole with LIMIT_INGEST_PART contacts or lines, with
 * LIMIT_INGEST_PART_BYTES, or at the end. */
size_t ingest_pack_whole(const struct ingest_pack *p);
/* The bytes that lie in it. */
size_t ingest_pack_bytes(const struct ingest_pack *p);

/* ---- a part, by its index; none that was dropped ---- */
/* The number of contacts, and the row of one of them. */
size_t ingest_part_contacts(const struct ingest_pack *p, size_t index);
uint64_t ingest_part_row(const struct ingest_pack *p, size_t index, size_t contact);
uint64_t ingest_part_number(const struct ingest_pack *p, size_t index, size_t contact);
/* A contact has an id, or metadata outside of its record. */
bool ingest_part_is_wide(const struct ingest_pack *p, size_t index);
/* What tells it from one with other contents, in hexadecimal. */
int ingest_part_digest(const struct ingest_pack *p, size_t index, char ret_hex[2 * DIGEST_SHA256_LEN + 1]) MUST_CHECK;
/* Frees its memory: it was written. */
void ingest_part_drop(struct ingest_pack *p, size_t index);

/* What batch_ingest takes behind the digest. */
#define INGEST_PART_FIRST_ARGS 5
#define INGEST_PART_WIDTH 3
#define INGEST_RUN_LEN 32
struct ingest_part_args {
    struct redis_arg args[INGEST_PART_FIRST_ARGS + (INGEST_PART_WIDTH + 1) * LIMIT_INGEST_PART];
    size_t n;
    char numbers[3][REDIS_I64_LEN];
    char runs[LIMIT_INGEST_PART * INGEST_RUN_LEN];
};
/* Borrowed until the part is dropped, and for the life of `ret`. */
void ingest_part_args(const struct ingest_pack *p, size_t index, struct ingest_part_args *ret);

/* Puts in place of the contacts' records what contact_layout_shorten() makes of them, kept in `records` as long as the
 * arguments are, and the columns that they refer to beside them. ERR_NOMEM. */
int ingest_part_shorten(const struct ingest_pack *p, size_t index, struct contact_layout *layout, struct buf *records,
                        struct ingest_part_args *args) MUST_CHECK;

/* The hash under which the scripts look for a contact id among those of its batch: the first 53 bits of its SHA-256,
 * which a Lua number holds exactly. */
int ingest_id_hash(const char *id, size_t len, uint64_t *ret_hash) MUST_CHECK;

#endif
