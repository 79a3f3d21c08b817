/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/ingest_pack.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/domain/contact_record.h"

#define CHUNKS_MAX ((LIMIT_INLINE_CONTACTS + LIMIT_INGEST_CHUNK - 1) / LIMIT_INGEST_CHUNK)
#define ID_HASH_BITS 53

/* A contact's arguments lie one behind the other in its chunk's bytes. */
struct lengths {
    uint32_t of[INGEST_PACK_ARGS];
};

struct chunk {
    struct buf bytes;
    size_t n;
    struct lengths contacts[LIMIT_INGEST_CHUNK];
};

struct ingest_pack {
    struct buf record; /* of the contact that is being added */
    size_t n_chunks;
    struct chunk *chunks[CHUNKS_MAX]; /* NULL: dropped */
};

int ingest_pack_create(struct ingest_pack **ret_pack)
{
    struct ingest_pack *p = calloc(1, sizeof *p);
    if (!p)
        return ERR_NOMEM;
    buf_init(&p->record, LIMIT_CONTACT_JSON_BYTES);
    *ret_pack = p;
    return 0;
}

void ingest_pack_free(struct ingest_pack *p)
{
    if (!p)
        return;
    ingest_pack_clear(p);
    buf_free(&p->record);
    free(p);
}

void ingest_pack_clear(struct ingest_pack *p)
{
    for (size_t i = 0; i < p->n_chunks; i++)
        ingest_pack_chunk_drop(p, i);
    p->n_chunks = 0;
}

void ingest_pack_chunk_drop(struct ingest_pack *p, size_t index)
{
    struct chunk *chunk = p->chunks[index];
    if (!chunk)
        return;
    buf_free(&chunk->bytes);
    free(chunk);
    p->chunks[index] = NULL;
}

/* The chunk that takes the next contact. */
static int open_chunk(struct ingest_pack *p, struct chunk **ret_chunk)
{
    if (p->n_chunks > 0 && p->chunks[p->n_chunks - 1]->n < LIMIT_INGEST_CHUNK) {
        *ret_chunk = p->chunks[p->n_chunks - 1];
        return 0;
    }
    if (p->n_chunks == CHUNKS_MAX)
        return ERR_NOMEM;
    struct chunk *chunk = calloc(1, sizeof *chunk);
    if (!chunk)
        return ERR_NOMEM;
    buf_init(&chunk->bytes, (size_t)LIMIT_INGEST_CHUNK * 2 * LIMIT_CONTACT_JSON_BYTES);
    p->chunks[p->n_chunks++] = chunk;
    *ret_chunk = chunk;
    return 0;
}

int ingest_id_hash(const char *id, size_t len, uint64_t *ret_hash)
{
    uint8_t sha256[DIGEST_SHA256_LEN];
    int err = digest_sha256(id, len, sha256);
    if (err)
        return err;
    uint64_t first = 0;
    for (size_t i = 0; i < sizeof first; i++)
        first = first << 8 | sha256[i];
    *ret_hash = first >> (64 - ID_HASH_BITS);
    return 0;
}

/* Appends the four arguments; what they are long is the difference. */
static int append(struct buf *bytes, const struct contact *c, const struct buf *record, bool is_metadata_elsewhere,
                  struct lengths *lengths)
{
    size_t ends[INGEST_PACK_ARGS];
    size_t start = buf_len(bytes);
    int err = buf_printf(bytes, "%" PRIu64, c->phone);
    ends[0] = buf_len(bytes);
    if (!err && c->id[0]) {
        uint64_t hash;
        err = ingest_id_hash(c->id, strlen(c->id), &hash);
        if (!err)
            err = buf_printf(bytes, "%" PRIu64, hash);
    }
    ends[1] = buf_len(bytes);
    if (!err)
        err = buf_append(bytes, buf_str(record), buf_len(record));
    ends[2] = buf_len(bytes);
    if (!err && is_metadata_elsewhere)
        err = buf_append(bytes, c->metadata, c->metadata_len);
    ends[3] = buf_len(bytes);
    for (size_t i = 0; i < INGEST_PACK_ARGS; i++)
        lengths->of[i] = (uint32_t)(ends[i] - (i ? ends[i - 1] : start));
    return err;
}

int ingest_pack_add(struct ingest_pack *p, const struct contact *c)
{
    struct chunk *chunk;
    bool is_metadata_elsewhere;
    int err = contact_record_pack(c, &p->record, &is_metadata_elsewhere);
    if (err)
        return err;
    err = open_chunk(p, &chunk);
    if (err)
        return err;
    err = append(&chunk->bytes, c, &p->record, is_metadata_elsewhere, &chunk->contacts[chunk->n]);
    if (!err)
        chunk->n++;
    return err;
}

size_t ingest_pack_chunk_count(const struct ingest_pack *p)
{
    return p->n_chunks;
}

size_t ingest_pack_chunk_len(const struct ingest_pack *p, size_t index)
{
    return p->chunks[index]->n;
}

void ingest_pack_chunk_args(const struct ingest_pack *p, size_t index,
                            struct redis_arg args[LIMIT_INGEST_CHUNK * INGEST_PACK_ARGS])
{
    const struct chunk *chunk = p->chunks[index];
    const char *at = buf_str(&chunk->bytes);
    for (size_t i = 0; i < chunk->n; i++) {
        for (size_t k = 0; k < INGEST_PACK_ARGS; k++) {
            uint32_t len = chunk->contacts[i].of[k];
            *args++ = redis_arg_mem(at, len);
            at += len;
        }
    }
}

/* Of the lengths too: where one argument ends is part of what a chunk says. */
int ingest_pack_chunk_digest(const struct ingest_pack *p, size_t index, char ret_hex[2 * DIGEST_SHA256_LEN + 1])
{
    const struct chunk *chunk = p->chunks[index];
    uint8_t both[2 * DIGEST_SHA256_LEN];
    int err = digest_sha256(buf_str(&chunk->bytes), buf_len(&chunk->bytes), both);
    if (!err)
        err = digest_sha256(chunk->contacts, chunk->n * sizeof chunk->contacts[0], both + DIGEST_SHA256_LEN);
    return err ? err : digest_sha256_hex(both, sizeof both, ret_hex);
}
