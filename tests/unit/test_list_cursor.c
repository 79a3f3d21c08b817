/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/list_cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_reads_back_what_it_wrote(void **state)
{
    static const struct list_cursor cursors[] = {
        {0, "a"},
        {INT64_C(1763283600123), "batch_c0_0123456789abcdefghij"},
        {INT64_MAX, "batch_12345678_012345678901234567890123456789"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cursors / sizeof cursors[0]; i++) {
        char text[LIST_CURSOR_LEN + 1];
        struct list_cursor read;
        list_cursor_format(&cursors[i], text);
        assert_null(strchr(text, '.')); /* opaque */
        assert_int_equal(list_cursor_parse(text, &read), 0);
        assert_int_equal(read.place, cursors[i].place);
        assert_string_equal(read.id, cursors[i].id);
    }
}

static void test_refuses_what_it_did_not_write(void **state)
{
    /* "", no hexadecimal, odd, "12", "12.", ".a", "-1.a", "1.a/b", "1.a" and a NUL, far too long */
    static const char *const texts[] = {"",         "zz",
                                        "3",        "3132",
                                        "31322e",   "2e61",
                                        "2d312e61", "312e612f62",
                                        "312e6100", "3132333435363738393031323334353637383930313233343536373839302e61"};
    char longest[4 * LIST_CURSOR_LEN + 1];
    struct list_cursor cursor = {.place = 42};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(list_cursor_parse(texts[i], &cursor), ERR_INVALID);
    memset(longest, '1', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(list_cursor_parse(longest, &cursor), ERR_INVALID);
    assert_int_equal(cursor.place, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_back_what_it_wrote),
        cmocka_unit_test(test_refuses_what_it_did_not_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
