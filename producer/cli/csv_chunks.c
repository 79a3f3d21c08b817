/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/csv_chunks.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"

#define PIECE 65536
/* A line that ends nowhere is dropped by the reader, but has to be sent. */
#define LINE_MOST (4u << 20)
/* How many chunks can end in one piece. */
#define CUTS_MOST (PIECE / CSV_CHUNK_LEAST + 2)

/* Where a chunk begins. */
struct cut {
    uint64_t byte;
    uint64_t row;
    uint64_t rows_before; /* in the file, those that are not empty */
};

struct csv_chunks {
    struct csv_chunks_config config;
    struct csv_reader *reader;
    struct digest_stream *digest;
    char *piece;
    bool is_over; /* the file is read */

    struct buf header; /* all up to the first row, byte order mark and empty lines included */
    bool has_header;
    uint64_t header_rows;

    struct buf rows; /* the file from `at` on, as far as it is read */
    uint64_t at;
    struct cut cuts[CUTS_MOST]; /* the first one is where the chunk begins that is handed out next */
    size_t n_cuts;
    uint64_t n_rows;

    struct buf chunk; /* what was handed out last */
    uint64_t number;
    uint64_t *first_rows; /* of each chunk */
    size_t first_rows_cap;
};

/* ---- rows ---- */

static int add_cut(struct csv_chunks *c, struct csv_position at)
{
    if (c->n_cuts == CUTS_MOST)
        return ERR_STATE; /* cannot be: a chunk is no shorter than CSV_CHUNK_LEAST */
    c->cuts[c->n_cuts++] = (struct cut){at.byte, at.row, c->n_rows};
    return 0;
}

/* A row begins at `at`, and is over. */
static int take_row(struct csv_chunks *c, struct csv_position at)
{
    int err = 0;
    if (c->n_cuts == 0) {
        c->header_rows = at.row - 1;
        err = add_cut(c, at);
    } else if (at.byte - c->cuts[c->n_cuts - 1].byte >= c->config.chunk_bytes) {
        err = add_cut(c, at);
    }
    c->n_rows++;
    return err;
}

static int on_header(struct csv_position at, const struct csv_field *fields, size_t n, void *arg)
{
    struct csv_chunks *c = arg;
    c->has_header = true;
    return c->config.on_header ? c->config.on_header(at, fields, n, c->config.arg) : 0;
}

static int on_row(struct csv_position at, const struct csv_field *fields, size_t n, void *arg)
{
    (void)fields;
    (void)n;
    return take_row(arg, at);
}

static int on_fault(struct csv_position at, enum csv_fault fault, const char *detail, void *arg)
{
    struct csv_chunks *c = arg;
    if (c->has_header)
        return take_row(c, at);
    if (c->config.on_bad_header)
        c->config.on_bad_header(at, fault, detail, c->config.arg);
    return 0; /* the reader ends */
}

/* ---- the file ---- */

static int read_piece(struct csv_chunks *c)
{
    size_t len = fread(c->piece, 1, PIECE, c->config.file);
    if (len == 0 && ferror(c->config.file))
        return ERR_IO;
    if (len == 0) {
        c->is_over = true;
        return csv_reader_finish(c->reader);
    }
    int err = digest_stream_add(c->digest, c->piece, len);
    if (!err && buf_append(&c->rows, c->piece, len) != 0)
        err = ERR_TOO_LARGE;
    return err ? err : csv_reader_feed(c->reader, c->piece, len);
}

/* What stands before the first row is the header. */
static int take_header(struct csv_chunks *c)
{
    size_t len = (size_t)(c->cuts[0].byte - c->at);
    int err = buf_append(&c->header, buf_str(&c->rows), len);
    if (!err)
        buf_consume(&c->rows, len);
    c->at += len;
    return err;
}

static int remember_row(struct csv_chunks *c, uint64_t row)
{
    if (c->number == c->first_rows_cap) {
        size_t cap = c->first_rows_cap ? 2 * c->first_rows_cap : 64;
        uint64_t *grown = realloc(c->first_rows, cap * sizeof *grown);
        if (!grown)
            return ERR_NOMEM;
        c->first_rows = grown;
        c->first_rows_cap = cap;
    }
    c->first_rows[c->number++] = row;
    return 0;
}

/* Hands out what lies between the first cut and `end`. */
static int hand_out(struct csv_chunks *c, uint64_t end, uint64_t rows_before_end, struct csv_chunk *ret)
{
    const struct cut first = c->cuts[0];
    size_t len = (size_t)(end - c->at);
    buf_clear(&c->chunk);
    int err = buf_append(&c->chunk, buf_str(&c->header), buf_len(&c->header));
    if (!err)
        err = buf_append(&c->chunk, buf_str(&c->rows), len);
    if (!err)
        err = remember_row(c, first.row);
    if (err)
        return err;
    buf_consume(&c->rows, len);
    c->at = end;
    memmove(c->cuts, c->cuts + 1, --c->n_cuts * sizeof *c->cuts);
    *ret = (struct csv_chunk){
        .number = c->number,
        .bytes = buf_str(&c->chunk),
        .len = buf_len(&c->chunk),
        .first_row = first.row,
        .n_rows = rows_before_end - first.rows_before,
        .end = end,
    };
    return 0;
}

int csv_chunks_next(struct csv_chunks *c, struct csv_chunk *ret_chunk)
{
    int err = 0;
    while (!err && !c->is_over && c->n_cuts < 2)
        err = read_piece(c);
    if (!err && c->n_cuts > 0 && c->number == 0)
        err = take_header(c);
    if (err)
        return err;
    if (c->n_cuts >= 2)
        return hand_out(c, c->cuts[1].byte, c->cuts[1].rows_before, ret_chunk);
    if (c->n_cuts == 1)
        return hand_out(c, c->at + buf_len(&c->rows), c->n_rows, ret_chunk);
    *ret_chunk = (struct csv_chunk){.len = 0};
    return 0;
}

uint64_t csv_chunks_row(const struct csv_chunks *c, uint64_t number, uint64_t row)
{
    if (number == 0 || number > c->number || row == 0)
        return 0;
    return row <= c->header_rows ? row : c->first_rows[number - 1] + (row - c->header_rows - 1);
}

int csv_chunks_digest(struct csv_chunks *c, char ret_hex[2 * DIGEST_SHA256_LEN + 1])
{
    return digest_stream_hex(c->digest, ret_hex);
}

/* ---- life ---- */

int csv_chunks_create(const struct csv_chunks_config *config, struct csv_chunks **ret_chunks)
{
    struct csv_chunks *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    const struct csv_config csv = {.on_header = on_header, .on_row = on_row, .on_fault = on_fault, .arg = c};
    c->config = *config;
    buf_init(&c->header, LINE_MOST);
    buf_init(&c->rows, config->chunk_bytes + LINE_MOST);
    buf_init(&c->chunk, config->chunk_bytes + 2 * (size_t)LINE_MOST);
    c->piece = malloc(PIECE);
    int err = c->piece ? csv_reader_create(&csv, &c->reader) : ERR_NOMEM;
    if (!err)
        err = digest_stream_create(&c->digest);
    if (err) {
        csv_chunks_free(c);
        return err;
    }
    *ret_chunks = c;
    return 0;
}

void csv_chunks_free(struct csv_chunks *c)
{
    if (!c)
        return;
    csv_reader_free(c->reader);
    digest_stream_free(c->digest);
    free(c->piece);
    buf_free(&c->header);
    buf_free(&c->rows);
    buf_free(&c->chunk);
    free(c->first_rows);
    free(c);
}
