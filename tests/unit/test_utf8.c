/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The plain reading of RFC 3629, to hold the tables of the implementation against. */
static size_t encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 63));
    out[0] = (char)(leads[n] | c);
    return n;
}

static void test_every_code_point_but_the_surrogates_is_valid(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x200000; c++) {
        char text[4];
        size_t n = encode(c, text);
        bool want = c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
        if (utf8_is_valid(text, n) != want)
            fail_msg("U+%04X", c);
        if (want)
            assert_int_equal(utf8_count(text, n), 1);
        if (want && n > 1)
            assert_false(utf8_is_valid(text, n - 1));
    }
}

static void test_malformed_text_is_refused(void **state)
{
    static const char *const cases[] = {
        "\x80",
        "\xBF",
        "\xC0\x80",
        "\xC1\xBF",
        "\xE0\x80\x80",
        "\xE0\x9F\xBF",
        "\xF0\x80\x80\x80",
        "\xF0\x8F\xBF\xBF",
        "\xF5\x80\x80\x80",
        "\xFE",
        "\xFF",
        "\xC3(",
        "\xE2\x82(",
        "\xF0\x9F\x98(",
        "ok\xC3",
        "\xED\xA0\x80",
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        /* also wherever it stands among others */
        for (size_t at = 0; at <= 16; at++) {
            char text[32];
            memset(text, 'a', sizeof text);
            memcpy(text + at, cases[i], strlen(cases[i]));
            assert_false(utf8_is_valid(text, sizeof text));
        }
        assert_false(utf8_is_valid(cases[i], strlen(cases[i])));
    }
}

static void test_length_is_in_code_points(void **state)
{
    (void)state;
    assert_true(utf8_is_valid("", 0));
    assert_int_equal(utf8_count("", 0), 0);
    assert_int_equal(utf8_count("Zo\xC3\xAB \xF0\x9F\x98\x80", 9), 5);
    assert_true(utf8_is_valid("a\0b", 3));
    assert_int_equal(utf8_sequence_len("\xF0\x9F\x98\x80x", 5), 4);
    assert_int_equal(utf8_sequence_len("\xF0\x9F\x98", 3), 0);
    assert_int_equal(utf8_sequence_len("", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point_but_the_surrogates_is_valid),
        cmocka_unit_test(test_malformed_text_is_refused),
        cmocka_unit_test(test_length_is_in_code_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
