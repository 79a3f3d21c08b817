/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/contact_layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "common/domain/contact_record.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static struct contact_layout *layout;
static struct contact written, got;
static struct buf record, shortened;

static int setup(void **state)
{
    (void)state;
    buf_init(&record, 1 << 16);
    buf_init(&shortened, 1 << 16);
    return contact_layout_create(&layout) + contact_init(&written) + contact_init(&got);
}

static int teardown(void **state)
{
    (void)state;
    contact_layout_free(layout);
    contact_free(&written);
    contact_free(&got);
    buf_free(&record);
    buf_free(&shortened);
    return 0;
}

/* Fills `record` and `shortened`. */
static void shorten(const char *metadata)
{
    static char json[LIMIT_CONTACT_JSON_BYTES];
    bool is_elsewhere;
    int n = snprintf(json, sizeof json,
                     "{\"phoneNumber\":\"+15550001111\",\"id\":\"c-1\",\"name\":\"n\",\"metadata\":%s}", metadata);
    assert_in_range(n, 1, sizeof json - 1);
    assert_int_equal(contact_read_json(&written, json, (size_t)n, NULL, NULL), 0);
    assert_int_equal(contact_record_pack(&written, &record, &is_elsewhere), 0);
    buf_clear(&shortened);
    assert_int_equal(contact_layout_shorten(layout, buf_str(&record), buf_len(&record), &shortened), 0);
}

static bool is_as_it_was(void)
{
    return buf_len(&record) == buf_len(&shortened) &&
           memcmp(buf_str(&record), buf_str(&shortened), buf_len(&record)) == 0;
}

static size_t count_columns(void)
{
    size_t len, n = 0;
    const char *text = contact_layout_text(layout, &len);
    for (size_t i = 0; i < len; i++)
        n += text[i] == '\n';
    return n;
}

static void assert_gives_back(void)
{
    bool is_elsewhere;
    size_t len;
    const char *columns = contact_layout_text(layout, &len);
    assert_int_equal(contact_record_unpack(&got, buf_str(&shortened), buf_len(&shortened), &is_elsewhere), 0);
    assert_int_equal(contact_record_attach_columns(&got, columns, len), 0);
    assert_int_equal(got.phone, written.phone);
    assert_string_equal(got.id, "c-1");
    assert_string_equal(got.name, "n");
    assert_int_equal(got.metadata_len, written.metadata_len);
    assert_memory_equal(got.metadata, written.metadata, got.metadata_len);
    assert_int_equal(got.values_len, 0);
}

static void test_metadata_comes_back_byte_for_byte(void **state)
{
    static const char *const cases[] = {
        "{\"city\":\"Kyiv\",\"plan\":\"gold\"}",
        "{\"city\":\"\",\"plan\":\"\"}",
        "{ \"city\" : \"a\" , \"plan\": 1.10, \"n\":null,\"t\":true}",
        "{\"nested\":{\"a\":[1,\"}\",{\"b\":\"]\\\"\"}]},\"list\":[ 1 ,2 ]}",
        "{\"\\u00fc\\\"\":\"\\\\\",\"\xC3\xBC\":\"\xC3\xBC\"}",
        "{\"plan\":\"gold\"}",
    };
    (void)state;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT(cases); i++) {
            shorten(cases[i]);
            assert_true(buf_len(&shortened) < buf_len(&record));
            assert_gives_back();
        }
    }
}

static void test_what_contacts_have_in_common_is_kept_once(void **state)
{
    size_t len;
    (void)state;
    for (int i = 0; i < 3; i++)
        shorten("{\"customer_category\":\"first-category\",\"outstanding_balance\":\"12.50\"}");
    assert_string_equal(contact_layout_text(layout, &len), "{\"customer_category\":\n,\"outstanding_balance\":\n");
    /* Without the metadata's tag, length, names and quotes; with a tag and a length, and two bytes for each value. */
    assert_int_equal(buf_len(&record) - buf_len(&shortened),
                     strlen("{\"customer_category\":\"\",\"outstanding_balance\":\"\"}") - 4);
}

static void test_metadata_that_has_no_such_form_stays_in_the_record(void **state)
{
    static const char *const cases[] = {"{}", "{\"a\":1 }", "{\n\"a\":1}", "{\"a\":1,\n\"b\":2}"};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        shorten(cases[i]);
        assert_true(is_as_it_was());
    }
    assert_int_equal(count_columns(), 0);
}

static void test_texts_are_gathered_as_long_as_there_is_room_and_never_in_part(void **state)
{
    char metadata[256];
    (void)state;
    for (int i = 0; i < LIMIT_COLUMNS - 1; i++) {
        (void)snprintf(metadata, sizeof metadata, "{\"c%d\":\"x\"}", i);
        shorten(metadata);
        assert_false(is_as_it_was());
    }
    assert_int_equal(count_columns(), LIMIT_COLUMNS - 1);
    shorten("{\"one\":\"x\",\"two\":\"x\"}"); /* there is room for one of the two */
    assert_true(is_as_it_was());
    assert_int_equal(count_columns(), LIMIT_COLUMNS - 1);
    shorten("{\"last\":\"x\"}");
    assert_false(is_as_it_was());
    shorten("{\"further\":\"x\"}");
    assert_true(is_as_it_was());
    shorten("{\"c0\":\"y\"}"); /* what is known is known */
    assert_false(is_as_it_was());
    assert_gives_back();
}

