/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/ingest_pack.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/domain/contact_record.h"

#define ID_HASH_BITS 53
/* The last contact, or line, may go beyond what makes a part whole. */
#define PART_BYTES_MAX ((size_t)LIMIT_INGEST_PART_BYTES + (size_t)4 * LIMIT_CONTACT_JSON_BYTES)

/* A contact's arguments lie one behind the other in its part's bytes: record, hash of the id, extra metadata. */
struct packed {
    uint64_t row;
    uint32_t lengths[INGEST_PART_WIDTH];
};

struct part {
    struct buf bytes; /* of the contacts */
    struct buf lines;
    size_t n;
    size_t n_lines;
    size_t n_rejected;
    bool is_wide; /* a contact has more than its record */
    struct packed contacts[LIMIT_INGEST_PART];
    uint64_t numbers[LIMIT_INGEST_PART];
    uint32_t line_lengths[LIMIT_INGEST_PART];
};

struct ingest_pack {
    struct buf record; /* of the contact that is being added */
    size_t n;
    size_t cap;
    struct part **parts; /* NULL: dropped */
    size_t bytes;
    bool is_ended;
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
    free(p->parts);
    free(p);
}

void ingest_pack_clear(struct ingest_pack *p)
{
    for (size_t i = 0; i < p->n; i++)
        ingest_part_drop(p, i);
    p->n = 0;
}

static size_t part_bytes(const struct part *part)
{
    return buf_len(&part->bytes) + buf_len(&part->lines);
}

void ingest_part_drop(struct ingest_pack *p, size_t index)
{
    struct part *part = p->parts[index];
    if (!part)
        return;
    p->bytes -= part_bytes(part);
    buf_free(&part->bytes);
    buf_free(&part->lines);
    free(part);
    p->parts[index] = NULL;
}

/* ---- adding ---- */

static bool is_full(const struct part *part)
{
    return part->n == LIMIT_INGEST_PART || part->n_lines == LIMIT_INGEST_PART ||
           part_bytes(part) >= LIMIT_INGEST_PART_BYTES;
}

static bool is_last_open(const struct ingest_pack *p)
{
    return p->n > 0 && p->parts[p->n - 1] && !is_full(p->parts[p->n - 1]) && !p->is_ended;
}

static int make_space(struct ingest_pack *p)
{
    if (p->n < p->cap)
        return 0;
    size_t cap = p->cap ? 2 * p->cap : 16;
    struct part **grown = realloc(p->parts, cap * sizeof(struct part *));
    if (!grown)
        return ERR_NOMEM;
    p->parts = grown;
    p->cap = cap;
    return 0;
}

