/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/ident.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static void test_an_identifier_holds_no_character_that_joins(void **state)
{
    char longest[LIMIT_ID_LEN + 1];
    (void)state;
    assert_true(ident_is_valid("Acme_9-x", 8, LIMIT_ID_LEN));
    assert_false(ident_is_valid("", 0, LIMIT_ID_LEN));
    for (int c = 0; c < 256; c++) {
        char text[3] = {'a', (char)c, 'b'};
        bool want = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        assert_int_equal(ident_is_valid(text, 3, LIMIT_ID_LEN), want);
    }
    memset(longest, 'a', sizeof longest);
    assert_true(ident_is_valid(longest, LIMIT_ID_LEN, LIMIT_ID_LEN));
    assert_false(ident_is_valid(longest, LIMIT_ID_LEN + 1, LIMIT_ID_LEN));
}

static void test_a_cell_is_short_and_lower_case(void **state)
{
    static const struct {
        const char *text;
        bool want;
    } cases[] = {{"c0", true},  {"a", true},    {"12345678", true}, {"123456789", false}, {"", false},
                 {"C0", false}, {"c_0", false}, {"c-0", false},     {"dir}", false}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(ident_is_cell(cases[i].text, strlen(cases[i].text)), cases[i].want);
}

static void test_a_batch_id_names_its_cell_and_is_never_made_twice(void **state)
{
    char a[LIMIT_BATCH_ID_LEN + 1], b[LIMIT_BATCH_ID_LEN + 1], cell[LIMIT_CELL_ID_LEN + 1];
    (void)state;
    assert_int_equal(ident_make_batch("c0", a), 0);
    assert_int_equal(ident_make_batch("c0", b), 0);
    assert_string_not_equal(a, b);
    assert_memory_equal(a, "batch_c0_", 9);
    assert_int_equal(strlen(a), 29);
    assert_true(ident_is_valid(a, strlen(a), LIMIT_BATCH_ID_LEN));
    assert_int_equal(ident_batch_cell(a, strlen(a), cell), 0);
    assert_string_equal(cell, "c0");
    assert_int_equal(ident_make_batch("12345678", a), 0);
    assert_int_equal(ident_batch_cell(a, strlen(a), cell), 0);
    assert_string_equal(cell, "12345678");
    assert_int_equal(ident_make_batch("C0", a), ERR_INVALID);
    assert_int_equal(ident_make_batch("", a), ERR_INVALID);
}

static void test_what_is_no_batch_id_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "batch_",
        "batch_c0",
        "batch_c0_",
        "batch__x",
        "batch_C0_x",
        "batch_123456789_x",
        "Batch_c0_x",
        "batch-c0-x",
        "batch_c0_x-1",
        "batch_c0_x_y",
        "batch_c0_é",
        "xbatch_c0_x",
        "batch_c0_0123456789012345678901234567890123456789",
    };
    char cell[LIMIT_CELL_ID_LEN + 1] = "kept";
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(ident_batch_cell(cases[i], strlen(cases[i]), cell), ERR_INVALID);
    assert_string_equal(cell, "kept");
}

static void test_a_call_id_joins_and_splits(void **state)
{
    static const uint64_t ordinals[] = {0, 1, 63, 64, 99999, 999999999};
    char batch[LIMIT_BATCH_ID_LEN + 1], call[LIMIT_CALL_ID_LEN + 1], back[LIMIT_BATCH_ID_LEN + 1];
    (void)state;
    assert_int_equal(ident_make_batch("c0", batch), 0);
    for (size_t i = 0; i < COUNT(ordinals); i++) {
        uint64_t ordinal = 4711;
        assert_int_equal(ident_make_call(batch, ordinals[i], call), 0);
        assert_int_equal(ident_split_call(call, strlen(call), back, &ordinal), 0);
        assert_string_equal(back, batch);
        assert_true(ordinal == ordinals[i]);
    }
    assert_int_equal(ident_make_call("nonsense", 1, call), ERR_INVALID);
}

static void test_a_call_id_has_one_spelling_and_a_bound(void **state)
{
    static const char *const cases[] = {
        "",
        "-",
        "batch_c0_x",
        "batch_c0_x-",
        "batch_c0_x-01",
        "batch_c0_x-00",
        "batch_c0_x-+1",
        "batch_c0_x--1",
        "batch_c0_x-1x",
        "x-1",
        "batch_c0_x-99999999999999999999",
        "batch_c0_x-1-1",
    };
    char batch[LIMIT_BATCH_ID_LEN + 1] = "kept", call[LIMIT_CALL_ID_LEN + 1];
    const char *longest = "batch_12345678_012345678901234567890123456789012"; /* 48 */
    uint64_t ordinal = 4711;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(ident_split_call(cases[i], strlen(cases[i]), batch, &ordinal), ERR_INVALID);
    assert_string_equal(batch, "kept");
    assert_int_equal(ordinal, 4711);
    assert_int_equal(strlen(longest), LIMIT_BATCH_ID_LEN);
    assert_int_equal(ident_make_call(longest, 999999999999999, call), 0);
    assert_int_equal(strlen(call), LIMIT_CALL_ID_LEN);
    assert_int_equal(ident_make_call(longest, 1000000000000000, call), ERR_RANGE);
}

static void test_random_ids_fit_or_are_refused(void **state)
{
    char id[8] = "kept";
    (void)state;
    assert_int_equal(ident_make_random("w_", 6, id, sizeof id), ERR_TOO_LARGE);
    assert_int_equal(ident_make_random("12345678", 0, id, sizeof id), ERR_TOO_LARGE);
    assert_int_equal(ident_make_random("w_", SIZE_MAX, id, sizeof id), ERR_TOO_LARGE);
    assert_string_equal(id, "kept");
    assert_int_equal(ident_make_random("w_", 5, id, sizeof id), 0);
    assert_memory_equal(id, "w_", 2);
    assert_int_equal(strlen(id), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_identifier_holds_no_character_that_joins),
        cmocka_unit_test(test_a_cell_is_short_and_lower_case),
        cmocka_unit_test(test_a_batch_id_names_its_cell_and_is_never_made_twice),
        cmocka_unit_test(test_what_is_no_batch_id_is_refused),
        cmocka_unit_test(test_a_call_id_joins_and_splits),
        cmocka_unit_test(test_a_call_id_has_one_spelling_and_a_bound),
        cmocka_unit_test(test_random_ids_fit_or_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
