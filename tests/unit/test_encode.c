/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/encode.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static void test_hex_goes_there_and_back(void **state)
{
    uint8_t all[256], back[256];
    char text[2 * sizeof all + 1];
    size_t len;
    (void)state;
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (uint8_t)i;
    encode_hex(all, sizeof all, text);
    assert_int_equal(strlen(text), 512);
    assert_memory_equal(text, "000102", 6);
    assert_string_equal(text + 506, "fdfeff");
    assert_int_equal(decode_hex(text, 512, back, sizeof back, &len), 0);
    assert_int_equal(len, 256);
    assert_memory_equal(back, all, 256);
    assert_int_equal(decode_hex("AbCd", 4, back, sizeof back, &len), 0);
    assert_memory_equal(back, "\xab\xcd", 2);
}

static void test_hex_refuses_what_is_none(void **state)
{
    static const struct {
        const char *text;
        int err;
    } cases[] = {{"a", ERR_INVALID},  {"abc", ERR_INVALID},          {"ag", ERR_INVALID},
                 {" a", ERR_INVALID}, {"0102030405", ERR_TOO_LARGE}, {"0x12", ERR_INVALID}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t out[4] = {9, 9, 9, 9};
        size_t len = 77;
        assert_int_equal(decode_hex(cases[i].text, strlen(cases[i].text), out, sizeof out, &len), cases[i].err);
        assert_int_equal(len, 77);
        assert_memory_equal(out, "\x09\x09\x09\x09", 4);
    }
}

/* The vectors of RFC 4648 section 10, and all-ones for the last two letters of the alphabet. */
static void test_base64_holds_the_standards_vectors(void **state)
{
    static const struct {
        const char *bytes;
        const char *text;
    } cases[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xef\xff", "++//"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[32], back[32];
        size_t len, n = strlen(cases[i].bytes);
        encode_base64(cases[i].bytes, n, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(strlen(text), ENCODE_BASE64_LEN(n));
        assert_int_equal(decode_base64(text, strlen(text), back, n, &len), 0);
        assert_int_equal(len, n);
        assert_memory_equal(back, cases[i].bytes, n);
    }
}

static void test_base64_refuses_what_is_none(void **state)
{
    static const struct {
        const char *text;
        int err;
    } cases[] = {
        {"Zg", ERR_INVALID},         {"Zg=", ERR_INVALID},  {"Zg===", ERR_INVALID}, {"=", ERR_INVALID},
        {"====", ERR_INVALID},       {"Z===", ERR_INVALID}, {"Zh==", ERR_INVALID},  {"Zm9=", ERR_INVALID},
        {"Zm9v\n", ERR_INVALID},     {"Zm 9", ERR_INVALID}, {"Zm9-", ERR_INVALID},  {"Zg==Zg==", ERR_INVALID},
        {"Zm9vYg==", ERR_TOO_LARGE},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t out[3] = {9, 9, 9};
        size_t len = 77;
        assert_int_equal(decode_base64(cases[i].text, strlen(cases[i].text), out, sizeof out, &len), cases[i].err);
        assert_int_equal(len, 77);
        assert_memory_equal(out, "\x09\x09\x09", 3);
    }
}

static void test_numbers_are_written_as_printf_does(void **state)
{
    static const int64_t values[] = {0, 1, 9, 10, -1, -10, 1234567890, INT64_MAX, INT64_MIN, INT64_MIN + 1};
    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        char text[ENCODE_I64_LEN + 1], wanted[ENCODE_I64_LEN + 1];
        snprintf(wanted, sizeof wanted, "%" PRId64, values[i]);
        assert_int_equal(encode_i64(values[i], text), strlen(wanted));
        assert_string_equal(text, wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_written_as_printf_does),
        cmocka_unit_test(test_hex_goes_there_and_back),
        cmocka_unit_test(test_hex_refuses_what_is_none),
        cmocka_unit_test(test_base64_holds_the_standards_vectors),
        cmocka_unit_test(test_base64_refuses_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
