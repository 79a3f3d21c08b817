/* SPDX-License-Identifier: Apache-2.0
 *
 * A CSV file in chunks, each of them a CSV file of its own with the header repeated: cut between rows, where the reader
 * of the producer sees them end, quoted line ends or not. The same file is always cut the same way, so that a chunk
 * that is sent again is the same chunk. The file is read as a stream; one chunk at a time is in memory.
 */
#ifndef CARILLON_PRODUCER_CLI_CSV_CHUNKS_H
#define CARILLON_PRODUCER_CLI_CSV_CHUNKS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/digest.h"
#include "common/base/err.h"
#include "common/domain/csv.h"

#define CSV_CHUNK_LEAST 1024
#define CSV_CHUNK_MOST (16u << 20)

struct csv_chunks;

struct csv_chunk {
    uint64_t number; /* from 1 */
    const char *bytes; /* header and rows; borrowed until the next one is asked for */
    size_t len;
    uint64_t first_row; /* of the rows behind its header: where it stands in the file */
    uint64_t n_rows; /* that are not empty, good and bad ones */
    uint64_t end; /* byte of the file behind its last row */
};

struct csv_chunks_config {
    FILE *file; /* borrowed; at its beginning */
    size_t chunk_bytes; /* CSV_CHUNK_LEAST to CSV_CHUNK_MOST; a chunk has up to a row more */
    /* The header; a negative return ends the reading and is returned. NULL: not looked at. */
    int (*on_header)(struct csv_position at, const struct csv_field *fields, size_t n, void *arg);
    /* Its fault, and only its: those of rows are the producer's to tell. */
    void (*on_bad_header)(struct csv_position at, enum csv_fault fault, const char *detail, void *arg);
    void *arg;
};

int csv_chunks_create(const struct csv_chunks_config *config, struct csv_chunks **ret_chunks) MUST_CHECK;
/* Accepts NULL. */
void csv_chunks_free(struct csv_chunks *c);

/* The next chunk; `ret_chunk->len` 0 behind the last one. ERR_IO (errno says why), ERR_INVALID for a header that cannot
 * be read or was refused, ERR_NOT_FOUND where there is none, ERR_TOO_LARGE for a line that is longer than a chunk may
 * be. */
int csv_chunks_next(struct csv_chunks *c, struct csv_chunk *ret_chunk) MUST_CHECK;

/* Which row of the file row `row` of chunk `number` is, where it was handed out; 0 for any other. */
uint64_t csv_chunks_row(const struct csv_chunks *c, uint64_t number, uint64_t row);
/* SHA-256 of all that was read; once it is all. */
int csv_chunks_digest(struct csv_chunks *c, char ret_hex[2 * DIGEST_SHA256_LEN + 1]) MUST_CHECK;

#endif
