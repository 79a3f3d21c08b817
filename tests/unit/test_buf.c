/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_an_empty_buffer_reads_as_an_empty_string(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 10);
    assert_string_equal(buf_str(&b), "");
    assert_int_equal(buf_len(&b), 0);
    buf_clear(&b);
    buf_consume(&b, 3);
    assert_string_equal(buf_str(&b), "");
    buf_free(&b);
}

static void test_what_is_appended_is_there_and_ends_with_nul(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 1000);
    assert_int_equal(buf_append_str(&b, "ab"), 0);
    assert_int_equal(buf_append_char(&b, 'c'), 0);
    assert_int_equal(buf_append(&b, "d\0e", 3), 0);
    assert_int_equal(buf_append(&b, NULL, 0), 0);
    assert_int_equal(buf_printf(&b, "-%d-%s", 17, "x"), 0);
    assert_int_equal(buf_len(&b), 11);
    assert_memory_equal(buf_str(&b), "abcd\0e-17-x", 12);
    buf_free(&b);
}

static void test_growth_keeps_the_content(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 100000);
    for (int i = 0; i < 20000; i++)
        assert_int_equal(buf_printf(&b, "%05d", i), 0);
    assert_int_equal(buf_len(&b), 100000);
    for (size_t i = 0; i < 20000; i++) {
        char want[16];
        snprintf(want, sizeof want, "%05u", (unsigned)i);
        assert_memory_equal(buf_str(&b) + 5 * i, want, 5);
    }
    buf_free(&b);
}

static void test_the_ceiling_is_exact_and_a_refusal_changes_nothing(void **state)
{
    struct buf b;
    (void)state;
    for (size_t max = 0; max <= 200; max += 7) {
        char text[256];
        memset(text, 'x', sizeof text);
        buf_init(&b, max);
        assert_int_equal(buf_append(&b, text, max + 1), ERR_NOMEM);
        assert_int_equal(buf_append(&b, text, SIZE_MAX), ERR_NOMEM);
        assert_int_equal(buf_len(&b), 0);
        assert_int_equal(buf_append(&b, text, max), 0);
        assert_int_equal(buf_append_char(&b, 'y'), ERR_NOMEM);
        assert_int_equal(buf_printf(&b, "%d", 1), ERR_NOMEM);
        assert_int_equal(buf_append(&b, text, 0), 0);
        assert_int_equal(buf_len(&b), max);
        assert_int_equal(strlen(buf_str(&b)), max);
        buf_free(&b);
    }
}

static void test_a_buffer_without_a_ceiling_refuses_what_cannot_be(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, SIZE_MAX);
    assert_int_equal(buf_append(&b, "x", 1), 0);
    assert_int_equal(buf_append(&b, "x", SIZE_MAX - 1), ERR_NOMEM);
    assert_string_equal(buf_str(&b), "x");
    buf_free(&b);
}

static void test_consume_drops_from_the_front(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 100);
    assert_int_equal(buf_append_str(&b, "abcdef"), 0);
    buf_consume(&b, 2);
    assert_string_equal(buf_str(&b), "cdef");
    assert_int_equal(buf_len(&b), 4);
    buf_consume(&b, 0);
    assert_string_equal(buf_str(&b), "cdef");
    buf_consume(&b, 99);
    assert_string_equal(buf_str(&b), "");
    assert_int_equal(buf_append_str(&b, "g"), 0);
    assert_string_equal(buf_str(&b), "g");
    buf_free(&b);
}

static void test_a_cut_keeps_the_front(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 10);
    buf_cut(&b, 0);
    assert_int_equal(buf_append_str(&b, "abcdef"), 0);
    buf_cut(&b, 7);
    assert_string_equal(buf_str(&b), "abcdef");
    buf_cut(&b, 2);
    assert_string_equal(buf_str(&b), "ab");
    assert_int_equal(buf_len(&b), 2);
    buf_free(&b);
}

static void test_take_moves_the_content_out(void **state)
{
    struct buf b;
    size_t len = 99;
    (void)state;
    buf_init(&b, 100);
    char *text = buf_take(&b, &len);
    assert_string_equal(text, "");
    assert_int_equal(len, 0);
    free(text);
    assert_int_equal(buf_append_str(&b, "abc"), 0);
    text = buf_take(&b, NULL);
    assert_string_equal(text, "abc");
    assert_int_equal(buf_len(&b), 0);
    assert_int_equal(buf_append_str(&b, "def"), 0);
    assert_string_equal(text, "abc");
    assert_string_equal(buf_str(&b), "def");
    free(text);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_buffer_reads_as_an_empty_string),
        cmocka_unit_test(test_what_is_appended_is_there_and_ends_with_nul),
        cmocka_unit_test(test_growth_keeps_the_content),
        cmocka_unit_test(test_the_ceiling_is_exact_and_a_refusal_changes_nothing),
        cmocka_unit_test(test_a_buffer_without_a_ceiling_refuses_what_cannot_be),
        cmocka_unit_test(test_consume_drops_from_the_front),
        cmocka_unit_test(test_a_cut_keeps_the_front),
        cmocka_unit_test(test_take_moves_the_content_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
