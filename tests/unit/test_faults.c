/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/utf8.h"
#include "tests/support/json_memory.h"

static void assert_prints(cJSON *tree, const char *want)
{
    char *text = cJSON_PrintUnformatted(tree);
    assert_string_equal(text, want);
    cJSON_free(text);
    cJSON_Delete(tree);
}

static void test_faults_are_listed_by_path_in_the_order_found(void **state)
{
    struct faults f;
    (void)state;
    faults_init(&f, 10);
    assert_int_equal(faults_count(&f), 0);
    faults_add(&f, "agentId", FAULT_REQUIRED, "Agent ID is required");
    faults_add(&f, "options.priority", FAULT_RANGE, "must be an integer from %d to %d", 1, 10);
    faults_at(&f, "contacts[%d]", 17);
    faults_add(&f, "phoneNumber", FAULT_NUMBER, "is bad");
    faults_add(&f, "", FAULT_TYPE, "must be an object");
    faults_add_path(&f, FAULT_TYPE, "must be a string", "tags[%d]", 3);
    faults_at(&f, "%s", "");
    faults_add(&f, "", FAULT_SYNTAX, "is not JSON");
    faults_add(&f, "agentId", FAULT_LENGTH, "again");
    assert_int_equal(faults_count(&f), 7);

    cJSON *details = cJSON_CreateObject();
    assert_int_equal(faults_add_field_errors(&f, details), 0);
    assert_prints(details, "{\"fieldErrors\":{\"agentId\":[\"Agent ID is required\",\"again\"],"
                           "\"options.priority\":[\"must be an integer from 1 to 10\"],"
                           "\"contacts[17].phoneNumber\":[\"is bad\"],\"contacts[17]\":[\"must be an object\"],"
                           "\"contacts[17].tags[3]\":[\"must be a string\"],\"body\":[\"is not JSON\"]}}");
    faults_free(&f);
    assert_int_equal(faults_count(&f), 0);
}

static void test_the_first_are_kept_and_the_rest_counted(void **state)
{
    struct faults f;
    (void)state;
    faults_init(&f, 2);
    for (int i = 0; i < 5; i++)
        faults_add_path(&f, FAULT_NUMBER, "is bad", "contacts[%d]", i);
    assert_int_equal(f.n, 2);
    assert_int_equal(faults_count(&f), 5);

    cJSON *details = cJSON_CreateObject();
    assert_int_equal(faults_add_field_errors(&f, details), 0);
    assert_prints(details, "{\"fieldErrors\":{\"contacts[0]\":[\"is bad\"],\"contacts[1]\":[\"is bad\"]},\"more\":3}");
    cJSON *list = cJSON_CreateArray();
    assert_int_equal(faults_append_list(&f, list), 0);
    assert_prints(list, "[{\"path\":\"contacts[0]\",\"code\":\"INVALID_NUMBER\",\"message\":\"is bad\"},"
                        "{\"path\":\"contacts[1]\",\"code\":\"INVALID_NUMBER\",\"message\":\"is bad\"},"
                        "{\"code\":\"MORE\",\"message\":\"3 more of these are not listed\"}]");
    faults_free(&f);
}

static void test_a_list_that_keeps_nothing_still_counts(void **state)
{
    struct faults f;
    (void)state;
    faults_init(&f, 0);
    faults_add(&f, "a", FAULT_TYPE, "is bad");
    assert_int_equal(faults_count(&f), 1);
    assert_null(faults_only_code(&f));
    faults_free(&f);
    faults_add(NULL, "a", FAULT_TYPE, "is dropped");
    faults_add_path(NULL, FAULT_TYPE, "is dropped", "a[%d]", 1);
}

static void test_only_a_single_fault_has_an_answer_of_its_own(void **state)
{
    struct faults f;
    (void)state;
    faults_init(&f, 10);
    assert_null(faults_only_code(&f));
    faults_add(&f, "a", FAULT_START_PAST, "must be in the future");
    assert_string_equal(faults_only_code(&f), FAULT_START_PAST);
    faults_add(&f, "b", FAULT_START_PAST, "must be in the future");
    assert_null(faults_only_code(&f));
    faults_free(&f);
}

static void test_long_texts_are_cut_between_characters(void **state)
{
    char name[800];
    (void)state;
    for (size_t shift = 0; shift < 5; shift++) {
        struct faults f;
        memset(name, 'x', sizeof name);
        for (size_t i = shift; i + 4 < sizeof name; i += 4)
            memcpy(name + i, "\xF0\x9F\x94\x94", 4);
        name[sizeof name - 1] = '\0';
        faults_init(&f, 10);
        faults_at(&f, "contacts[1]");
        faults_add(&f, name, FAULT_UNKNOWN_FIELD, "\xC3\xBC%s", name);
        faults_add_path(&f, FAULT_UNKNOWN_FIELD, "is not an option", "options.%s", name);
        for (size_t i = 0; i < 2; i++) {
            assert_true(utf8_is_valid(f.items[i].path, strlen(f.items[i].path)));
            assert_in_range(strlen(f.items[i].path), FAULT_PATH_LEN - 3, FAULT_PATH_LEN);
        }
        const char *message = f.items[0].message;
        assert_true(utf8_is_valid(message, strlen(message)));
        assert_in_range(strlen(message), FAULT_MESSAGE_LEN - 3, FAULT_MESSAGE_LEN);
        assert_string_equal(f.items[1].message, "is not an option");
        faults_free(&f);
    }
}

static void test_wherever_memory_runs_out_an_answer_is_not_half_written(void **state)
{
    struct faults f;
    int rc = ERR_NOMEM;
    size_t n = 0;
    (void)state;
    faults_init(&f, 2);
    for (int i = 0; i < 3; i++)
        faults_add_path(&f, FAULT_TYPE, "must be a string", "tags[%d]", i);
    for (; rc != 0 && n < JSON_MEMORY_MAX; n++) {
        json_memory_limit(n + 2);
        cJSON *details = cJSON_CreateObject(), *list = cJSON_CreateArray();
        rc = faults_add_field_errors(&f, details);
        if (rc == 0)
            rc = faults_append_list(&f, list);
        assert_true(rc == 0 || rc == ERR_NOMEM);
        cJSON_Delete(details);
        cJSON_Delete(list);
        json_memory_restore();
    }
    assert_true(n > 10);
    assert_int_equal(rc, 0);
    faults_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults_are_listed_by_path_in_the_order_found),
        cmocka_unit_test(test_the_first_are_kept_and_the_rest_counted),
        cmocka_unit_test(test_a_list_that_keeps_nothing_still_counts),
        cmocka_unit_test(test_only_a_single_fault_has_an_answer_of_its_own),
        cmocka_unit_test(test_long_texts_are_cut_between_characters),
        cmocka_unit_test(test_wherever_memory_runs_out_an_answer_is_not_half_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
