/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/csv_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_written(const char *text, const char *expected)
{
    struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(csv_write_cell(&out, text, strlen(text)), 0);
    assert_string_equal(buf_str(&out), expected);
    buf_free(&out);
}

static void test_plain_cells_stay_as_they_are(void **state)
{
    static const char *const plain[] = {"",    "Jane Doe",          "a=b", "1+1", "x@example.com",
                                        "50%", "\xC3\xA9t\xC3\xA9", "'",   "."};
    (void)state;
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        assert_written(plain[i], plain[i]);
}

static void test_numbers_with_a_sign_stay_numbers(void **state)
{
    static const char *const numbers[] = {"+15551234567", "-5", "-12.50", "+.5", "+1.", "15551234567"};
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        assert_written(numbers[i], numbers[i]);
}

static void test_what_a_spreadsheet_would_compute_is_text(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"=1+1", "'=1+1"},
        {"=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""},
        {"=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""},
        {"+1555-123", "'+1555-123"},
        {"+1+2", "'+1+2"},
        {"+", "'+"},
        {"-", "'-"},
        {"-1-1", "'-1-1"},
        {"+1.2.3", "'+1.2.3"},
        {"+1 555", "'+1 555"},
        {"@SUM(A1)", "'@SUM(A1)"},
        {"\t=1", "\"'\t=1\""},
        {"\r=1", "\"'\r=1\""},
        {"\n=1", "\"'\n=1\""},
        {"\xEF\xBC\x9D"
         "1",
         "'\xEF\xBC\x9D"
         "1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_written(cases[i].text, cases[i].expected);
}

static void test_separators_and_quotes_stay_inside_their_cell(void **state)
{
    (void)state;
    assert_written("a,b", "\"a,b\"");
    assert_written("a;=1", "\"a;=1\"");
    assert_written("say \"hi\"", "\"say \"\"hi\"\"\"");
    assert_written("\"", "\"\"\"\"");
    assert_written("two\nlines", "\"two\nlines\"");
    assert_written(" led", "\" led\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_cells_stay_as_they_are),
        cmocka_unit_test(test_numbers_with_a_sign_stay_numbers),
        cmocka_unit_test(test_what_a_spreadsheet_would_compute_is_text),
        cmocka_unit_test(test_separators_and_quotes_stay_inside_their_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