/* The part that takes what comes next. */
static int open_part(struct ingest_pack *p, struct part **ret_part)
{
    if (is_last_open(p)) {
        *ret_part = p->parts[p->n - 1];
        return 0;
    }
    int err = make_space(p);
    if (err)
        return err;
    struct part *part = calloc(1, sizeof *part);
    if (!part)
        return ERR_NOMEM;
    buf_init(&part->bytes, PART_BYTES_MAX);
    buf_init(&part->lines, PART_BYTES_MAX);
    p->parts[p->n++] = part;
    *ret_part = part;
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

/* Appends the three arguments; what they are long is the difference. */
static int append(struct buf *bytes, const struct contact *c, const struct buf *record, bool is_metadata_elsewhere,
                  struct packed *packed)
{
    size_t ends[INGEST_PART_WIDTH];
    size_t start = buf_len(bytes);
    int err = buf_append(bytes, buf_str(record), buf_len(record));
    ends[0] = buf_len(bytes);
    if (!err && c->id[0]) {
        uint64_t hash;
        err = ingest_id_hash(c->id, strlen(c->id), &hash);
        if (!err)
            err = buf_printf(bytes, "%" PRIu64, hash);
    }
    ends[1] = buf_len(bytes);
    if (!err && is_metadata_elsewhere)
        err = buf_append(bytes, c->metadata, c->metadata_len);
    ends[2] = buf_len(bytes);
    for (size_t i = 0; i < INGEST_PART_WIDTH; i++)
        packed->lengths[i] = (uint32_t)(ends[i] - (i ? ends[i - 1] : start));
    return err;
}

int ingest_pack_add(struct ingest_pack *p, const struct contact *c, uint64_t row)
{
    struct part *part;
    bool is_metadata_elsewhere;
    int err = contact_record_pack(c, &p->record, &is_metadata_elsewhere);
    if (!err)
        err = open_part(p, &part);
    if (err)
        return err;
    struct packed *packed = &part->contacts[part->n];
    size_t before = buf_len(&part->bytes);
    packed->row = row;
    part->numbers[part->n] = c->phone;
    err = append(&part->bytes, c, &p->record, is_metadata_elsewhere, packed);
    p->bytes += buf_len(&part->bytes) - before;
    if (err)
        return err;
    part->is_wide = part->is_wide || packed->lengths[1] > 0 || packed->lengths[2] > 0;
    part->n++;
    return 0;
}

int ingest_pack_add_rejected(struct ingest_pack *p)
{
    struct part *part;
    int err = open_part(p, &part);
    if (!err)
        part->n_rejected++;
    return err;
}

int ingest_pack_add_line(struct ingest_pack *p, const char *line, size_t len)
{
    struct part *part;
    int err = open_part(p, &part);
    if (!err)
        err = buf_append(&part->lines, line, len);
    if (err)
        return err;
    part->line_lengths[part->n_lines++] = (uint32_t)len;
    p->bytes += len;
    return 0;
}

void ingest_pack_end(struct ingest_pack *p)
{
    p->is_ended = true;
}

size_t ingest_pack_whole(const struct ingest_pack *p)
{
    return p->n - is_last_open(p);
}

size_t ingest_pack_bytes(const struct ingest_pack *p)
{
    return p->bytes;
}

/* ---- a part ---- */

size_t ingest_part_contacts(const struct ingest_pack *p, size_t index)
{
    return p->parts[index]->n;
}

uint64_t ingest_part_row(const struct ingest_pack *p, size_t index, size_t contact)
{
    return p->parts[index]->contacts[contact].row;
}

uint64_t ingest_part_number(const struct ingest_pack *p, size_t index, size_t contact)
{
    return p->parts[index]->numbers[contact];
}

bool ingest_part_is_wide(const struct ingest_pack *p, size_t index)
{
    return p->parts[index]->is_wide;
}

static const char *format_runs(const struct part *part, char runs[LIMIT_INGEST_PART * INGEST_RUN_LEN])
{
    size_t at = 0;
    runs[0] = '\0';
    for (size_t i = 0, next; i < part->n; i = next) {
        uint64_t first = part->contacts[i].row;
        for (next = i + 1; next < part->n && part->contacts[next].row == first + (next - i); next++)
            ;
        at += (size_t)snprintf(runs + at, INGEST_RUN_LEN, "%s%" PRIu64 ":%zu", i ? " " : "", first, next - i);
    }
    return runs;
}

void ingest_part_args(const struct ingest_pack *p, size_t index, struct ingest_part_args *ret)
{
    const struct part *part = p->parts[index];
    const char *at = buf_str(&part->bytes);
    size_t width = part->is_wide ? INGEST_PART_WIDTH : 1;
    struct redis_arg *arg = ret->args;
    *arg++ = redis_arg_i64((int64_t)part->n, ret->numbers[0]);
    *arg++ = redis_arg_i64((int64_t)width, ret->numbers[1]);
    *arg++ = redis_arg_str(format_runs(part, ret->runs));
    *arg++ = redis_arg_i64((int64_t)part->n_rejected, ret->numbers[2]);
    *arg++ = redis_arg_str("");
    for (size_t i = 0; i < part->n; i++) {
        for (size_t k = 0; k < width; k++) {
            uint32_t len = part->contacts[i].lengths[k];
            *arg++ = redis_arg_mem(at, len);
            at += len;
        }
    }
    at = buf_str(&part->lines);
    for (size_t i = 0; i < part->n_lines; i++) {
        *arg++ = redis_arg_mem(at, part->line_lengths[i]);
        at += part->line_lengths[i];
    }
    ret->n = (size_t)(arg - ret->args);
}

int ingest_part_shorten(const struct ingest_pack *p, size_t index, struct contact_layout *layout, struct buf *records,
                        struct ingest_part_args *args)
{
    const struct part *part = p->parts[index];
    size_t width = part->is_wide ? INGEST_PART_WIDTH : 1, len;
    int err = 0;
    buf_clear(records);
    for (size_t i = 0; i < part->n && !err; i++) {
        struct redis_arg *record = &args->args[INGEST_PART_FIRST_ARGS + i * width];
        size_t before = buf_len(records);
        err = contact_layout_shorten(layout, record->data, record->len, records);
        record->len = buf_len(records) - before;
    }
    const char *at = buf_str(records);
    for (size_t i = 0; i < part->n && !err; i++) {
        struct redis_arg *record = &args->args[INGEST_PART_FIRST_ARGS + i * width];
        record->data = at;
        at += record->len;
    }
    const char *text = contact_layout_text(layout, &len);
    args->args[INGEST_PART_FIRST_ARGS - 1] = redis_arg_mem(text, len);
    return err;
}

/* Of the lengths too: where one argument ends is part of what it says. */
int ingest_part_digest(const struct ingest_pack *p, size_t index, char ret_hex[2 * DIGEST_SHA256_LEN + 1])
{
    const struct part *part = p->parts[index];
    struct digest_stream *stream;
    const uint64_t counts[] = {part->n, part->n_lines, part->n_rejected};
    int err = digest_stream_create(&stream);
    if (err)
        return err;
    err = digest_stream_add(stream, counts, sizeof counts);
    if (!err)
        err = digest_stream_add(stream, part->contacts, part->n * sizeof part->contacts[0]);
    if (!err)
        err = digest_stream_add(stream, buf_str(&part->bytes), buf_len(&part->bytes));
    if (!err)
        err = digest_stream_add(stream, part->line_lengths, part->n_lines * sizeof part->line_lengths[0]);
    if (!err)
        err = digest_stream_add(stream, buf_str(&part->lines), buf_len(&part->lines));
    if (!err)
        err = digest_stream_hex(stream, ret_hex);
    digest_stream_free(stream);
    return err;
}
