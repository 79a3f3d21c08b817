/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/call_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static struct call_text parsed(const char *text)
{
    struct call_text t;
    assert_int_equal(call_text_parse(text, strlen(text), &t), 0);
    return t;
}

static void test_a_contact_without_a_state_is_due_and_was_never_dialed(void **state)
{
    struct call_text t;
    (void)state;
    call_text_init(&t);
    assert_int_equal(t.state, CALL_STATE_DUE);
    assert_int_equal(t.attempts, 0);
    assert_int_equal(t.last_begun, 0);
    assert_false(t.has_outcome);
    assert_int_equal(t.duration_s, -1);
    assert_string_equal(t.provider_id, "");
}

static void test_every_field_is_read(void **state)
{
    struct call_text t = parsed("phase=final a=2 d=3 l=3 w=w_x1 q=1763283600000000 t=15550001111 b=1763283600001 "
                                "h=1763283600002 p=call_9f z=1763283600003 s=1763283600004 e=1763283600005 u=37 "
                                "x=COMPLETED n=1763283600006 g=1");
    (void)state;
    assert_int_equal(t.state, CALL_STATE_FINAL);
    assert_int_equal(t.attempts, 2);
    assert_int_equal(t.dials, 3);
    assert_int_equal(t.last_begun, 3);
    assert_string_equal(t.worker, "w_x1");
    assert_int_equal(t.phone, 15550001111);
    assert_int_equal(t.begin_ms, INT64_C(1763283600001));
    assert_int_equal(t.deadline_ms, INT64_C(1763283600002));
    assert_string_equal(t.provider_id, "call_9f");
    assert_int_equal(t.absent_ms, INT64_C(1763283600003));
    assert_int_equal(t.answered_ms, INT64_C(1763283600004));
    assert_int_equal(t.ended_ms, INT64_C(1763283600005));
    assert_int_equal(t.duration_s, 37);
    assert_true(t.has_outcome);
    assert_int_equal(t.outcome, OUTCOME_COMPLETED);
    assert_int_equal(t.next_ms, INT64_C(1763283600006));
    assert_true(t.was_given_back);
}

static void test_a_call_that_must_be_stopped_says_so(void **state)
{
    (void)state;
    assert_true(parsed("phase=live p=CA1 m=15550009999 k=5000 y=1").must_stop);
    assert_false(parsed("phase=live p=CA1 y=1").must_hang_up);
    assert_true(parsed("phase=live p=CA1 y=2").must_hang_up);
    assert_false(parsed("phase=live p=CA1 y=2").must_stop);
    assert_false(parsed("phase=live p=CA1 m=15550009999 k=5000").must_stop);
    assert_int_equal(parsed("phase=live p=CA1 m=15550009999").caller, 15550009999);
}

static void test_every_phase_and_outcome_the_scripts_write_is_known(void **state)
{
    (void)state;
    for (int s = 0; s < CALL_STATE_COUNT; s++) {
        for (int o = 0; o < OUTCOME_COUNT; o++) {
            char text[64];
            (void)snprintf(text, sizeof text, "phase=%s x=%s", call_state_name((enum call_state)s),
                           outcome_name((enum outcome)o));
            struct call_text t = parsed(text);
            assert_int_equal(t.state, s);
            assert_int_equal(t.outcome, o);
        }
    }
}

static void test_what_a_newer_fleet_writes_beside_it_is_passed_over(void **state)
{
    struct call_text t = parsed("phase=live k=7 budget=9 a=1 y=");
    (void)state;
    assert_int_equal(t.state, CALL_STATE_LIVE);
    assert_int_equal(t.attempts, 1);
}

static void test_a_text_that_cannot_be_right_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "a=1",
        "phase=",
        "phase=dead",
        "phase=due a",
        "phase=due a=",
        "phase=due a=x",
        "phase=due a=-1",
        "phase=due d=4294967296",
        "phase=due b=1.5",
        "phase=due x=busy",
        "phase=due  a=1",
        "phase=due a=99999999999",
        "phase=due b=253402300800000",
        "phase=live p=a\tb",
        "phase=live p=\xC3\xA4",
        "phase=claimed w=\x1b[31m",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct call_text t = {.attempts = 42};
        if (call_text_parse(cases[i], strlen(cases[i]), &t) != ERR_INVALID)
            fail_msg("\"%s\"", cases[i]);
        assert_int_equal(t.attempts, 42);
    }
}

static void test_a_providers_id_has_its_bound(void **state)
{
    char text[32 + LIMIT_PROVIDER_ID_LEN];
    struct call_text t;
    (void)state;
    for (size_t len = LIMIT_PROVIDER_ID_LEN; len <= LIMIT_PROVIDER_ID_LEN + 1; len++) {
        (void)snprintf(text, sizeof text, "phase=live p=%0*d", (int)len, 0);
        int want = len <= LIMIT_PROVIDER_ID_LEN ? 0 : ERR_INVALID;
        assert_int_equal(call_text_parse(text, strlen(text), &t), want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_contact_without_a_state_is_due_and_was_never_dialed),
        cmocka_unit_test(test_every_field_is_read),
        cmocka_unit_test(test_a_call_that_must_be_stopped_says_so),
        cmocka_unit_test(test_every_phase_and_outcome_the_scripts_write_is_known),
        cmocka_unit_test(test_what_a_newer_fleet_writes_beside_it_is_passed_over),
        cmocka_unit_test(test_a_text_that_cannot_be_right_is_refused),
        cmocka_unit_test(test_a_providers_id_has_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
