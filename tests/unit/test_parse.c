/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static void test_i64_takes_whole_numbers_and_nothing_else(void **state)
{
    static const struct {
        const char *text;
        int err;
        int64_t value;
    } cases[] = {
        {"0", 0, 0},
        {"-0", 0, 0},
        {"17", 0, 17},
        {"-17", 0, -17},
        {"007", 0, 7},
        {"9223372036854775807", 0, INT64_MAX},
        {"-9223372036854775808", 0, INT64_MIN},
        {"9223372036854775808", ERR_RANGE, 0},
        {"-9223372036854775809", ERR_RANGE, 0},
        {"99999999999999999999999999", ERR_RANGE, 0},
        {"", ERR_INVALID, 0},
        {"-", ERR_INVALID, 0},
        {"+1", ERR_INVALID, 0},
        {" 1", ERR_INVALID, 0},
        {"1 ", ERR_INVALID, 0},
        {"1\n", ERR_INVALID, 0},
        {"--1", ERR_INVALID, 0},
        {"0x10", ERR_INVALID, 0},
        {"1e3", ERR_INVALID, 0},
        {"1.0", ERR_INVALID, 0},
        {"99999999999999999999999999x", ERR_INVALID, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t value = 4711;
        int err = parse_i64(cases[i].text, strlen(cases[i].text), INT64_MIN, INT64_MAX, &value);
        assert_int_equal(err, cases[i].err);
        assert_true(value == (err ? 4711 : cases[i].value));
    }
}

static void test_i64_holds_the_range_asked_for(void **state)
{
    int64_t value = 4711;
    (void)state;
    assert_int_equal(parse_i64("5", 1, 5, 10, &value), 0);
    assert_int_equal(parse_i64("10", 2, 5, 10, &value), 0);
    assert_int_equal(value, 10);
    assert_int_equal(parse_i64("4", 1, 5, 10, &value), ERR_RANGE);
    assert_int_equal(parse_i64("11", 2, 5, 10, &value), ERR_RANGE);
    assert_int_equal(parse_i64("-5", 2, 5, 10, &value), ERR_RANGE);
    assert_int_equal(value, 10);
}

static void test_only_the_bytes_given_are_read(void **state)
{
    int64_t value;
    (void)state;
    assert_int_equal(parse_i64("123456", 3, 0, 1000, &value), 0);
    assert_int_equal(value, 123);
    assert_int_equal(parse_i64("1\0002", 3, 0, 1000, &value), ERR_INVALID);
}

static void test_u64_has_no_sign_and_a_maximum(void **state)
{
    uint64_t value = 4711;
    (void)state;
    assert_int_equal(parse_u64("18446744073709551615", 20, UINT64_MAX, &value), 0);
    assert_true(value == UINT64_MAX);
    assert_int_equal(parse_u64("18446744073709551616", 20, UINT64_MAX, &value), ERR_RANGE);
    assert_int_equal(parse_u64("101", 3, 100, &value), ERR_RANGE);
    assert_int_equal(parse_u64("-1", 2, UINT64_MAX, &value), ERR_INVALID);
    assert_true(value == UINT64_MAX);
}

static void test_bool_takes_eight_words(void **state)
{
    static const struct {
        const char *text;
        int err;
        bool value;
    } cases[] = {
        {"true", 0, true},
        {"1", 0, true},
        {"yes", 0, true},
        {"on", 0, true},
        {"TRUE", 0, true},
        {"false", 0, false},
        {"0", 0, false},
        {"no", 0, false},
        {"Off", 0, false},
        {"", ERR_INVALID, false},
        {"2", ERR_INVALID, false},
        {"tru", ERR_INVALID, false},
        {"truee", ERR_INVALID, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        bool value = !cases[i].value;
        assert_int_equal(parse_bool(cases[i].text, strlen(cases[i].text), &value), cases[i].err);
        assert_int_equal(value, cases[i].err ? !cases[i].value : cases[i].value);
    }
}

static void test_double_takes_decimal_numbers_and_nothing_else(void **state)
{
    static const struct {
        const char *text;
        int err;
        double value;
    } cases[] = {
        {"0", 0, 0},
        {"1.5", 0, 1.5},
        {"-1.5", 0, -1.5},
        {"2e3", 0, 2000},
        {"25E-1", 0, 2.5},
        {"1e400", ERR_RANGE, 0},
        {"1e3", 0, 1000},
        {"1000001", ERR_RANGE, 0},
        {"-1000001", ERR_RANGE, 0},
        {"", ERR_INVALID, 0},
        {"-", ERR_INVALID, 0},
        {".5", ERR_INVALID, 0},
        {"5.", ERR_INVALID, 0},
        {"1e", ERR_INVALID, 0},
        {"1e+", ERR_INVALID, 0},
        {"inf", ERR_INVALID, 0},
        {"nan", ERR_INVALID, 0},
        {"0x1p3", ERR_INVALID, 0},
        {" 1", ERR_INVALID, 0},
        {"1 ", ERR_INVALID, 0},
        {"+1", ERR_INVALID, 0},
        {"1,5", ERR_INVALID, 0},
        {"1.0000000000000000000000000000000000000000000000000000000000000000", ERR_INVALID, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        double value = 4711;
        int err = parse_double(cases[i].text, strlen(cases[i].text), -1e6, 1e6, &value);
        assert_int_equal(err, cases[i].err);
        assert_true(value == (err ? 4711 : cases[i].value));
    }
}

static void test_a_duration_is_a_whole_number_of_one_unit(void **state)
{
    static const struct {
        const char *text;
        int err;
        int64_t ms;
    } cases[] = {
        {"0", 0, 0},
        {"0h", 0, 0},
        {"90s", 0, 90000},
        {"15m", 0, 900000},
        {"24h", 0, 86400000},
        {"30d", 0, INT64_C(2592000000)},
        {"31d", ERR_RANGE, 0},
        {"99999999999999999999d", ERR_RANGE, 0},
        {"", ERR_INVALID, 0},
        {"h", ERR_INVALID, 0},
        {"24", ERR_INVALID, 0},
        {"-1h", ERR_RANGE, 0},
        {"1.5h", ERR_INVALID, 0},
        {"1h30m", ERR_INVALID, 0},
        {"1 h", ERR_INVALID, 0},
        {"1H", ERR_INVALID, 0},
        {"1w", ERR_INVALID, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ms = 4711;
        assert_int_equal(parse_duration_ms(cases[i].text, strlen(cases[i].text), INT64_C(2592000000), &ms),
                         cases[i].err);
        assert_true(ms == (cases[i].err ? 4711 : cases[i].ms));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_i64_takes_whole_numbers_and_nothing_else),
        cmocka_unit_test(test_i64_holds_the_range_asked_for),
        cmocka_unit_test(test_only_the_bytes_given_are_read),
        cmocka_unit_test(test_u64_has_no_sign_and_a_maximum),
        cmocka_unit_test(test_bool_takes_eight_words),
        cmocka_unit_test(test_double_takes_decimal_numbers_and_nothing_else),
        cmocka_unit_test(test_a_duration_is_a_whole_number_of_one_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
