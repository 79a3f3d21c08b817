/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/phone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static void test_what_people_type_is_read_as_e164(void **state)
{
    static const struct {
        const char *text;
        uint64_t digits;
    } cases[] = {
        {"+15550001111", 15550001111},         {"+1 555 000 1111", 15550001111},
        {"+1 (555) 000-1111", 15550001111},    {"+1.555.000.1111", 15550001111},
        {" +1-555-000-1111 ", 15550001111},    {"(+44) 20 7946 0958", 442079460958},
        {"+44 2100000000", 442100000000},      {"+1234567", 1234567},
        {"+39 (06) 6982 0018", 390669820018},  {"+1 (200) 555-0100", 12005550100},
        {"+999999999999999", 999999999999999}, {"+123456789012345", 123456789012345},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t digits = 0;
        assert_int_equal(phone_parse(cases[i].text, strlen(cases[i].text), &digits), 0);
        assert_int_equal(digits, cases[i].digits);
        assert_true(phone_is_valid(digits));
    }
}

static void test_what_is_not_e164_is_refused_and_writes_nothing(void **state)
{
    static const char *const cases[] = {
        "",
        "+",
        "15550001111",
        "0015550001111",
        "+123456",
        "+1234567890123456",
        "+0123456789",
        "+ (0)1234567",
        "++15550001111",
        "+1555+0001111",
        "+1555000111a",
        "+1555/0001111",
        "tel:+15550001111",
        "+1555\t0001111",
        "+1555,0001111",
        "+1 555 000 1111 x2",
        "+1555\302\2400001111",
        "+\331\2415550001111",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t digits = 42;
        assert_int_equal(phone_parse(cases[i], strlen(cases[i]), &digits), ERR_INVALID);
        assert_int_equal(digits, 42);
    }
    uint64_t digits;
    assert_int_equal(phone_parse("+1555000\0001111", 13, &digits), ERR_INVALID);
}

/* Read with its 0 it would be another number: somebody else is called, or a number on the do-not-call list is. */
static void test_a_zero_that_is_dialed_inside_a_country_only_is_no_digit_of_a_number(void **state)
{
    static const char *const cases[] = {
        "+44 (0)20 7946 0018", "+44(0)2079460018", "+49 ( 0 ) 30 1234567", "(+44) (0) 20 7946 0018", "+4420794600(0)",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t digits = 42;
        assert_int_equal(phone_parse(cases[i], strlen(cases[i]), &digits), ERR_INVALID);
        assert_int_equal(digits, 42);
    }
}

static void test_a_number_is_written_as_it_would_be_read(void **state)
{
    static const uint64_t cases[] = {1234567, 15550001111, 999999999999999};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[PHONE_TEXT_LEN + 1];
        uint64_t digits;
        phone_format(cases[i], text);
        assert_int_equal(phone_parse(text, strlen(text), &digits), 0);
        assert_int_equal(digits, cases[i]);
    }
    assert_false(phone_is_valid(0));
    assert_false(phone_is_valid(999999));
    assert_false(phone_is_valid(1000000000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_people_type_is_read_as_e164),
        cmocka_unit_test(test_what_is_not_e164_is_refused_and_writes_nothing),
        cmocka_unit_test(test_a_zero_that_is_dialed_inside_a_country_only_is_no_digit_of_a_number),
        cmocka_unit_test(test_a_number_is_written_as_it_would_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
