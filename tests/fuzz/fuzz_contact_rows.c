/* SPDX-License-Identifier: Apache-2.0
 *
 * A chunk of contacts from a stranger, in any of its forms, once whole and once in small pieces: both come to the same
 * parts with the same digests, which is what lets a chunk that was cut short go on. The first byte says which form and
 * how small.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/domain/row_error.h"
#include "producer/ingest_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

struct reading {
    struct ingest_pack *pack;
    struct ingest_rows *rows;
    int err;
};

static struct reading read_in_pieces(enum ingest_form form, const char *text, size_t len, size_t piece)
{
    struct reading r = {.err = 0};
    demand(ingest_pack_create(&r.pack) == 0);
    demand(ingest_rows_create(form, r.pack, &r.rows) == 0);
    for (size_t at = 0; !r.err && at < len; at += piece)
        r.err = ingest_rows_feed(r.rows, text + at, len - at < piece ? len - at : piece);
    if (!r.err)
        r.err = ingest_rows_finish(r.rows);
    demand(r.err == 0 || r.err == ERR_INVALID);
    demand((r.err != 0) == (faults_count(ingest_rows_faults(r.rows)) > 0));
    ingest_pack_end(r.pack);
    return r;
}

static void free_reading(struct reading *r)
{
    ingest_rows_free(r->rows);
    ingest_pack_free(r->pack);
}

/* What was rejected can be read again, and shown. */
static void check_lines(const struct ingest_part_args *part, size_t contacts)
{
    char line[2048] = "1 ";
    size_t width = part->args[1].data[0] == '3' ? INGEST_PART_WIDTH : 1;
    for (size_t i = INGEST_PART_FIRST_ARGS + contacts * width; i < part->n; i++) {
        struct row_error error;
        demand(part->args[i].len < sizeof line - 2);
        memcpy(line + 2, part->args[i].data, part->args[i].len);
        demand(row_error_read(line, 2 + part->args[i].len, &error) == 0);
        cJSON *json = row_error_json(&error);
        demand(json != NULL);
        cJSON_Delete(json);
    }
}

static void check_part(const struct reading *a, const struct reading *b, size_t index)
{
    static struct ingest_part_args part;
    char one[2 * DIGEST_SHA256_LEN + 1], two[2 * DIGEST_SHA256_LEN + 1];
    demand(ingest_part_digest(a->pack, index, one) == 0);
    demand(ingest_part_digest(b->pack, index, two) == 0);
    demand(strcmp(one, two) == 0);
    ingest_part_args(a->pack, index, &part);
    check_lines(&part, ingest_part_contacts(a->pack, index));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const char *text = (const char *)data + 1;
    enum ingest_form form = (enum ingest_form)(data[0] % 3);
    struct reading whole = read_in_pieces(form, text, size - 1, size);
    struct reading pieces = read_in_pieces(form, text, size - 1, 1 + data[0] / 3 % 16);
    demand(whole.err == pieces.err);
    bool is_good = whole.err == 0; /* what is refused is not read to its end */
    demand(!is_good || ingest_rows_rejected(whole.rows) == ingest_rows_rejected(pieces.rows));
    demand(!is_good || ingest_pack_whole(whole.pack) == ingest_pack_whole(pieces.pack));
    for (size_t i = 0; is_good && i < ingest_pack_whole(whole.pack); i++)
        check_part(&whole, &pieces, i);
    free_reading(&whole);
    free_reading(&pieces);
    return 0;
}
