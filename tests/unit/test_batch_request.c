/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/batch_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static struct batch_request request;
static struct faults faults;

static int setup(void **state)
{
    (void)state;
    memset(&request, 0, sizeof request);
    faults_init(&faults, LIMIT_FAULTS);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    batch_request_free(&request);
    faults_free(&faults);
    return 0;
}

static void member(const char *key, const char *value)
{
    assert_int_equal(batch_request_member(&request, key, value, strlen(value), &faults), 0);
}

static void assert_fault(size_t i, const char *path, const char *code)
{
    assert_true(i < faults.n);
    assert_string_equal(faults.items[i].path, path);
    assert_string_equal(faults.items[i].code, code);
}

static void test_a_body_is_read_in_whatever_order_it_comes(void **state)
{
    (void)state;
    member("options", "{\"priority\":7}");
    batch_request_contacts_begin(&request);
    member("userId", "\"user_456\"");
    member("agentId", "\"agent_123\"");
    batch_request_finish(&request, 1, false, &faults);
    assert_int_equal(faults_count(&faults), 0);
    assert_string_equal(request.agent_id, "agent_123");
    assert_string_equal(request.user_id, "user_456");
    assert_int_equal(cJSON_GetObjectItemCaseSensitive(request.options, "priority")->valueint, 7);
}

static void test_what_is_missing_is_told_in_the_seeds_words(void **state)
{
    (void)state;
    batch_request_finish(&request, 0, false, &faults);
    assert_int_equal(faults.n, 2);
    assert_fault(0, "agentId", FAULT_REQUIRED);
    assert_string_equal(faults.items[0].message, "Agent ID is required");
    assert_fault(1, "contacts", FAULT_REQUIRED);
    assert_string_equal(faults.items[1].message, "At least one contact required");
}

static void test_an_empty_list_of_contacts_is_none_and_another_type_is_told_once(void **state)
{
    (void)state;
    member("agentId", "\"a\"");
    batch_request_contacts_begin(&request);
    batch_request_finish(&request, 0, false, &faults);
    assert_int_equal(faults.n, 1);
    assert_fault(0, "contacts", FAULT_REQUIRED);

    teardown(NULL);
    setup(NULL);
    member("agentId", "\"a\"");
    member("contacts", "{}");
    batch_request_finish(&request, 0, false, &faults);
    assert_int_equal(faults.n, 1);
    assert_fault(0, "contacts", FAULT_TYPE);
}

static void test_contacts_have_a_bound(void **state)
{
    (void)state;
    member("agentId", "\"a\"");
    batch_request_contacts_begin(&request);
    batch_request_finish(&request, LIMIT_INLINE_CONTACTS, false, &faults);
    assert_int_equal(faults.n, 0);
    batch_request_finish(&request, LIMIT_INLINE_CONTACTS + 1, false, &faults);
    assert_int_equal(faults.n, 1);
    assert_fault(0, "contacts", FAULT_TOO_MANY);
}

static void test_an_unknown_member_is_refused_by_name(void **state)
{
    (void)state;
    member("agentID", "\"a\"");
    member("", "1");
    assert_int_equal(faults.n, 2);
    assert_fault(0, "agentID", FAULT_UNKNOWN_FIELD);
}

static void test_ids_are_texts_of_bounded_length(void **state)
{
    static const struct {
        const char *value;
        const char *code;
    } cases[] = {{"1", FAULT_TYPE}, {"null", FAULT_TYPE}, {"\"\"", FAULT_REQUIRED}, {"\"a\\nb\"", FAULT_CHARACTERS}};
    char value[2 * LIMIT_AGENT_ID_LEN + 8];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        faults_free(&faults);
        member("agentId", cases[i].value);
        assert_int_equal(faults.n, 1);
        assert_fault(0, "agentId", cases[i].code);
        assert_string_equal(request.agent_id, "");
    }
    faults_free(&faults);
    for (size_t n = LIMIT_AGENT_ID_LEN; n <= LIMIT_AGENT_ID_LEN + 1; n++) {
        (void)snprintf(value, sizeof value, "\"\xC3\xBC%0*d\"", (int)n - 1, 0);
        member("agentId", value);
        member("userId", value);
    }
    assert_int_equal(faults.n, 2);
    assert_fault(0, "agentId", FAULT_LENGTH);
    assert_fault(1, "userId", FAULT_LENGTH);
    assert_int_equal(strlen(request.agent_id), LIMIT_AGENT_ID_LEN + 1);
}

static void test_bad_json_is_a_fault_and_not_an_error(void **state)
{
    (void)state;
    member("options", "{\"a\":1,\"a\":2}");
    assert_int_equal(faults.n, 1);
    assert_string_equal(faults.items[0].code, FAULT_SYNTAX);
    assert_null(request.options);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_body_is_read_in_whatever_order_it_comes),
        CASE(test_what_is_missing_is_told_in_the_seeds_words),
        CASE(test_an_empty_list_of_contacts_is_none_and_another_type_is_told_once),
        CASE(test_contacts_have_a_bound),
        CASE(test_an_unknown_member_is_refused_by_name),
        CASE(test_ids_are_texts_of_bounded_length),
        CASE(test_bad_json_is_a_fault_and_not_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
