/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/buf.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* What the reader tells, as text: "H1:1 [a][b]" a header, "R2:2 [1][2]" a row, "F3:4 NAME detail" a fault; row:line. */
struct journal {
    struct buf text;
    int answer; /* what the callbacks return */
};

static void write_fields(struct journal *j, char kind, struct csv_position at, const struct csv_field *fields, size_t n)
{
    assert_int_equal(
        buf_printf(&j->text, "%c%llu:%llu ", kind, (unsigned long long)at.row, (unsigned long long)at.line), 0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(strlen(fields[i].text), fields[i].len);
        assert_int_equal(buf_printf(&j->text, "[%s]", fields[i].text), 0);
    }
    assert_int_equal(buf_append_char(&j->text, '\n'), 0);
}

static int on_header(struct csv_position at, const struct csv_field *fields, size_t n, void *arg)
{
    struct journal *j = arg;
    write_fields(j, 'H', at, fields, n);
    return j->answer;
}

static int on_row(struct csv_position at, const struct csv_field *fields, size_t n, void *arg)
{
    struct journal *j = arg;
    write_fields(j, 'R', at, fields, n);
    return j->answer;
}

static int on_fault(struct csv_position at, enum csv_fault fault, const char *detail, void *arg)
{
    struct journal *j = arg;
    assert_true(strlen(detail) > 0);
    assert_int_equal(buf_printf(&j->text, "F%llu:%llu %s\n", (unsigned long long)at.row, (unsigned long long)at.line,
                                csv_fault_name(fault)),
                     0);
    return j->answer;
}

/* Reads `text` in pieces of `piece` bytes; the journal is the caller's to free. */
static int read_csv(const char *text, size_t len, size_t piece, struct journal *j)
{
    const struct csv_config config = {.on_header = on_header, .on_row = on_row, .on_fault = on_fault, .arg = j};
    struct csv_reader *reader;
    buf_init(&j->text, 1 << 20);
    assert_int_equal(csv_reader_create(&config, &reader), 0);
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < len; at += piece)
        rc = csv_reader_feed(reader, text + at, len - at < piece ? len - at : piece);
    if (rc == 0)
        rc = csv_reader_finish(reader);
    csv_reader_free(reader);
    return rc;
}

struct reading {
    const char *text;
    const char *want;
    int rc;
};

static void check(const struct reading *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(cases[i].text);
        for (size_t piece = 1; piece <= len + 1; piece++) {
            struct journal j = {.answer = 0};
            int rc = read_csv(cases[i].text, len, piece, &j);
            if (rc != cases[i].rc || strcmp(buf_str(&j.text), cases[i].want) != 0)
                fail_msg("case %zu in pieces of %zu: %d\n%s\nwanted %d\n%s", i, piece, rc, buf_str(&j.text),
                         cases[i].rc, cases[i].want);
            buf_free(&j.text);
        }
    }
}