static void test_long_names_are_gathered_up_to_the_bytes_that_there_may_be(void **state)
{
    char metadata[512];
    size_t len;
    (void)state;
    for (int i = 0; i < 100; i++) {
        (void)snprintf(metadata, sizeof metadata, "{\"%0300d\":\"x\"}", i);
        shorten(metadata);
        assert_int_equal(is_as_it_was(), i >= LIMIT_COLUMNS_BYTES / 305);
    }
    (void)contact_layout_text(layout, &len);
    assert_in_range(len, 1, LIMIT_COLUMNS_BYTES);
}

static void test_it_goes_on_from_what_the_batch_has(void **state)
{
    static const char known[] = "{\"plan\":\n,\"city\":\n";
    size_t len;
    (void)state;
    shorten("{\"city\":\"x\"}");
    assert_int_equal(contact_layout_set(layout, known, strlen(known)), 0);
    shorten("{\"city\":\"x\",\"plan\":\"y\"}");
    assert_string_equal(contact_layout_text(layout, &len), "{\"plan\":\n,\"city\":\n{\"city\":\n,\"plan\":\n");
    assert_gives_back();
    assert_int_equal(contact_layout_set(layout, "{\"plan\":", 8), ERR_INVALID);
    assert_int_equal(count_columns(), 0);
    shorten("{\"city\":\"x\"}");
    assert_int_equal(count_columns(), 1);
}

static void test_fields_that_a_newer_build_wrote_stay(void **state)
{
    static const char unknown[] = "\x98\x06\x01";
    (void)state;
    shorten("{\"city\":\"Kyiv\"}");
    assert_int_equal(buf_append(&record, unknown, 3), 0);
    buf_clear(&shortened);
    assert_int_equal(contact_layout_shorten(layout, buf_str(&record), buf_len(&record), &shortened), 0);
    assert_non_null(memmem(buf_str(&shortened), buf_len(&shortened), unknown, 3));
    assert_gives_back();
}

static void test_values_without_their_columns_are_told_from_those_that_make_no_sense(void **state)
{
    static const char columns[] = "{\"a\":\n,\"b\":\n";
    static const struct {
        const char *values;
        size_t len;
        int want;
    } cases[] = {
        {"\x00\x01"
         "1",
         3, 0},
        {"\x02\x01"
         "1",
         3, 0},
        {"\x04\x01"
         "1",
         3, ERR_NOT_FOUND}, /* a third column */
        {"\xFF\x01\x01"
         "1",
         4, ERR_NOT_FOUND}, /* the last that there may be */
        {"\x80\x02\x01"
         "1",
         4, ERR_INVALID}, /* one more */
        {"\x00", 1, ERR_INVALID},
        {"\x00\x02"
         "1",
         3, ERR_INVALID},
        {"\x00\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11, ERR_INVALID},
        {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 11, ERR_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf metadata;
        buf_init(&metadata, LIMIT_METADATA_BYTES);
        assert_int_equal(contact_layout_restore(columns, strlen(columns), cases[i].values, cases[i].len, &metadata),
                         cases[i].want);
        buf_free(&metadata);
    }
}

static void test_a_record_cannot_make_metadata_longer_than_any_may_be(void **state)
{
    char columns[1002], values[16] = {0};
    struct buf metadata;
    (void)state;
    memset(columns, 'x', sizeof columns - 1);
    columns[1000] = '\n';
    buf_init(&metadata, LIMIT_METADATA_BYTES);
    assert_int_equal(contact_layout_restore(columns, 1001, values, 8, &metadata), 0);
    buf_clear(&metadata);
    assert_int_equal(contact_layout_restore(columns, 1001, values, 10, &metadata), ERR_INVALID);
    buf_free(&metadata);
}

static void test_metadata_twice_is_no_record(void **state)
{
    bool is_elsewhere;
    (void)state;
    shorten("{\"city\":\"Kyiv\"}");
    assert_int_equal(buf_append(&shortened, "\x3a\x02{}", 4), 0);
    assert_int_equal(contact_record_unpack(&got, buf_str(&shortened), buf_len(&shortened), &is_elsewhere), ERR_INVALID);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_metadata_comes_back_byte_for_byte),
        CASE(test_what_contacts_have_in_common_is_kept_once),
        CASE(test_metadata_that_has_no_such_form_stays_in_the_record),
        CASE(test_texts_are_gathered_as_long_as_there_is_room_and_never_in_part),
        CASE(test_long_names_are_gathered_up_to_the_bytes_that_there_may_be),
        CASE(test_it_goes_on_from_what_the_batch_has),
        CASE(test_fields_that_a_newer_build_wrote_stay),
        CASE(test_values_without_their_columns_are_told_from_those_that_make_no_sense),
        CASE(test_a_record_cannot_make_metadata_longer_than_any_may_be),
        CASE(test_metadata_twice_is_no_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
