/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of a creation from a stranger, once whole and once in small pieces: both come to the same verdict, with the
 * same contacts packed; where a fault was found, nothing is left to be written. The first byte says how small.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "producer/ingest_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static struct ingest_body *read_in_pieces(const char *text, size_t len, size_t piece, int *ret_err)
{
    struct ingest_body *body = NULL;
    int err = 0;
    demand(ingest_body_create(false, NULL, &body) == 0);
    for (size_t at = 0; !err && at < len; at += piece)
        err = ingest_body_feed(body, text + at, len - at < piece ? len - at : piece);
    if (!err)
        err = ingest_body_finish(body);
    demand(err == 0 || err == ERR_INVALID);
    demand(err == 0 || faults_count(ingest_body_faults(body)) > 0);
    *ret_err = err;
    return body;
}

/* The contacts that would be written. */
static uint64_t count_packed(const struct ingest_pack *pack)
{
    uint64_t n = 0;
    for (size_t i = 0; i < ingest_pack_whole(pack); i++)
        n += ingest_part_contacts(pack, i);
    return n;
}

static void check_pack(struct ingest_body *body)
{
    struct ingest_part_args part;
    struct ingest_pack *pack = ingest_body_pack(body);
    ingest_pack_end(pack);
    bool is_good = faults_count(ingest_body_faults(body)) == 0;
    demand(count_packed(pack) == (is_good ? ingest_body_contacts(body) : 0));
    for (size_t i = 0; i < ingest_pack_whole(pack); i++) {
        ingest_part_args(pack, i, &part);
        demand(part.args[INGEST_PART_FIRST_ARGS].len >= 4 && part.args[INGEST_PART_FIRST_ARGS].data[0] == 0x08);
    }
}

static void check_same(struct ingest_body *a, struct ingest_body *b)
{
    demand(faults_count(ingest_body_faults(a)) == faults_count(ingest_body_faults(b)));
    demand(faults_count(ingest_body_warnings(a)) == faults_count(ingest_body_warnings(b)));
    demand(strcmp(ingest_body_request(a)->agent_id, ingest_body_request(b)->agent_id) == 0);
    demand(ingest_body_contacts(a) == ingest_body_contacts(b));
    for (size_t i = 0; i < ingest_pack_whole(ingest_body_pack(a)); i++) {
        char one[2 * DIGEST_SHA256_LEN + 1], two[2 * DIGEST_SHA256_LEN + 1];
        demand(ingest_part_digest(ingest_body_pack(a), i, one) == 0);
        demand(ingest_part_digest(ingest_body_pack(b), i, two) == 0);
        demand(strcmp(one, two) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int whole_err, pieces_err;
    if (size < 1)
        return 0;
    const char *text = (const char *)data + 1;
    struct ingest_body *whole = read_in_pieces(text, size - 1, size, &whole_err);
    struct ingest_body *pieces = read_in_pieces(text, size - 1, 1 + data[0] % 16, &pieces_err);
    demand(whole_err == pieces_err);
    check_pack(whole);
    check_pack(pieces);
    check_same(whole, pieces);
    ingest_body_free(whole);
    ingest_body_free(pieces);
    return 0;
}
