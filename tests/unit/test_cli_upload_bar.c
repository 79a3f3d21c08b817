/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/upload_bar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check(struct upload_progress p, size_t width, const char *want)
{
    struct buf text;
    buf_init(&text, UPLOAD_BAR_MOST);
    assert_int_equal(upload_bar_render(&p, width, &text), 0);
    assert_string_equal(buf_str(&text), want);
    assert_true(buf_len(&text) <= width);
    buf_free(&text);
}

static void test_the_bar_tells_rows_pace_and_what_is_left(void **state)
{
    (void)state;
    check(
        (struct upload_progress){
            .bytes = 25, .total_bytes = 100, .rows = 250000, .rejected = 1234, .elapsed_us = 2000000},
        100, "[######..................]  25%  250,000 rows  125,000/s  0:06 left  1,234 rejected");
    check((struct upload_progress){.bytes = 1, .total_bytes = 1000, .rows = 1, .elapsed_us = 1000000}, 100,
          "[........................]   0%  1 row  1/s  16:39 left");
    check((struct upload_progress){.bytes = 100, .total_bytes = 100, .rows = 1000000, .elapsed_us = 10000000}, 100,
          "[########################] 100%  1,000,000 rows  100,000/s");
}

static void test_before_the_first_chunk_nothing_is_guessed(void **state)
{
    (void)state;
    check((struct upload_progress){.total_bytes = 100, .elapsed_us = 5000000}, 100,
          "[........................]   0%  0 rows");
    check((struct upload_progress){.total_bytes = 0}, 100, "[########################] 100%  0 rows");
}

static void test_on_a_narrow_terminal_the_last_parts_go_first(void **state)
{
    const struct upload_progress p = {
        .bytes = 50, .total_bytes = 100, .rows = 5000, .rejected = 7, .elapsed_us = 1000000};
    (void)state;
    check(p, 80, "[############............]  50%  5,000 rows  5,000/s  0:01 left  7 rejected");
    check(p, 62, "[############............]  50%  5,000 rows  5,000/s");
    check(p, 31, "[############............]  50%");
    check(p, 20, "50%  5,000 rows");
    check(p, 3, "50%");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_bar_tells_rows_pace_and_what_is_left),
        cmocka_unit_test(test_before_the_first_chunk_nothing_is_guessed),
        cmocka_unit_test(test_on_a_narrow_terminal_the_last_parts_go_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
