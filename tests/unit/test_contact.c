/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/contact.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/faults_fixture.h"
#include "tests/support/json_memory.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static struct contact contact;

static int setup(void **state)
{
    (void)state;
    faults_fixture_open();
    return contact_init(&contact);
}

static int teardown(void **state)
{
    (void)state;
    contact_free(&contact);
    faults_fixture_clear();
    return 0;
}

static int read_json(const char *json)
{
    return contact_read_json(&contact, json, strlen(json), &faults, &warnings);
}

static void assert_empty(void)
{
    assert_int_equal(contact.phone, 0);
    assert_string_equal(contact.id, "");
    assert_string_equal(contact.name, "");
    assert_string_equal(contact.email, "");
    assert_string_equal(contact.company, "");
    assert_string_equal(contact.timezone, "");
    assert_string_equal(contact.metadata, "");
    assert_int_equal(contact.metadata_len, 0);
}

static void test_a_full_contact_is_read(void **state)
{
    (void)state;
    assert_int_equal(
        read_json("{\"id\":\"c-1\",\"phoneNumber\":\"+1 (555) 000-1111\",\"name\":\"J\\u00fcrgen\","
                  "\"email\":\"j@example.com\",\"company\":\"Bells & Sons\",\"timezone\":\"Europe/Berlin\","
                  "\"metadata\":{\"plan\":\"gold\"}}"),
        0);
    assert_int_equal(contact.phone, 15550001111);
    assert_string_equal(contact.id, "c-1");
    assert_string_equal(contact.name, "J\xC3\xBCrgen");
    assert_string_equal(contact.email, "j@example.com");
    assert_string_equal(contact.company, "Bells & Sons");
    assert_string_equal(contact.timezone, "Europe/Berlin");
    assert_string_equal(contact.metadata, "{\"plan\":\"gold\"}");
    assert_int_equal(contact.metadata_len, strlen(contact.metadata));
    assert_string_equal(contact_display_name(&contact), "J\xC3\xBCrgen");
    assert_int_equal(faults_count(&faults) + faults_count(&warnings), 0);
}

static void test_only_the_number_is_required_and_null_is_absent(void **state)
{
    static const char *const cases[] = {
        "{\"phoneNumber\":\"+15550001111\"}",
        "{\"phoneNumber\":\"+15550001111\",\"id\":null,\"name\":null,\"email\":null,\"company\":null,\"timezone\":null,"
        "\"metadata\":null}",
        "{\"phoneNumber\":\"+15550001111\",\"id\":\"\",\"name\":\"\",\"email\":\"\",\"company\":\"\",\"timezone\":"
        "\"\"}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        /* What an earlier contact left must not show. */
        assert_int_equal(read_json("{\"phoneNumber\":\"+4420\"}"), ERR_INVALID);
        assert_int_equal(read_json("{\"phoneNumber\":\"+442079460958\",\"id\":\"x\",\"metadata\":{\"a\":1}}"), 0);
        assert_int_equal(read_json(cases[i]), 0);
        assert_int_equal(contact.phone, 15550001111);
        contact.phone = 0;
        assert_empty();
        assert_string_equal(contact_display_name(&contact), "Unknown");
    }
}

static void test_metadata_keeps_its_bytes(void **state)
{
    static const char *const cases[] = {
        "{}",
        "{ \"a\" : 1.10 , \"b\":[1e2,  \"\\u00fc\"] }",
        "{\"n\":12345678901234567890,\"m\":0.30000000000000004}",
        "{\"phoneNumber\":\"not ours\",\"metadata\":{\"metadata\":{}}}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char json[512];
        (void)snprintf(json, sizeof json, "{\"phoneNumber\":\"+15550001111\",\n \"metadata\" : %s\n}", cases[i]);
        assert_int_equal(read_json(json), 0);
        assert_string_equal(contact.metadata, cases[i]);
        (void)snprintf(json, sizeof json, "{\"meta\\u0064ata\":%s ,\"phoneNumber\":\"+15550001111\"}", cases[i]);
        assert_int_equal(read_json(json), 0);
        assert_string_equal(contact.metadata, cases[i]);
    }
}

