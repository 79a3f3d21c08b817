/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/content_coding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static void test_gzip_is_taken_where_it_is_named_and_not_refused(void **state)
{
    (void)state;
    static const char *const taken[] = {
        "gzip",    "GZip",     "deflate, gzip", "br;q=1,gzip;q=0.001", " ,, gzip ; q=1.0 , x",
        "gzip;q=", "gzip;x=0", "gzip;q=0.0001"};
    static const char *const not_taken[] = {"",
                                            "*",
                                            "identity",
                                            "gzi",
                                            "gzipx",
                                            "x-gzip",
                                            "gzip;q=0",
                                            "gzip ; Q=0.0",
                                            "gzip;q=0.000,",
                                            ",;,",
                                            "gzip;q=0, gzip"};
    for (size_t i = 0; i < COUNT(taken); i++)
        assert_true(content_coding_takes_gzip(taken[i]));
    for (size_t i = 0; i < COUNT(not_taken); i++)
        assert_false(content_coding_takes_gzip(not_taken[i]));
    assert_false(content_coding_takes_gzip(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gzip_is_taken_where_it_is_named_and_not_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