static void test_rows_are_read_however_they_are_written_and_cut(void **state)
{
    static const struct reading cases[] = {
        {"a,b\n1,2\n", "H1:1 [a][b]\nR2:2 [1][2]\n", 0},
        {"a,b\r\n1,2\r\n", "H1:1 [a][b]\nR2:2 [1][2]\n", 0},
        {"a,b\r1,2\r", "H1:1 [a][b]\nR2:2 [1][2]\n", 0},
        {"a,b\n1,2", "H1:1 [a][b]\nR2:2 [1][2]\n", 0},
        {"\xEF\xBB\xBF"
         "a,b\n1,2\n",
         "H1:1 [a][b]\nR2:2 [1][2]\n", 0},
        {"\xEF\xBB\xBF\"a\",b\n", "H1:1 [a][b]\n", 0},
        {"a\n\xEF\xBB\xBF"
         "1\n",
         "H1:1 [a]\nR2:2 [\xEF\xBB\xBF"
         "1]\n",
         0},
        {"a,b\n,\n\"\",\n", "H1:1 [a][b]\nR2:2 [][]\nR3:3 [][]\n", 0},
        {"a,b\n1,", "H1:1 [a][b]\nR2:2 [1][]\n", 0},
        {"a\n\"\"\n", "H1:1 [a]\nR2:2 []\n", 0},
        {"a,b\n\"x,y\",\"say \"\"hi\"\"\"\n", "H1:1 [a][b]\nR2:2 [x,y][say \"hi\"]\n", 0},
        {"a,b\n\"two\r\nlines\",2\n3,4\n", "H1:1 [a][b]\nR2:2 [two\r\nlines][2]\nR3:4 [3][4]\n", 0},
        {"a\n\"\n\n\"\n1\n", "H1:1 [a]\nR2:2 [\n\n]\nR3:5 [1]\n", 0},
        {"a\n5\" pipe\n", "H1:1 [a]\nR2:2 [5\" pipe]\n", 0},
        {"a\n \"x\"\n", "H1:1 [a]\nR2:2 [ \"x\"]\n", 0},
        {" a , b \n 1 , 2 \n", "H1:1 [ a ][ b ]\nR2:2 [ 1 ][ 2 ]\n", 0},
        {"\"a\"\r\n\"1\"", "H1:1 [a]\nR2:2 [1]\n", 0},
        {"\n\na\n\n\n1\n\n", "H3:3 [a]\nR6:6 [1]\n", 0},
        {"\r\n\r\na\r\n\r\n1\r\n", "H3:3 [a]\nR5:5 [1]\n", 0},
        {"a\n\xC3\xBC\xF0\x9F\x94\x94\n", "H1:1 [a]\nR2:2 [\xC3\xBC\xF0\x9F\x94\x94]\n", 0},
    };
    (void)state;
    check(cases, COUNT(cases));
}

static void test_a_bad_row_is_reported_and_the_rest_goes_on(void **state)
{
    static const struct reading cases[] = {
        {"a,b\n1\n1,2\n1,2,3\n3,4\n",
         "H1:1 [a][b]\nF2:2 WRONG_FIELD_COUNT\nR3:3 [1][2]\nF4:4 WRONG_FIELD_COUNT\nR5:5 [3][4]\n", 0},
        {"a,b\n\"x\"y,2\n3,4\n", "H1:1 [a][b]\nF2:2 MISPLACED_QUOTE\nR3:3 [3][4]\n", 0},
        {"a,b\n\"x\" ,2\n3,4\n", "H1:1 [a][b]\nF2:2 MISPLACED_QUOTE\nR3:3 [3][4]\n", 0},
        {"a\n\"x\n1\n", "H1:1 [a]\nF2:2 OPEN_QUOTE\n", 0},
        {"a\n\xFF\n1\n", "H1:1 [a]\nF2:2 INVALID_UTF8\nR3:3 [1]\n", 0},
        {"a,b\n\xC3,\xBC\n1,2\n", "H1:1 [a][b]\nF2:2 INVALID_UTF8\nR3:3 [1][2]\n", 0},
        {"a\n\xEF\xBB\n", "H1:1 [a]\nF2:2 INVALID_UTF8\n", 0},
    };
    (void)state;
    check(cases, COUNT(cases));
}

static void test_without_a_good_header_nothing_is_read(void **state)
{
    static const struct reading cases[] = {
        {"", "", ERR_NOT_FOUND},
        {"\n\r\n\n", "", ERR_NOT_FOUND},
        {"\xEF\xBB\xBF", "", ERR_NOT_FOUND},
        {"\xEF\xBB", "F1:1 INVALID_UTF8\n", ERR_INVALID},
        {"\"a\"b,c\n1,2\n", "F1:1 MISPLACED_QUOTE\n", ERR_INVALID},
        {"\"a", "F1:1 OPEN_QUOTE\n", ERR_INVALID},
        {"a\xFF\n1\n", "F1:1 INVALID_UTF8\n", ERR_INVALID},
    };
    (void)state;
    check(cases, COUNT(cases));
}

