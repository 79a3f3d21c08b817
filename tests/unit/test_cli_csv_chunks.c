/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/csv_chunks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/buf.h"

#define TEXT_MOST (1u << 22)

/* ---- what a reader finds in a text: "<row> [field][field]" or "<row> FAULT", a line each ---- */

struct rows {
    struct buf text;
    const struct csv_chunks *chunks; /* NULL: rows are numbered as they stand */
    uint64_t chunk;
    bool with_header;
};

static void add_row(struct rows *r, struct csv_position at)
{
    uint64_t row = r->chunks ? csv_chunks_row(r->chunks, r->chunk, at.row) : at.row;
    assert_int_equal(buf_printf(&r->text, "%llu ", (unsigned long long)row), 0);
}

static int on_row(struct csv_position at, const struct csv_field *fields, size_t n, void *arg)
{
    struct rows *r = arg;
    add_row(r, at);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(buf_printf(&r->text, "[%s]", fields[i].text), 0);
    return buf_append_char(&r->text, '\n');
}

static int on_header(struct csv_position at, const struct csv_field *fields, size_t n, void *arg)
{
    struct rows *r = arg;
    return r->with_header ? on_row(at, fields, n, arg) : 0;
}

static int on_fault(struct csv_position at, enum csv_fault fault, const char *detail, void *arg)
{
    struct rows *r = arg;
    (void)detail;
    add_row(r, at);
    return buf_printf(&r->text, "%s\n", csv_fault_name(fault));
}

static void read_rows(const char *text, size_t len, struct rows *r)
{
    const struct csv_config config = {.on_header = on_header, .on_row = on_row, .on_fault = on_fault, .arg = r};
    struct csv_reader *reader;
    assert_int_equal(csv_reader_create(&config, &reader), 0);
    assert_int_equal(csv_reader_feed(reader, text, len), 0);
    assert_int_equal(csv_reader_finish(reader), 0);
    csv_reader_free(reader);
}

/* ---- chunks ---- */

static struct csv_chunks *cut(FILE *file, size_t chunk_bytes)
{
    const struct csv_chunks_config config = {.file = file, .chunk_bytes = chunk_bytes};
    struct csv_chunks *c;
    assert_int_equal(csv_chunks_create(&config, &c), 0);
    return c;
}

static FILE *file_of(const char *text, size_t len)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    rewind(file);
    return file;
}

