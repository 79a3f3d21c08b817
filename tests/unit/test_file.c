/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static char path[64];

static void write_file(const char *data, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void test_a_file_is_read_whole_up_to_its_bound(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 10; len++) {
        char *data = NULL;
        size_t n = 4711;
        write_file("ab\0defghij", len);
        int err = file_read(path, 7, &data, &n);
        assert_int_equal(err, len > 7 ? ERR_TOO_LARGE : 0);
        if (err) {
            assert_null(data);
            assert_int_equal(n, 4711);
            continue;
        }
        assert_int_equal(n, len);
        assert_memory_equal(data, "ab\0defghij", len);
        assert_int_equal(data[len], '\0');
        free(data);
    }
}

static void test_what_cannot_be_read_is_told_with_its_errno(void **state)
{
    char *data = NULL;
    size_t len;
    (void)state;
    assert_int_equal(file_read("/nonexistent", 10, &data, &len), ERR_IO);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(file_read("/", 10, &data, &len), ERR_IO);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(file_read("/dev/null", SIZE_MAX, &data, &len), ERR_NOMEM);
    assert_null(data);
}

static void test_a_secret_is_one_line(void **state)
{
    static const struct {
        const char *data;
        size_t len;
        int err;
        const char *secret;
    } cases[] = {
        {"s3cret", 6, 0, "s3cret"},
        {"s3cret\n", 7, 0, "s3cret"},
        {"s3cret\r\n", 8, 0, "s3cret"},
        {" a b ", 5, 0, " a b "},
        {"", 0, ERR_INVALID, NULL},
        {"\n", 1, ERR_INVALID, NULL},
        {"\r\n", 2, ERR_INVALID, NULL},
        {"a\nb", 3, ERR_INVALID, NULL},
        {"a\n\n", 3, ERR_INVALID, NULL},
        {"a\0b", 3, ERR_INVALID, NULL},
        {"0123456789", 10, ERR_TOO_LARGE, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *secret = NULL;
        write_file(cases[i].data, cases[i].len);
        assert_int_equal(file_read_secret(path, 9, &secret), cases[i].err);
        if (cases[i].secret)
            assert_string_equal(secret, cases[i].secret);
        else
            assert_null(secret);
        file_free_secret(secret);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_is_read_whole_up_to_its_bound),
        cmocka_unit_test(test_what_cannot_be_read_is_told_with_its_errno),
        cmocka_unit_test(test_a_secret_is_one_line),
    };
    char folder[] = "/tmp/carillon-file-XXXXXX";
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/file", folder);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    rmdir(folder);
    return failed;
}
