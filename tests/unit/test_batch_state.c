/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/batch_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_every_state_is_reached_and_every_one_but_an_end_is_left(void **state)
{
    bool is_reached[BATCH_STATE_COUNT] = {[BATCH_STATE_DRAFT] = true, [BATCH_STATE_INGESTING] = true};
    bool is_left[BATCH_STATE_COUNT] = {0};
    size_t n;
    const struct batch_transition *rows = batch_transitions(&n);
    (void)state;
    for (size_t round = 0; round < BATCH_STATE_COUNT; round++) {
        for (size_t i = 0; i < n; i++) {
            is_reached[rows[i].to] |= is_reached[rows[i].from];
            is_left[rows[i].from] = true;
        }
    }
    for (int s = 0; s < BATCH_STATE_COUNT; s++) {
        assert_true(is_reached[s]);
        assert_int_equal(is_left[s], !batch_state_is_end((enum batch_state)s));
    }
}

static void test_an_event_leads_to_one_place_and_nowhere_that_is_not_in_the_table(void **state)
{
    size_t n, permitted = 0;
    const struct batch_transition *rows = batch_transitions(&n);
    (void)state;
    for (int from = 0; from < BATCH_STATE_COUNT; from++) {
        for (int event = 0; event < BATCH_EVENT_COUNT; event++) {
            enum batch_state to = BATCH_STATE_COUNT;
            int rc = batch_state_after((enum batch_state)from, (enum batch_event)event, &to);
            assert_true(rc == 0 || (rc == ERR_STATE && to == BATCH_STATE_COUNT));
            permitted += rc == 0;
        }
    }
    assert_int_equal(permitted, n);
    for (size_t i = 0; i < n; i++) {
        enum batch_state to;
        assert_int_equal(batch_state_after(rows[i].from, rows[i].event, &to), 0);
        assert_int_equal(to, rows[i].to);
    }
}

static void test_whatever_has_not_ended_can_fail_and_all_but_a_cancelling_one_be_cancelled(void **state)
{
    (void)state;
    for (int s = 0; s < BATCH_STATE_COUNT; s++) {
        enum batch_state from = (enum batch_state)s, to;
        bool is_end = batch_state_is_end(from);
        assert_int_equal(batch_state_after(from, BATCH_EVENT_FAIL, &to), is_end ? ERR_STATE : 0);
        bool can_cancel = !is_end && from != BATCH_STATE_CANCELLING;
        assert_int_equal(batch_state_after(from, BATCH_EVENT_CANCEL, &to), can_cancel ? 0 : ERR_STATE);
    }
}

static void test_names_are_read_back_and_every_value_has_a_meaning(void **state)
{
    (void)state;
    for (int s = 0; s < BATCH_STATE_COUNT; s++) {
        enum batch_state got;
        const char *name = batch_state_name((enum batch_state)s);
        assert_int_equal(batch_state_from_name(name, strlen(name), &got), 0);
        assert_int_equal(got, s);
        assert_true(strlen(batch_state_meaning((enum batch_state)s)) > 0);
    }
    for (int e = 0; e < BATCH_EVENT_COUNT; e++) {
        assert_true(strlen(batch_event_name((enum batch_event)e)) > 0);
        assert_true(strlen(batch_event_meaning((enum batch_event)e)) > 0);
    }
    enum batch_state got;
    assert_int_equal(batch_state_from_name("canceled", 8, &got), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_state_is_reached_and_every_one_but_an_end_is_left),
        cmocka_unit_test(test_an_event_leads_to_one_place_and_nowhere_that_is_not_in_the_table),
        cmocka_unit_test(test_whatever_has_not_ended_can_fail_and_all_but_a_cancelling_one_be_cancelled),
        cmocka_unit_test(test_names_are_read_back_and_every_value_has_a_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
