/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static void test_each_outcome_counts_and_goes_on_as_the_contract_says(void **state)
{
    static const struct {
        const char *name;
        const char *status;
        bool is_success;
        bool is_apart;
        const char *next;
    } cases[] = {
        {"COMPLETED", "COMPLETED", true, false, "final"},
        {"BUSY", "MISSED", false, false, "busyDelay"},
        {"NO_ANSWER", "MISSED", false, false, "noAnswerDelay"},
        {"VOICEMAIL", "MISSED", false, false, "voicemailDelay"},
        {"FAILED", "FAILED", false, false, "failedDelay"},
        {"UNKNOWN", "FAILED", false, false, "onUnknown"},
        {"INVALID_NUMBER", "FAILED", false, false, "final"},
        {"BLOCKED", "FAILED", false, false, "final"},
        {"REJECTED", "FAILED", false, false, "final"},
        {"SUPPRESSED", "FAILED", false, true, "final"},
        {"EXPIRED", "FAILED", false, true, "final"},
        {"CANCELLED", "FAILED", false, true, "final"},
    };
    (void)state;
    assert_int_equal(COUNT(cases), OUTCOME_COUNT);
    for (size_t i = 0; i < COUNT(cases); i++) {
        enum outcome outcome;
        assert_int_equal(outcome_from_name(cases[i].name, strlen(cases[i].name), &outcome), 0);
        assert_string_equal(outcome_name(outcome), cases[i].name);
        const struct outcome_row *row = outcome_row(outcome);
        assert_int_equal(row->outcome, outcome);
        assert_ptr_equal(row, &outcome_rows()[outcome]);
        assert_string_equal(call_status_name(row->status), cases[i].status);
        assert_int_equal(row->is_success, cases[i].is_success);
        assert_int_equal(row->is_apart, cases[i].is_apart);
        assert_string_equal(outcome_next_name(row->next), cases[i].next);
    }
}

static void test_other_names_are_not_found(void **state)
{
    static const char *const names[] = {"", "busy", "BUSY ", "BUS", "BUSYX", "ANSWERED"};
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        enum outcome outcome = OUTCOME_EXPIRED;
        assert_int_equal(outcome_from_name(names[i], strlen(names[i]), &outcome), ERR_NOT_FOUND);
        assert_int_equal(outcome, OUTCOME_EXPIRED);
    }
    enum call_status status = CALL_STATUS_MISSED;
    assert_int_equal(call_status_from_name("missed", 6, &status), ERR_NOT_FOUND);
    assert_int_equal(call_status_from_name("ONGOING", 7, &status), 0);
    assert_int_equal(status, CALL_STATUS_ONGOING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_outcome_counts_and_goes_on_as_the_contract_says),
        cmocka_unit_test(test_other_names_are_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
