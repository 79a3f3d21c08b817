/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/phases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_times_count_from_the_attempts_beginning(void **state)
{
    const struct http_result result = {
        .connect_us = 2000, .tls_us = 17000, .first_byte_us = 28999, .total_us = 30000, .http_version = 20};
    char text[PHASES_LEN + 1];
    (void)state;
    phases_format(&result, 3500, text);
    assert_string_equal(text, "dns=3 connect=5 tls=20 first=32 http=20 reused=0");
}

static void test_what_it_did_not_come_to_is_left_out(void **state)
{
    const struct http_result kept = {.first_byte_us = 900, .http_version = 11, .connection_reused = true};
    const struct http_result refused = {.fail = HTTP_FAIL_CONNECT};
    char text[PHASES_LEN + 1];
    (void)state;
    phases_format(&kept, 0, text);
    assert_string_equal(text, "first=0 http=11 reused=1");
    phases_format(&refused, 0, text);
    assert_string_equal(text, "");
}

static void test_the_longest_fits(void **state)
{
    const struct http_result result = {.connect_us = INT64_MAX / 2,
                                       .tls_us = INT64_MAX / 2,
                                       .first_byte_us = INT64_MAX / 2,
                                       .http_version = 20,
                                       .connection_reused = true};
    char text[PHASES_LEN + 1];
    (void)state;
    phases_format(&result, INT64_MAX / 2, text);
    assert_string_equal(text, "dns=4611686018427387 connect=9223372036854775 tls=9223372036854775 "
                              "first=9223372036854775 http=20 reused=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times_count_from_the_attempts_beginning),
        cmocka_unit_test(test_what_it_did_not_come_to_is_left_out),
        cmocka_unit_test(test_the_longest_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
