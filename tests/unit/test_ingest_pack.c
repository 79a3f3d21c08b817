/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/ingest_pack.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void add(struct ingest_pack *pack, uint64_t phone, const char *id, const char *metadata, uint64_t row)
{
    struct contact contact = {.phone = phone,
                              .id = id,
                              .name = "",
                              .email = "",
                              .company = "",
                              .timezone = "",
                              .metadata = metadata,
                              .metadata_len = strlen(metadata)};
    assert_int_equal(ingest_pack_add(pack, &contact, row), 0);
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

static void test_a_contact_is_one_argument_and_three_where_one_has_more(void **state)
{
    struct ingest_part_args part;
    char metadata[1000] = "{\"k\":\"";
    struct ingest_pack *pack = make_pack();
    (void)state;
    memset(metadata + 6, 'x', 900);
    memcpy(metadata + 906, "\"}", 3);
    add(pack, 15550001111, "", "", 1);
    ingest_part_args(pack, 0, &part);
    assert_int_equal(part.n, 6);
    assert_arg(&part.args[0], "1");
    assert_arg(&part.args[1], "1");
    assert_arg(&part.args[2], "1:1");
    assert_arg(&part.args[3], "0");
    assert_arg(&part.args[4], "");
    assert_arg(&part.args[5], "\x08\xd7\xdf\xe8\xf6\x39"); /* the varint of the number */
    add(pack, 15550002222, "lead-1", metadata, 2);
    ingest_part_args(pack, 0, &part);
    assert_int_equal(part.n, 11);
    assert_arg(&part.args[1], "3");
    assert_arg(&part.args[5], "\x08\xd7\xdf\xe8\xf6\x39");
    assert_arg(&part.args[6], "");
    assert_arg(&part.args[7], "");
    assert_true(part.args[8].len < 40); /* the long metadata is elsewhere: */
    /* python3 -c 'import hashlib; print(int.from_bytes(hashlib.sha256(b"lead-1").digest()[:8], "big") >> 11)' */
    assert_arg(&part.args[9], "8541431405961011");
    assert_arg(&part.args[10], metadata);
    ingest_pack_free(pack);
}

static void test_a_shortened_part_has_its_columns_beside_it_and_the_same_digest(void **state)
{
    struct ingest_part_args part;
    struct contact_layout *layout;
    struct buf records;
    char before[2 * DIGEST_SHA256_LEN + 1], after[2 * DIGEST_SHA256_LEN + 1];
    struct ingest_pack *pack = make_pack();
    (void)state;
    buf_init(&records, SIZE_MAX);
    assert_int_equal(contact_layout_create(&layout), 0);
    add(pack, 15550001111, "", "{\"k\":\"v\"}", 1);
    add(pack, 15550002222, "lead-1", "{\"k\":\"other\"}", 2);
    add(pack, 15550003333, "", "", 3);
    assert_int_equal(ingest_part_digest(pack, 0, before), 0);
    ingest_part_args(pack, 0, &part);
    assert_int_equal(ingest_part_shorten(pack, 0, layout, &records, &part), 0);
    assert_arg(&part.args[4], "{\"k\":\n");
    assert_arg(&part.args[5], "\x08\xd7\xdf\xe8\xf6\x39\x4a\x03\x01\x01v");
    assert_arg(&part.args[8], "\x08\xae\xe8\xe8\xf6\x39\x12\x06lead-1\x4a\x07\x01\x05other");
    assert_arg(&part.args[11], "\x08\x85\xf1\xe8\xf6\x39");
    assert_int_equal(part.n, 14);
    assert_int_equal(ingest_part_digest(pack, 0, after), 0);
    assert_string_equal(before, after);
    contact_layout_free(layout);
    buf_free(&records);
    ingest_pack_free(pack);
}

static void test_rows_are_told_in_runs_and_what_was_rejected_stands_behind(void **state)
{
    struct ingest_part_args part;
    struct ingest_pack *pack = make_pack();
    (void)state;
    add(pack, 15550001111, "", "", 2);
    add(pack, 15550001112, "", "", 3);
    assert_int_equal(ingest_pack_add_rejected(pack), 0);
    assert_int_equal(ingest_pack_add_line(pack, "4 INVALID_NUMBER phoneNumber 1", 30), 0);
    assert_int_equal(ingest_pack_add_line(pack, "4 INVALID_EMAIL email x", 23), 0);
    add(pack, 15550001113, "", "", 5);
    ingest_part_args(pack, 0, &part);
    assert_arg(&part.args[2], "2:2 5:1");
    assert_arg(&part.args[3], "1");
    assert_int_equal(part.n, 10);
    assert_arg(&part.args[8], "4 INVALID_NUMBER phoneNumber 1");
    assert_arg(&part.args[9], "4 INVALID_EMAIL email x");
    assert_int_equal(ingest_part_row(pack, 0, 2), 5);
    ingest_pack_free(pack);
}

static void test_parts_are_full_but_for_the_last_which_is_whole_at_the_end(void **state)
{
    struct ingest_pack *pack = make_pack();
    (void)state;
    for (uint64_t i = 0; i < 2 * LIMIT_INGEST_PART + 1; i++)
        add(pack, 15550000000 + i, "", "", i + 1);
    assert_int_equal(ingest_pack_whole(pack), 2);
    ingest_pack_end(pack);
    assert_int_equal(ingest_pack_whole(pack), 3);
    assert_int_equal(ingest_part_contacts(pack, 0), LIMIT_INGEST_PART);
    assert_int_equal(ingest_part_contacts(pack, 2), 1);
    assert_int_equal(ingest_part_row(pack, 2, 0), 2 * LIMIT_INGEST_PART + 1);
    ingest_part_drop(pack, 0);
    ingest_part_drop(pack, 0);
    ingest_part_drop(pack, 1);
    assert_int_equal(ingest_pack_whole(pack), 3);
    ingest_part_drop(pack, 2);
    assert_int_equal(ingest_pack_bytes(pack), 0);
    ingest_pack_free(pack);
}

static void test_long_contacts_and_many_faults_make_a_part_whole_too(void **state)
{
    char metadata[4000];
    struct ingest_pack *pack = make_pack();
    (void)state;
    memset(metadata, 'x', sizeof metadata - 1);
    metadata[sizeof metadata - 1] = '\0';
    while (ingest_pack_whole(pack) == 0)
        add(pack, 15550001111, "", metadata, 1);
    assert_in_range(ingest_pack_bytes(pack), LIMIT_INGEST_PART_BYTES, LIMIT_INGEST_PART_BYTES + sizeof metadata);
    ingest_pack_clear(pack);
    for (size_t i = 0; i <= LIMIT_INGEST_PART; i++)
        assert_int_equal(ingest_pack_add_line(pack, "1 A - ", 6), 0);
    assert_int_equal(ingest_pack_whole(pack), 1);
    ingest_pack_free(pack);
}

static void digest(struct ingest_pack *pack, char hex[2 * DIGEST_SHA256_LEN + 1])
{
    assert_int_equal(ingest_part_digest(pack, 0, hex), 0);
    ingest_pack_free(pack);
}

static void test_a_digest_tells_other_contents(void **state)
{
    char hexes[6][2 * DIGEST_SHA256_LEN + 1];
    struct ingest_pack *packs[6];
    (void)state;
    for (size_t i = 0; i < 6; i++)
        packs[i] = make_pack();
    add(packs[0], 15550001111, "a", "", 1);
    add(packs[1], 15550001111, "a", "", 1);
    add(packs[2], 15550001111, "b", "", 1);
    add(packs[3], 15550001111, "a", "", 1);
    add(packs[3], 15550001112, "", "", 2);
    add(packs[4], 15550001111, "a", "", 2);
    add(packs[5], 15550001111, "a", "", 1);
    assert_int_equal(ingest_pack_add_line(packs[5], "2 A - ", 6), 0);
    for (size_t i = 0; i < 6; i++)
        digest(packs[i], hexes[i]);
    assert_string_equal(hexes[0], hexes[1]);
    for (size_t i = 2; i < 6; i++)
        assert_string_not_equal(hexes[0], hexes[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_contact_is_one_argument_and_three_where_one_has_more),
        cmocka_unit_test(test_a_shortened_part_has_its_columns_beside_it_and_the_same_digest),
        cmocka_unit_test(test_rows_are_told_in_runs_and_what_was_rejected_stands_behind),
        cmocka_unit_test(test_parts_are_full_but_for_the_last_which_is_whole_at_the_end),
        cmocka_unit_test(test_long_contacts_and_many_faults_make_a_part_whole_too),
        cmocka_unit_test(test_a_digest_tells_other_contents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
