/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/call_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_every_state_is_reached_from_due_and_every_one_but_final_is_left(void **state)
{
    bool is_reached[CALL_STATE_COUNT] = {[CALL_STATE_DUE] = true};
    bool is_left[CALL_STATE_COUNT] = {0};
    size_t n;
    const struct call_transition *rows = call_transitions(&n);
    (void)state;
    for (size_t round = 0; round < CALL_STATE_COUNT; round++) {
        for (size_t i = 0; i < n; i++) {
            is_reached[rows[i].to] |= is_reached[rows[i].from];
            is_left[rows[i].from] = true;
        }
    }
    for (int s = 0; s < CALL_STATE_COUNT; s++) {
        assert_true(is_reached[s]);
        assert_int_equal(is_left[s], s != CALL_STATE_FINAL);
    }
}

static void test_an_event_leads_to_one_place_and_nowhere_that_is_not_in_the_table(void **state)
{
    size_t n, permitted = 0;
    const struct call_transition *rows = call_transitions(&n);
    (void)state;
    for (int from = 0; from < CALL_STATE_COUNT; from++) {
        for (int event = 0; event < CALL_EVENT_COUNT; event++) {
            enum call_state to = CALL_STATE_COUNT;
            int rc = call_state_after((enum call_state)from, (enum call_event)event, &to);
            assert_true(rc == 0 || (rc == ERR_STATE && to == CALL_STATE_COUNT));
            permitted += rc == 0;
        }
    }
    assert_int_equal(permitted, n);
    for (size_t i = 0; i < n; i++) {
        enum call_state to;
        assert_int_equal(call_state_after(rows[i].from, rows[i].event, &to), 0);
        assert_int_equal(to, rows[i].to);
    }
}

static void test_what_was_begun_is_never_handed_out_again_by_a_claim_or_a_release(void **state)
{
    enum call_state to;
    (void)state;
    assert_int_equal(call_state_after(CALL_STATE_LIVE, CALL_EVENT_CLAIM, &to), ERR_STATE);
    assert_int_equal(call_state_after(CALL_STATE_LIVE, CALL_EVENT_RELEASE, &to), ERR_STATE);
    assert_int_equal(call_state_after(CALL_STATE_ENDED, CALL_EVENT_GIVEBACK, &to), ERR_STATE);
    assert_int_equal(call_state_after(CALL_STATE_DUE, CALL_EVENT_BEGIN, &to), ERR_STATE);
}

static void test_names_are_read_back_and_every_value_has_a_meaning(void **state)
{
    (void)state;
    for (int s = 0; s < CALL_STATE_COUNT; s++) {
        enum call_state got;
        const char *name = call_state_name((enum call_state)s);
        assert_int_equal(call_state_from_name(name, strlen(name), &got), 0);
        assert_int_equal(got, s);
        assert_true(strlen(call_state_meaning((enum call_state)s)) > 0);
    }
    for (int e = 0; e < CALL_EVENT_COUNT; e++) {
        assert_true(strlen(call_event_name((enum call_event)e)) > 0);
        assert_true(strlen(call_event_meaning((enum call_event)e)) > 0);
    }
    enum call_state got;
    assert_int_equal(call_state_from_name("Due", 3, &got), ERR_NOT_FOUND);
}

static void test_a_status_is_the_seeds(void **state)
{
    static const struct {
        enum call_state state;
        bool has_attempt;
        enum outcome last;
        enum call_status want;
    } cases[] = {
        {CALL_STATE_DUE, false, OUTCOME_COMPLETED, CALL_STATUS_SCHEDULED},
        {CALL_STATE_CLAIMED, false, OUTCOME_COMPLETED, CALL_STATUS_SCHEDULED},
        {CALL_STATE_DUE, true, OUTCOME_BUSY, CALL_STATUS_MISSED},
        {CALL_STATE_CLAIMED, true, OUTCOME_FAILED, CALL_STATUS_FAILED},
        {CALL_STATE_LIVE, true, OUTCOME_BUSY, CALL_STATUS_ONGOING},
        {CALL_STATE_ENDED, true, OUTCOME_COMPLETED, CALL_STATUS_ONGOING},
        {CALL_STATE_FINAL, true, OUTCOME_COMPLETED, CALL_STATUS_COMPLETED},
        {CALL_STATE_FINAL, true, OUTCOME_NO_ANSWER, CALL_STATUS_MISSED},
        {CALL_STATE_FINAL, false, OUTCOME_CANCELLED, CALL_STATUS_FAILED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(call_state_status(cases[i].state, cases[i].has_attempt, cases[i].last), cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_state_is_reached_from_due_and_every_one_but_final_is_left),
        cmocka_unit_test(test_an_event_leads_to_one_place_and_nowhere_that_is_not_in_the_table),
        cmocka_unit_test(test_what_was_begun_is_never_handed_out_again_by_a_claim_or_a_release),
        cmocka_unit_test(test_names_are_read_back_and_every_value_has_a_meaning),
        cmocka_unit_test(test_a_status_is_the_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