/* Every chunk is a CSV file; all of their rows together are the file's, by their places in it. */
static uint64_t check(const char *text, size_t len, size_t chunk_bytes)
{
    FILE *file = file_of(text, len);
    struct csv_chunks *c = cut(file, chunk_bytes);
    struct rows whole = {.with_header = true}, parts = {.chunks = c};
    struct csv_chunk chunk;
    uint64_t n = 0, n_rows = 0, end = 0;
    char want[2 * DIGEST_SHA256_LEN + 1], digest[2 * DIGEST_SHA256_LEN + 1];
    buf_init(&whole.text, TEXT_MOST);
    buf_init(&parts.text, TEXT_MOST);
    read_rows(text, len, &whole);
    for (;;) {
        assert_int_equal(csv_chunks_next(c, &chunk), 0);
        if (chunk.len == 0)
            break;
        assert_int_equal(chunk.number, ++n);
        parts.chunk = n;
        parts.with_header = n == 1;
        read_rows(chunk.bytes, chunk.len, &parts);
        n_rows += chunk.n_rows;
        end = chunk.end;
    }
    assert_string_equal(buf_str(&parts.text), buf_str(&whole.text));
    assert_int_equal(end, len);
    size_t lines = 0;
    for (const char *at = buf_str(&whole.text); (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_true(n_rows + 1 <= lines);
    assert_int_equal(csv_chunks_digest(c, digest), 0);
    assert_int_equal(digest_sha256_hex(text, len, want), 0);
    assert_string_equal(digest, want);
    buf_free(&whole.text);
    buf_free(&parts.text);
    csv_chunks_free(c);
    (void)fclose(file);
    return n;
}

static void test_a_file_is_cut_between_rows_and_nothing_is_lost(void **state)
{
    static const char *const rows[] = {
        "+15550001111,Ann\n",
        "+15550001112,\"Bob\r\nof two lines, \"\"quoted\"\"\"\r\n",
        "\n",
        "+15550001113,5\" pipe\n",
        "too,many,fields\n",
        "+15550001114,\"text\" behind\n",
        "\r\n\r\n",
        "+15550001115,\xFF\r",
        "\"\n\n\",x\n",
        "+15550001116,a name that is quite a bit longer than those of the others in this file\n",
    };
    struct buf text;
    (void)state;
    for (size_t variant = 0; variant < 4; variant++) {
        buf_init(&text, TEXT_MOST);
        assert_int_equal(
            buf_append_str(&text, variant % 2 ? "\xEF\xBB\xBF\n\nphoneNumber,name\r\n\r\n" : "phoneNumber,name\n"), 0);
        for (size_t i = 0; i < 4000; i++)
            assert_int_equal(buf_append_str(&text, rows[(i * 7 + i / 10) % 10]), 0);
        if (variant >= 2)
            assert_int_equal(buf_append_str(&text, "+15550001117,\"without an end"), 0);
        assert_true(check(buf_str(&text), buf_len(&text), 1024) > 50);
        assert_true(check(buf_str(&text), buf_len(&text), 5000) > 10);
        assert_int_equal(check(buf_str(&text), buf_len(&text), CSV_CHUNK_MOST), 1);
        buf_free(&text);
    }
}

static void test_a_line_of_no_use_is_sent_all_the_same(void **state)
{
    struct buf text;
    (void)state;
    buf_init(&text, TEXT_MOST);
    assert_int_equal(buf_append_str(&text, "phoneNumber\n+15550001111\n\""), 0);
    for (size_t i = 0; i < 200000; i++)
        assert_int_equal(buf_append_char(&text, 'x'), 0);
    assert_int_equal(buf_append_str(&text, "\n+15550001112\n"), 0);
    assert_int_equal(check(buf_str(&text), buf_len(&text), 1024), 2);
    buf_free(&text);
}

static void test_a_line_that_never_ends_is_given_up(void **state)
{
    FILE *file = tmpfile();
    struct csv_chunk chunk;
    (void)state;
    assert_non_null(file);
    assert_true(fputs("phoneNumber\n+15550001111\n", file) >= 0);
    for (size_t i = 0; i < (6u << 20); i++)
        assert_true(putc('x', file) != EOF);
    rewind(file);
    struct csv_chunks *c = cut(file, 1024);
    int rc = csv_chunks_next(c, &chunk);
    assert_int_equal(rc, ERR_TOO_LARGE);
    csv_chunks_free(c);
    (void)fclose(file);
}

static void test_a_file_without_rows_has_no_chunk(void **state)
{
    struct csv_chunk chunk;
    (void)state;
    FILE *file = file_of("phoneNumber\n\n", 13);
    struct csv_chunks *c = cut(file, 1024);
    assert_int_equal(csv_chunks_next(c, &chunk), 0);
    assert_int_equal(chunk.len, 0);
    csv_chunks_free(c);
    (void)fclose(file);
}

static int refuse(struct csv_position at, const struct csv_field *fields, size_t n, void *arg)
{
    (void)at;
    (void)fields;
    (void)n;
    (void)arg;
    return ERR_INVALID;
}

static void note(struct csv_position at, enum csv_fault fault, const char *detail, void *arg)
{
    (void)detail;
    assert_int_equal(at.row, 1);
    *(enum csv_fault *)arg = fault;
}

/* What the first chunk of a file of that text comes to. */
static int first_of(struct csv_chunks_config config, const char *text, size_t len)
{
    struct csv_chunk chunk;
    struct csv_chunks *c;
    FILE *file = file_of(text, len);
    config.file = file;
    assert_int_equal(csv_chunks_create(&config, &c), 0);
    int err = csv_chunks_next(c, &chunk);
    csv_chunks_free(c);
    (void)fclose(file);
    return err;
}

static void test_a_header_that_is_none_ends_it(void **state)
{
    enum csv_fault fault = CSV_FAULT_QUOTE;
    struct csv_chunks_config config = {.chunk_bytes = 1024, .arg = &fault};
    (void)state;
    assert_int_equal(first_of(config, "", 0), ERR_NOT_FOUND);
    config.on_bad_header = note;
    assert_int_equal(first_of(config, "phone\xFF\n1\n", 9), ERR_INVALID);
    assert_int_equal(fault, CSV_FAULT_UTF8);
    config.on_header = refuse;
    assert_int_equal(first_of(config, "name\nAnn\n", 9), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_is_cut_between_rows_and_nothing_is_lost),
        cmocka_unit_test(test_a_line_of_no_use_is_sent_all_the_same),
        cmocka_unit_test(test_a_line_that_never_ends_is_given_up),
        cmocka_unit_test(test_a_file_without_rows_has_no_chunk),
        cmocka_unit_test(test_a_header_that_is_none_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
