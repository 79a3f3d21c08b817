/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/contact_csv.h"

#include <string.h>

#include "common/json/json.h"
#include "tests/support/faults_fixture.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])
#define FIELDS_MAX 12

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

/* The texts of a NULL-terminated list as fields. */
static size_t as_fields(const char *const *texts, struct csv_field fields[FIELDS_MAX])
{
    size_t n = 0;
    for (; texts[n]; n++)
        fields[n] = (struct csv_field){texts[n], strlen(texts[n])};
    return n;
}

static int read_header(const char *const *texts, struct contact_columns **ret_columns)
{
    struct csv_field fields[FIELDS_MAX];
    size_t n = as_fields(texts, fields);
    return contact_columns_create(fields, n, &faults, &warnings, ret_columns);
}

static int read_row(const struct contact_columns *columns, const char *const *texts)
{
    struct csv_field fields[FIELDS_MAX];
    size_t n = as_fields(texts, fields);
    return contact_read_csv_row(&contact, columns, fields, n, &faults);
}

static void test_columns_are_found_by_name_and_the_others_are_metadata(void **state)
{
    static const char *const header[] = {"plan",    " phoneNumber ", "id", "name",           "email",
                                         "company", "timezone",      "",   "Amount \"due\"", NULL};
    static const char *const row[] = {"gold", " +1 555 000 1111",    "c-1", " Ada ", "a@b.c", "Bells", "UTC",
                                      "lost", "1,50 \xE2\x82\xAC\n", NULL};
    static const char *const bare[] = {"", "+15550001112", "", "", "", "", "", "", "", NULL};
    struct contact_columns *columns;
    (void)state;
    assert_int_equal(read_header(header, &columns), 0);
    assert_int_equal(contact_columns_count(columns), 9);
    assert_int_equal(warnings.n, 1);
    assert_string_equal(warnings.items[0].path, "column 8");

    assert_int_equal(read_row(columns, row), 0);
    assert_int_equal(contact.phone, 15550001111);
    assert_string_equal(contact.id, "c-1");
    assert_string_equal(contact.name, "Ada");
    assert_string_equal(contact.email, "a@b.c");
    assert_string_equal(contact.company, "Bells");
    assert_string_equal(contact.timezone, "UTC");
    assert_string_equal(contact.metadata, "{\"plan\":\"gold\",\"Amount \\\"due\\\"\":\"1,50 \xE2\x82\xAC\\n\"}");

    assert_int_equal(read_row(columns, bare), 0);
    assert_int_equal(contact.phone, 15550001112);
    assert_string_equal(contact.id, "");
    assert_string_equal(contact.name, "");
    assert_string_equal(contact.metadata, "{\"plan\":\"\",\"Amount \\\"due\\\"\":\"\"}");
    contact_columns_free(columns);
}

static void test_the_seeds_column_name_is_taken_too(void **state)
{
    static const char *const header[] = {"contact_number", NULL};
    static const char *const row[] = {"+15550001111", NULL};
    struct contact_columns *columns;
    (void)state;
    assert_int_equal(read_header(header, &columns), 0);
    assert_int_equal(read_row(columns, row), 0);
    assert_int_equal(contact.phone, 15550001111);
    assert_string_equal(contact.metadata, "");
    contact_columns_free(columns);
    contact_columns_free(NULL);
}

static void test_a_header_without_one_number_column_is_refused(void **state)
{
    static const char *const none[] = {"id", "phone", NULL};
    static const char *const other_case[] = {"PhoneNumber", NULL};
    static const char *const both[] = {"phoneNumber", "contact_number", NULL};
    static const char *const twice[] = {"phoneNumber", "phoneNumber", NULL};
    static const char *const plan_twice[] = {"phoneNumber", "plan", " plan", NULL};
    static const char *const *const headers[] = {none, other_case, both, twice, plan_twice};
    (void)state;
    for (size_t i = 0; i < COUNT(headers); i++) {
        struct contact_columns *columns = NULL;
        faults_free(&faults);
        assert_int_equal(read_header(headers[i], &columns), ERR_INVALID);
        assert_null(columns);
        assert_string_equal(faults_only_code(&faults), FAULT_HEADER);
    }
    assert_string_equal(faults.items[0].path, "plan");
}

