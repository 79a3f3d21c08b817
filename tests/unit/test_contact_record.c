/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/contact_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/limits.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static struct contact written, got;
static struct buf record;

static int setup(void **state)
{
    (void)state;
    buf_init(&record, 1 << 16);
    return contact_init(&written) + contact_init(&got);
}

static int teardown(void **state)
{
    (void)state;
    contact_free(&written);
    contact_free(&got);
    buf_free(&record);
    return 0;
}

static void write_contact(const char *json)
{
    assert_int_equal(contact_read_json(&written, json, strlen(json), NULL, NULL), 0);
}

static void test_a_record_gives_back_the_contact(void **state)
{
    static const char *const cases[] = {
        "{\"phoneNumber\":\"+1234567\"}",
        "{\"phoneNumber\":\"+999999999999999\",\"id\":\"\xC3\xBC\",\"name\":\"n\",\"email\":\"a@b.c\",\"company\":"
        "\"c\","
        "\"timezone\":\"UTC\",\"metadata\":{ \"a\":1.10 }}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        bool is_elsewhere = true;
        write_contact(cases[i]);
        assert_int_equal(contact_record_pack(&written, &record, &is_elsewhere), 0);
        assert_false(is_elsewhere);
        is_elsewhere = true;
        assert_int_equal(contact_record_unpack(&got, buf_str(&record), buf_len(&record), &is_elsewhere), 0);
        assert_false(is_elsewhere);
        assert_int_equal(got.phone, written.phone);
        assert_string_equal(got.id, written.id);
        assert_string_equal(got.name, written.name);
        assert_string_equal(got.email, written.email);
        assert_string_equal(got.company, written.company);
        assert_string_equal(got.timezone, written.timezone);
        assert_int_equal(got.metadata_len, written.metadata_len);
        assert_memory_equal(got.metadata, written.metadata, got.metadata_len);
    }
}

static void test_phone_and_id_come_first_as_the_scripts_read_them(void **state)
{
    static const uint8_t want[] = {0x08, 0x87, 0xAD, 0x4B, 0x12, 0x03, 'c', '-', '1'};
    bool is_elsewhere;
    (void)state;
    write_contact("{\"metadata\":{},\"name\":\"n\",\"id\":\"c-1\",\"phoneNumber\":\"+1234567\"}");
    assert_int_equal(contact_record_pack(&written, &record, &is_elsewhere), 0);
    assert_true(buf_len(&record) > sizeof want);
    assert_memory_equal(buf_str(&record), want, sizeof want);
}

static void test_long_metadata_stays_out_of_the_record(void **state)
{
    static char json[LIMIT_CONTACT_JSON_BYTES];
    (void)state;
    for (size_t len = 480; len <= 520; len++) {
        bool is_elsewhere = false;
        int n =
            snprintf(json, sizeof json, "{\"phoneNumber\":\"+15550001111\",\"id\":\"c\",\"metadata\":{\"a\":\"%0*d\"}}",
                     (int)len - 8, 0);
        assert_true(n > 0);
        write_contact(json);
        assert_int_equal(written.metadata_len, len);
        assert_int_equal(contact_record_pack(&written, &record, &is_elsewhere), 0);
        assert_true(buf_len(&record) <= LIMIT_RECORD_INLINE_BYTES);
        /* phone: 6 bytes, id: 3, the metadata's tag and length: 3 */
        assert_int_equal(is_elsewhere, 6 + 3 + 3 + len > LIMIT_RECORD_INLINE_BYTES);

        bool was_elsewhere = !is_elsewhere;
        assert_int_equal(contact_record_unpack(&got, buf_str(&record), buf_len(&record), &was_elsewhere), 0);
        assert_int_equal(was_elsewhere, is_elsewhere);
        if (was_elsewhere) {
            assert_string_equal(got.metadata, "");
            assert_int_equal(contact_record_attach_metadata(&got, written.metadata, written.metadata_len), 0);
        }
        assert_string_equal(got.metadata, written.metadata);
        assert_int_equal(got.metadata_len, len);
        assert_string_equal(got.id, "c");
        assert_int_equal(got.phone, 15550001111);
    }
}

static void test_metadata_that_does_not_fit_leaves_the_contact_whole(void **state)
{
    bool is_elsewhere;
    (void)state;
    write_contact("{\"phoneNumber\":\"+15550001111\",\"id\":\"c-1\",\"name\":\"n\"}");
    assert_int_equal(contact_record_pack(&written, &record, &is_elsewhere), 0);
    assert_int_equal(contact_record_unpack(&got, buf_str(&record), buf_len(&record), &is_elsewhere), 0);
    char *large = calloc(1, 1 << 20);
    assert_non_null(large);
    assert_int_equal(contact_record_attach_metadata(&got, large, 1 << 20), ERR_NOMEM);
    free(large);
    assert_string_equal(got.id, "c-1");
    assert_string_equal(got.name, "n");
    assert_int_equal(got.metadata_len, 0);
}

static void test_what_is_no_record_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"", 0}, /* a number of 0 */
        {"\x08", 1}, /* cut */
        {"\x08\x01", 2}, /* too short a number */
        {"\x08\x87\xAD\x4B\x12\x05"
         "ab",
         8}, /* a text longer than the record */
        {"\xFF\xFF\xFF", 3},
        {"hello world", 11},
        {"\x08\xB7\xCE\xE3\x9F\x31\x1A\x02\xC0\xAF", 10}, /* a name that is no UTF-8 */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        bool is_elsewhere;
        assert_int_equal(contact_record_unpack(&got, cases[i].bytes, cases[i].len, &is_elsewhere), ERR_INVALID);
        assert_int_equal(got.phone, 0);
        assert_string_equal(got.id, "");
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_record_gives_back_the_contact),
        CASE(test_phone_and_id_come_first_as_the_scripts_read_them),
        CASE(test_long_metadata_stays_out_of_the_record),
        CASE(test_metadata_that_does_not_fit_leaves_the_contact_whole),
        CASE(test_what_is_no_record_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
