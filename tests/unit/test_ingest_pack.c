/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/ingest_pack.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/domain/contact_record.h"

static void add(struct ingest_pack *pack, uint64_t phone, const char *id, const char *metadata)
{
    struct contact contact = {.phone = phone,
                              .id = id,
                              .name = "",
                              .email = "",
                              .company = "",
                              .timezone = "",
                              .metadata = metadata,
                              .metadata_len = strlen(metadata)};
    assert_int_equal(ingest_pack_add(pack, &contact), 0);
}

static struct ingest_pack *make_pack(void)
{
    struct ingest_pack *pack = NULL;
    assert_int_equal(ingest_pack_create(&pack), 0);
    return pack;
}

static void assert_arg(const struct redis_arg *arg, const char *text)
{
    assert_int_equal(arg->len, strlen(text));
    assert_memory_equal(arg->data, text, arg->len);
}

static void assert_number(const struct redis_arg *arg, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    assert_arg(arg, text);
}

static void test_contacts_become_four_arguments_each(void **state)
{
    struct redis_arg args[LIMIT_INGEST_CHUNK * INGEST_PACK_ARGS];
    char metadata[1000] = "{\"k\":\"";
    struct ingest_pack *pack = make_pack();
    (void)state;
    memset(metadata + 6, 'x', 900);
    memcpy(metadata + 906, "\"}", 3);
    add(pack, 15550001111, "", "");
    add(pack, 15550002222, "lead-1", metadata);
    assert_int_equal(ingest_pack_chunk_count(pack), 1);
    assert_int_equal(ingest_pack_chunk_len(pack, 0), 2);
    ingest_pack_chunk_args(pack, 0, args);
    assert_arg(&args[0], "15550001111");
    assert_arg(&args[1], "");
    assert_arg(&args[2], "\x08\xd7\xdf\xe8\xf6\x39"); /* the varint of the number */
    assert_arg(&args[3], "");
    assert_arg(&args[4], "15550002222");
    /* python3 -c 'import hashlib; print(int.from_bytes(hashlib.sha256(b"lead-1").digest()[:8], "big") >> 11)' */
    assert_arg(&args[5], "8541431405961011");
    assert_true(args[6].len < 40); /* the long metadata is elsewhere: */
    assert_arg(&args[7], metadata);
    ingest_pack_free(pack);
}

static void test_chunks_are_full_but_for_the_last(void **state)
{
    struct redis_arg args[LIMIT_INGEST_CHUNK * INGEST_PACK_ARGS];
    struct ingest_pack *pack = make_pack();
    (void)state;
    for (uint64_t i = 0; i < 2 * LIMIT_INGEST_CHUNK + 1; i++)
        add(pack, 15550000000 + i, "", "");
    assert_int_equal(ingest_pack_chunk_count(pack), 3);
    assert_int_equal(ingest_pack_chunk_len(pack, 0), LIMIT_INGEST_CHUNK);
    assert_int_equal(ingest_pack_chunk_len(pack, 1), LIMIT_INGEST_CHUNK);
    assert_int_equal(ingest_pack_chunk_len(pack, 2), 1);
    ingest_pack_chunk_args(pack, 1, args);
    assert_number(&args[0], 15550000000 + LIMIT_INGEST_CHUNK);
    ingest_pack_chunk_drop(pack, 0);
    ingest_pack_chunk_drop(pack, 0);
    ingest_pack_chunk_args(pack, 2, args);
    assert_number(&args[0], 15550000000 + UINT64_C(2) * LIMIT_INGEST_CHUNK);
    ingest_pack_clear(pack);
    assert_int_equal(ingest_pack_chunk_count(pack), 0);
    ingest_pack_free(pack);
}

static void digest(struct ingest_pack *pack, char hex[2 * DIGEST_SHA256_LEN + 1])
{
    assert_int_equal(ingest_pack_chunk_digest(pack, 0, hex), 0);
    ingest_pack_free(pack);
}

static void test_a_digest_tells_other_contacts(void **state)
{
    char hexes[4][2 * DIGEST_SHA256_LEN + 1];
    struct ingest_pack *packs[4];
    (void)state;
    for (size_t i = 0; i < 4; i++)
        packs[i] = make_pack();
    add(packs[0], 15550001111, "a", "");
    add(packs[1], 15550001111, "a", "");
    add(packs[2], 15550001111, "b", "");
    add(packs[3], 15550001111, "a", "");
    add(packs[3], 15550001112, "", "");
    for (size_t i = 0; i < 4; i++)
        digest(packs[i], hexes[i]);
    assert_string_equal(hexes[0], hexes[1]);
    assert_string_not_equal(hexes[0], hexes[2]);
    assert_string_not_equal(hexes[0], hexes[3]);
}

static void test_a_body_of_all_contacts_fits(void **state)
{
    struct contact contact = {
        .phone = 15550001111, .id = "", .name = "", .email = "", .company = "", .timezone = "", .metadata = ""};
    struct ingest_pack *pack = make_pack();
    (void)state;
    for (size_t i = 0; i < LIMIT_INLINE_CONTACTS; i++)
        assert_int_equal(ingest_pack_add(pack, &contact), 0);
    assert_int_equal(ingest_pack_chunk_count(pack), LIMIT_INLINE_CONTACTS / LIMIT_INGEST_CHUNK);
    assert_int_equal(ingest_pack_add(pack, &contact), ERR_NOMEM);
    ingest_pack_free(pack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contacts_become_four_arguments_each),
        cmocka_unit_test(test_chunks_are_full_but_for_the_last),
        cmocka_unit_test(test_a_digest_tells_other_contacts),
        cmocka_unit_test(test_a_body_of_all_contacts_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