/* It would be a key of metadata that no reader of JSON takes: every call of the file would be refused. */
static void test_a_column_whose_name_is_too_long_for_a_key_is_refused(void **state)
{
    static char name[LIMIT_JSON_KEY_BYTES + 2];
    const char *const header[] = {"phoneNumber", name, NULL};
    static const char *const row[] = {"+15550001111", "x", NULL};
    struct contact_columns *columns = NULL;
    cJSON *metadata;
    (void)state;
    memset(name, 'k', LIMIT_JSON_KEY_BYTES);
    assert_int_equal(read_header(header, &columns), 0);
    assert_int_equal(read_row(columns, row), 0);
    assert_int_equal(json_parse(contact.metadata, contact.metadata_len, &metadata, NULL), 0);
    cJSON_Delete(metadata);
    contact_columns_free(columns);
    name[LIMIT_JSON_KEY_BYTES] = 'k';
    assert_int_equal(read_header(header, &columns), ERR_INVALID);
    assert_string_equal(faults_only_code(&faults), FAULT_HEADER);
    assert_string_equal(faults.items[0].path, "column 2");
}

static void test_a_row_is_judged_by_the_rules_of_every_contact(void **state)
{
    static const char *const header[] = {"phoneNumber", "id", "email", "timezone", NULL};
    static const char *const bad[] = {"555", "a\tb", "nobody", "Mars/Base", NULL};
    static const char *const empty[] = {"", "", "", "", NULL};
    static const char *const ragged[] = {"+15550001111", NULL};
    struct contact_columns *columns;
    (void)state;
    assert_int_equal(read_header(header, &columns), 0);
    faults_at(&faults, "row %d", 7);
    assert_int_equal(read_row(columns, bad), ERR_INVALID);
    assert_int_equal(faults.n, 4);
    assert_string_equal(faults.items[0].path, "row 7.phoneNumber");
    assert_string_equal(faults.items[0].code, FAULT_NUMBER);
    assert_string_equal(faults.items[1].code, FAULT_CHARACTERS);
    assert_string_equal(faults.items[2].code, FAULT_EMAIL);
    assert_string_equal(faults.items[3].code, FAULT_TIMEZONE);
    faults_free(&faults);
    assert_int_equal(read_row(columns, empty), ERR_INVALID);
    assert_string_equal(faults_only_code(&faults), FAULT_REQUIRED);
    faults_free(&faults);
    assert_int_equal(read_row(columns, ragged), ERR_INVALID);
    assert_string_equal(faults_only_code(&faults), FAULT_ROW);
    assert_int_equal(contact.phone, 0);
    contact_columns_free(columns);
}

static void test_metadata_of_a_row_has_its_bound(void **state)
{
    static const char *const header[] = {"phoneNumber", "a", NULL};
    static char text[LIMIT_METADATA_BYTES + 1];
    const char *const row[] = {"+15550001111", text, NULL};
    struct contact_columns *columns;
    (void)state;
    assert_int_equal(read_header(header, &columns), 0);
    memset(text, 'x', LIMIT_METADATA_BYTES - 8); /* {"a":"..."} */
    assert_int_equal(read_row(columns, row), 0);
    assert_int_equal(contact.metadata_len, LIMIT_METADATA_BYTES);
    text[strlen(text)] = 'x';
    assert_int_equal(read_row(columns, row), ERR_INVALID);
    assert_string_equal(faults_only_code(&faults), FAULT_METADATA_SIZE);
    contact_columns_free(columns);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_columns_are_found_by_name_and_the_others_are_metadata),
        CASE(test_the_seeds_column_name_is_taken_too),
        CASE(test_a_header_without_one_number_column_is_refused),
        CASE(test_a_column_whose_name_is_too_long_for_a_key_is_refused),
        CASE(test_a_row_is_judged_by_the_rules_of_every_contact),
        CASE(test_metadata_of_a_row_has_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