static void test_other_members_become_metadata_as_they_were_written(void **state)
{
    static const struct {
        const char *json;
        const char *metadata;
        size_t n_warnings;
    } cases[] = {
        {"{\"phoneNumber\":\"+15550001111\",\"plan\":\"gold\"}", "{\"plan\":\"gold\"}", 1},
        {"{\"plan\":1.10,\"phoneNumber\":\"+15550001111\",\"x\":{ \"y\":[] },\"z\":null}",
         "{\"plan\":1.10,\"x\":{ \"y\":[] },\"z\":null}", 3},
        {"{\"phoneNumber\":\"+15550001111\",\"plan\":1,\"metadata\":{ \"a\" : 1 }}", "{\"a\" : 1,\"plan\":1}", 1},
        {"{\"phoneNumber\":\"+15550001111\",\"metadata\":{ },\"pl\\u0061n\":1}", "{\"pl\\u0061n\":1}", 1},
        {"{\"phoneNumber\":\"+15550001111\",\"plan\":1,\"metadata\":null}", "{\"plan\":1}", 1},
        /* the metadata's own value wins */
        {"{\"phoneNumber\":\"+15550001111\",\"plan\":2,\"metadata\":{\"plan\":1}}", "{\"plan\":1}", 1},
        {"{\"phoneNumber\":\"+15550001111\",\"PhoneNumber\":\"x\"}", "{\"PhoneNumber\":\"x\"}", 1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        faults_free(&warnings);
        faults_at(&warnings, "contacts[%zu]", i);
        assert_int_equal(read_json(cases[i].json), 0);
        assert_string_equal(contact.metadata, cases[i].metadata);
        assert_int_equal(warnings.n, cases[i].n_warnings);
        assert_int_equal(contact.metadata_len, strlen(cases[i].metadata));
    }
    assert_string_equal(warnings.items[0].path, "contacts[6].PhoneNumber");
    assert_string_equal(warnings.items[0].code, WARNING_MOVED_TO_METADATA);
}

static void test_every_fault_is_told_with_its_path(void **state)
{
    static const struct {
        const char *json;
        const char *path;
        const char *code;
    } cases[] = {
        {"{}", "phoneNumber", FAULT_REQUIRED},
        {"{\"phoneNumber\":null}", "phoneNumber", FAULT_REQUIRED},
        {"{\"phoneNumber\":\"\"}", "phoneNumber", FAULT_REQUIRED},
        {"{\"phoneNumber\":15550001111}", "phoneNumber", FAULT_TYPE},
        {"{\"phoneNumber\":\"555-0001\"}", "phoneNumber", FAULT_NUMBER},
        {"{\"phoneNumber\":\"+15550001111\",\"id\":7}", "id", FAULT_TYPE},
        {"{\"phoneNumber\":\"+15550001111\",\"id\":\"a\\nb\"}", "id", FAULT_CHARACTERS},
        {"{\"phoneNumber\":\"+15550001111\",\"name\":{}}", "name", FAULT_TYPE},
        {"{\"phoneNumber\":\"+15550001111\",\"email\":\"nobody\"}", "email", FAULT_EMAIL},
        {"{\"phoneNumber\":\"+15550001111\",\"company\":true}", "company", FAULT_TYPE},
        {"{\"phoneNumber\":\"+15550001111\",\"timezone\":\"+02:00\"}", "timezone", FAULT_TIMEZONE},
        {"{\"phoneNumber\":\"+15550001111\",\"metadata\":[]}", "metadata", FAULT_TYPE},
        {"{\"phoneNumber\":\"+15550001111\",\"metadata\":\"{}\"}", "metadata", FAULT_TYPE},
        {"\"+15550001111\"", "", FAULT_TYPE},
        {"[]", "", FAULT_TYPE},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        faults_free(&faults);
        assert_int_equal(read_json(cases[i].json), ERR_INVALID);
        assert_empty();
        assert_only_fault(cases[i].json, cases[i].path, cases[i].code);
    }
    faults_free(&faults);
    assert_int_equal(
        read_json("{\"phoneNumber\":1,\"id\":2,\"name\":3,\"email\":\"@\",\"timezone\":\"x\",\"metadata\":4}"),
        ERR_INVALID);
    assert_int_equal(faults.n, 6);
}

static void test_a_number_never_shows_in_a_fault(void **state)
{
    (void)state;
    assert_int_equal(read_json("{\"phoneNumber\":\"442079460958\"}"), ERR_INVALID);
    assert_null(strstr(faults.items[0].message, "442079460958"));
}

/* A contact whose member `key` is a text of `n` times `unit`. */
static int read_repeated(const char *key, const char *unit, size_t n, const char *end)
{
    struct buf json;
    buf_init(&json, 1 << 16);
    assert_int_equal(buf_printf(&json, "{\"phoneNumber\":\"+15550001111\",\"%s\":\"", key), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(buf_append_str(&json, unit), 0);
    assert_int_equal(buf_printf(&json, "%s\"}", end), 0);
    int rc = contact_read_json(&contact, buf_str(&json), buf_len(&json), &faults, &warnings);
    buf_free(&json);
    return rc;
}

static void test_lengths_are_counted_in_characters(void **state)
{
    static const struct {
        const char *key;
        size_t max;
    } cases[] = {{"id", 128}, {"name", 200}, {"company", 200}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(read_repeated(cases[i].key, "\xF0\x9F\x94\x94", cases[i].max, ""), 0);
        faults_free(&faults);
        assert_int_equal(read_repeated(cases[i].key, "x", cases[i].max + 1, ""), ERR_INVALID);
        assert_string_equal(faults_only_code(&faults), FAULT_LENGTH);
        assert_string_equal(faults.items[0].path, cases[i].key);
    }
    faults_free(&faults);
    assert_int_equal(read_repeated("email", "x", 244, "@example.c"), 0);
    assert_int_equal(read_repeated("email", "x", 245, "@example.c"), ERR_INVALID);
    assert_string_equal(faults_only_code(&faults), FAULT_LENGTH);
}

static void test_metadata_has_a_bound_in_bytes(void **state)
{
    (void)state;
    /* {"note":"xx...x"} */
    assert_int_equal(read_repeated("note", "x", LIMIT_METADATA_BYTES - 11, ""), 0);
    assert_int_equal(contact.metadata_len, LIMIT_METADATA_BYTES);
    assert_int_equal(read_repeated("note", "x", LIMIT_METADATA_BYTES - 10, ""), ERR_INVALID);
    assert_string_equal(faults_only_code(&faults), FAULT_METADATA_SIZE);
    assert_empty();
}

static int read_nested(const char *format, size_t depth)
{
    char value[512], json[1024];
    size_t len = 0;
    for (size_t i = 0; i < depth; i++)
        value[len++] = '[';
    for (size_t i = 0; i < depth; i++)
        value[len++] = ']';
    value[len] = '\0';
    const char *place = strstr(format, "%s");
    (void)snprintf(json, sizeof json, "%.*s%s%s", (int)(place - format), format, value, place + 2);
    return read_json(json);
}

static void test_metadata_has_a_bound_in_depth(void **state)
{
    static const char *const forms[] = {
        "{\"phoneNumber\":\"+15550001111\",\"metadata\":{\"a\":\"[\\\"[{\",\"b\":%s,\"c\":[[\"]\"]]}}",
        "{\"phoneNumber\":\"+15550001111\",\"b\":%s}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(forms); i++) {
        assert_int_equal(read_nested(forms[i], LIMIT_METADATA_DEPTH - 1), 0);
        assert_int_equal(read_nested(forms[i], LIMIT_METADATA_DEPTH), ERR_INVALID);
        assert_string_equal(faults_only_code(&faults), FAULT_SYNTAX);
        assert_string_equal(faults.items[0].path, "metadata");
        faults_free(&faults);
    }
}

static void test_an_email_has_a_name_an_at_and_a_domain(void **state)
{
    static const char *const good[] = {"a@b.c", "first.last+tag@sub.example.com", "j\303\274rgen@b\303\274cher.example",
                                       "o'neil@x-y.org"};
    static const char *const bad[] = {"a",       "@",      "a@",   "@b.c", "a@b",    "a@@b.c",  "a@b@c.d",
                                      "a b@c.d", "a@b .c", "a@.b", "a@b.", "a@b..c", "a@b.c\\t"};
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        assert_int_equal(read_repeated("email", good[i], 1, ""), 0);
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (read_repeated("email", bad[i], 1, "") != ERR_INVALID)
            fail_msg("%s", bad[i]);
    }
}

static void test_a_contact_is_written_as_it_would_be_read(void **state)
{
    static const char *const cases[] = {
        "{\"phoneNumber\":\"+15550001111\"}",
        "{\"phoneNumber\":\"+15550001111\",\"id\":\"c-1\",\"name\":\"A "
        "\\\"B\\\"\",\"email\":\"a@b.c\",\"company\":\"C\","
        "\"timezone\":\"UTC\",\"metadata\":{ \"n\": 1.10 }}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf out;
        buf_init(&out, 4096);
        assert_int_equal(read_json(cases[i]), 0);
        assert_int_equal(contact_print_json(&contact, &out), 0);
        assert_string_equal(buf_str(&out), cases[i]);
        buf_free(&out);
    }
}

static void test_wherever_memory_runs_out_there_is_no_half_contact(void **state)
{
    static const char json[] = "{\"phoneNumber\":\"+15550001111\",\"id\":\"c-1\",\"plan\":[1,{\"a\":2}],"
                               "\"metadata\":{\"b\":{}}}";
    int rc = ERR_NOMEM;
    size_t n = 0;
    (void)state;
    for (; rc != 0 && n < JSON_MEMORY_MAX; n++) {
        json_memory_limit(n);
        rc = read_json(json);
        json_memory_restore();
        if (rc != 0) {
            assert_int_equal(rc, ERR_NOMEM);
            assert_empty();
        }
    }
    assert_true(n > 5);
    assert_int_equal(rc, 0);
    assert_string_equal(contact.metadata, "{\"b\":{},\"plan\":[1,{\"a\":2}]}");

    rc = ERR_NOMEM;
    for (n = 0; rc != 0 && n < JSON_MEMORY_MAX; n++) {
        struct buf out;
        buf_init(&out, 4096);
        json_memory_limit(n);
        rc = contact_print_json(&contact, &out);
        json_memory_restore();
        assert_true(rc == 0 || rc == ERR_NOMEM);
        buf_free(&out);
    }
    assert_true(n > 5);
    assert_int_equal(rc, 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_full_contact_is_read),
        CASE(test_only_the_number_is_required_and_null_is_absent),
        CASE(test_metadata_keeps_its_bytes),
        CASE(test_other_members_become_metadata_as_they_were_written),
        CASE(test_every_fault_is_told_with_its_path),
        CASE(test_a_number_never_shows_in_a_fault),
        CASE(test_lengths_are_counted_in_characters),
        CASE(test_metadata_has_a_bound_in_bytes),
        CASE(test_metadata_has_a_bound_in_depth),
        CASE(test_an_email_has_a_name_an_at_and_a_domain),
        CASE(test_a_contact_is_written_as_it_would_be_read),
        CASE(test_wherever_memory_runs_out_there_is_no_half_contact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
