/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/known_numbers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "producer/ingest_known.h"

static struct known_numbers *known;

static int setup(void **state)
{
    (void)state;
    return known_numbers_create(&known);
}

static int teardown(void **state)
{
    (void)state;
    known_numbers_free(known);
    return 0;
}

static bool is_new(struct known_batch *b, uint64_t number)
{
    bool is_added = false;
    assert_int_equal(known_batch_add(b, number, &is_added), 0);
    return is_added;
}

static void test_each_number_is_new_once(void **state)
{
    struct known_batch *b = known_numbers_begin(known, "batch_c0_1");
    (void)state;
    assert_non_null(b);
    for (int round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < 100000; i++)
            assert_int_equal(is_new(b, UINT64_C(12000000000) + i * 7919), round == 0);
    }
    assert_true(is_new(b, 1000000));
    assert_true(is_new(b, UINT64_C(999999999999999)));
    assert_false(is_new(b, 1000000));
    assert_int_equal(known_batch_total(b), 100002);
}

static void test_what_is_forgotten_is_not_known_and_begins_under_another_name(void **state)
{
    char name[LIMIT_ID_LEN + 1];
    struct known_batch *b = known_numbers_begin(known, "batch_c0_1");
    (void)state;
    assert_true(is_new(b, 15550001111));
    assert_ptr_equal(known_numbers_find(known, "batch_c0_1"), b);
    assert_null(known_numbers_find(known, "batch_c0_2"));
    (void)snprintf(name, sizeof name, "%s", known_batch_name(b));
    known_numbers_forget(known, "batch_c0_2");
    known_numbers_forget(known, "batch_c0_1");
    assert_null(known_numbers_find(known, "batch_c0_1"));
    b = known_numbers_begin(known, "batch_c0_1");
    assert_string_not_equal(known_batch_name(b), name);
    assert_int_equal(known_batch_total(b), 0);
    assert_true(is_new(b, 15550001111));
}

static void test_a_batch_has_as_many_numbers_as_there_is_room_for(void **state)
{
    struct known_batch *b = known_numbers_begin(known, "batch_c0_1");
    bool is_added;
    (void)state;
    for (uint64_t i = 0; i < LIMIT_KNOWN_NUMBERS; i++)
        assert_true(is_new(b, 1000000 + i));
    assert_int_equal(known_batch_add(b, 999999, &is_added), ERR_TOO_LARGE);
    assert_false(is_new(b, 1000000));
    assert_int_equal(known_batch_total(b), LIMIT_KNOWN_NUMBERS);
}

static void test_those_that_were_not_used_for_longest_make_room_for_others(void **state)
{
    char id[32];
    (void)state;
    for (int i = 0; i < 10; i++) { /* of a million each: four have room, with what is kept free between them */
        (void)snprintf(id, sizeof id, "batch_c0_%d", i);
        struct known_batch *b = known_numbers_begin(known, id);
        for (uint64_t n = 0; n < 600000; n++)
            assert_true(is_new(b, 1000000 + n));
        assert_ptr_equal(known_numbers_find(known, id), b);
    }
    assert_null(known_numbers_find(known, "batch_c0_0"));
    assert_non_null(known_numbers_find(known, "batch_c0_9"));
    assert_non_null(known_numbers_find(known, "batch_c0_8"));
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(id, sizeof id, "batch_c1_%d", i);
        assert_non_null(known_numbers_begin(known, id));
        assert_non_null(known_numbers_find(known, "batch_c0_9"));
    }
    assert_null(known_numbers_find(known, "batch_c0_8"));
    assert_null(known_numbers_find(known, "batch_c1_0"));
    assert_non_null(known_numbers_find(known, "batch_c1_998"));
}

static void assert_arg(const struct redis_arg *arg, const char *text)
{
    assert_int_equal(arg->len, strlen(text));
    assert_memory_equal(arg->data, text, arg->len);
}

static void add(struct ingest_pack *pack, uint64_t phone, uint64_t row)
{
    struct contact contact = {
        .phone = phone, .id = "", .name = "", .email = "", .company = "", .timezone = "", .metadata = ""};
    assert_int_equal(ingest_pack_add(pack, &contact, row), 0);
}

static void test_a_part_goes_without_what_the_batch_has_and_says_so(void **state)
{
    static struct ingest_part_args part;
    static struct ingest_known_args args;
    struct ingest_pack *pack;
    struct known_batch *b = known_numbers_begin(known, "batch_c0_1");
    (void)state;
    assert_true(is_new(b, 15550001112));
    assert_int_equal(ingest_pack_create(&pack), 0);
    add(pack, 15550001111, 2);
    add(pack, 15550001112, 3);
    assert_int_equal(ingest_pack_add_rejected(pack), 0);
    assert_int_equal(ingest_pack_add_line(pack, "4 INVALID_NUMBER phoneNumber 1", 30), 0);
    add(pack, 15550001113, 5);
    add(pack, 15550001111, 6);
    ingest_part_args(pack, 0, &part);
    assert_int_equal(ingest_known_args(pack, 0, &part, b, &args), 0);
    assert_int_equal(args.n, 6 + 4 + 3);
    assert_arg(&args.args[0], "2");
    assert_arg(&args.args[1], known_batch_name(b));
    assert_arg(&args.args[2], "1");
    assert_arg(&args.args[3], "1");
    assert_arg(&args.args[4], "");
    assert_arg(&args.args[5], "1 phone 3 phone");
    assert_arg(&args.args[6], "1");
    assert_arg(&args.args[7], "\x08\xd7\xdf\xe8\xf6\x39");
    assert_arg(&args.args[8], "2");
    assert_arg(&args.args[9], "\x08\xd9\xdf\xe8\xf6\x39");
    assert_arg(&args.args[10], "4 INVALID_NUMBER phoneNumber 1");
    assert_arg(&args.args[11], "3 DUPLICATE phoneNumber +15550001112");
    assert_arg(&args.args[12], "6 DUPLICATE phoneNumber +15550001111");
    assert_int_equal(known_batch_total(b), 3);
    ingest_pack_free(pack);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_each_number_is_new_once),
        CASE(test_what_is_forgotten_is_not_known_and_begins_under_another_name),
        CASE(test_a_batch_has_as_many_numbers_as_there_is_room_for),
        CASE(test_those_that_were_not_used_for_longest_make_room_for_others),
        CASE(test_a_part_goes_without_what_the_batch_has_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