static void test_a_nul_byte_is_a_fault_of_its_row(void **state)
{
    static const char text[] = "a,b\n1,2\0\n3,4\n";
    struct journal j = {.answer = 0};
    (void)state;
    assert_int_equal(read_csv(text, sizeof text - 1, 3, &j), 0);
    assert_string_equal(buf_str(&j.text), "H1:1 [a][b]\nF2:2 NUL_BYTE\nR3:3 [3][4]\n");
    buf_free(&j.text);
}

/* "a\n" + `count` times `unit` + `end`. */
static char *build(const char *head, const char *unit, size_t count, const char *end)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    assert_int_equal(buf_append_str(&text, head), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(buf_append_str(&text, unit), 0);
    assert_int_equal(buf_append_str(&text, end), 0);
    char *taken = buf_take(&text, NULL);
    assert_non_null(taken);
    return taken;
}

static void check_ends(char *text, const char *want_end)
{
    struct journal j = {.answer = 0};
    assert_int_equal(read_csv(text, strlen(text), 1000, &j), 0);
    size_t len = buf_len(&j.text), end_len = strlen(want_end);
    assert_true(len >= end_len);
    assert_string_equal(buf_str(&j.text) + len - end_len, want_end);
    buf_free(&j.text);
    free(text);
}

static void test_bounds_are_held_and_the_rows_behind_them_are_read(void **state)
{
    (void)state;
    check_ends(build("a\n", "x", CSV_MAX_FIELD_BYTES, "\n1\n"), "x]\nR3:3 [1]\n");
    check_ends(build("a\n", "x", CSV_MAX_FIELD_BYTES + 1, "\n1\n"), "F2:2 FIELD_TOO_LONG\nR3:3 [1]\n");
    check_ends(build("a\n\"", "x", CSV_MAX_FIELD_BYTES + 1, "\"\n1\n"), "F2:2 FIELD_TOO_LONG\nR3:3 [1]\n");
    /* An open quote costs the lines up to the bound, not the file. */
    check_ends(build("a\n\"", "123\n", CSV_MAX_FIELD_BYTES / 4, "4\n5\n"), "F2:2 FIELD_TOO_LONG\nR3:4099 [5]\n");
    check_ends(build("a\n\"", "123\n", CSV_MAX_FIELD_BYTES / 4 - 1, "1234\n5\n"), "F2:2 FIELD_TOO_LONG\nR3:4098 [5]\n");
    check_ends(build("a\n", ",", CSV_MAX_FIELDS, "\n1\n"), "F2:2 TOO_MANY_FIELDS\nR3:3 [1]\n");
    check_ends(build("a\n", ",", CSV_MAX_FIELDS - 1, "\n1\n"), "F2:2 WRONG_FIELD_COUNT\nR3:3 [1]\n");

    char *field = build("", "x", CSV_MAX_ROW_BYTES / 8, "");
    char *row = build(field, ",", 1, field);
    for (int i = 0; i < 2; i++) {
        char *wider = build(row, ",", 1, row);
        free(row);
        row = wider;
    }
    check_ends(build("a\n", row, 1, "\n1\n"), "F2:2 WRONG_FIELD_COUNT\nR3:3 [1]\n");
    check_ends(build("a\n", row, 1, "x\n1\n"), "F2:2 ROW_TOO_LONG\nR3:3 [1]\n");
    free(row);
    free(field);
}

static void test_what_a_callback_returns_ends_the_reading(void **state)
{
    struct journal j = {.answer = ERR_CLOSED};
    (void)state;
    assert_int_equal(read_csv("a\n1\n", 4, 100, &j), ERR_CLOSED);
    assert_string_equal(buf_str(&j.text), "H1:1 [a]\n");
    buf_free(&j.text);
    csv_reader_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_read_however_they_are_written_and_cut),
        cmocka_unit_test(test_a_bad_row_is_reported_and_the_rest_goes_on),
        cmocka_unit_test(test_without_a_good_header_nothing_is_read),
        cmocka_unit_test(test_a_nul_byte_is_a_fault_of_its_row),
        cmocka_unit_test(test_bounds_are_held_and_the_rows_behind_them_are_read),
        cmocka_unit_test(test_what_a_callback_returns_ends_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
