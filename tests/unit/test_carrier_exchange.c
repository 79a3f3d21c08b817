/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/heap.h"
#include "tests/carrier/fault.h"

/* What the listener heard, a letter a step. */
struct heard {
    char steps[16];
};

static void hear(struct heard *heard, char step)
{
    size_t len = strlen(heard->steps);
    assert_true(len + 1 < sizeof heard->steps);
    heard->steps[len] = step;
}

static void on_ringing(struct call *call, void *arg)
{
    assert_int_equal(call->phase, CALL_RINGING);
    hear(arg, 'R');
}

static void on_answered(struct call *call, void *arg)
{
    assert_int_equal(call->phase, CALL_TALKING);
    hear(arg, 'A');
}

static void on_ended(struct call *call, void *arg)
{
    assert_int_equal(call->phase, CALL_ENDED);
    hear(arg, 'E');
}

static void on_analyzed(struct call *call, void *arg)
{
    assert_int_equal(call->phase, CALL_ANALYZED);
    hear(arg, 'Z');
}

static const struct exchange_listener LISTENER = {on_ringing, on_answered, on_ended, on_analyzed};

static struct call call_of(enum fate fate)
{
    struct call call = {.fate = fate, .deadline_place = HEAP_NOWHERE};
    call.order.ring_ms = 30000;
    call.order.max_talk_ms = 3600000;
    return call;
}

/* Rings one call to its end on a loop of its own. */
static void ring_after(int64_t queue_us, struct call *call, const struct exchange_timing *timing, struct heard *heard)
{
    struct loop *loop;
    struct exchange *x;
    assert_int_equal(loop_create(&loop), 0);
    assert_int_equal(exchange_create(loop, timing, 10, &LISTENER, heard, &x), 0);
    assert_int_equal(exchange_place(x, call, queue_us), 0);
    assert_int_equal(exchange_open_calls(x), 1);
    assert_int_equal(call->holds, 1);
    assert_string_equal(heard->steps, ""); /* never from inside exchange_place() */
    while (call->phase != CALL_ANALYZED)
        assert_int_equal(loop_run_once(loop), 0);
    assert_int_equal(exchange_open_calls(x), 0);
    assert_int_equal(call->holds, 0);
    exchange_free(x);
    loop_free(loop);
}

static void ring(struct call *call, const struct exchange_timing *timing, struct heard *heard)
{
    ring_after(0, call, timing, heard);
}

static void test_a_fate_is_fulfilled_step_by_step(void **state)
{
    static const struct {
        enum fate fate;
        enum call_end end;
        const char *steps;
        const char *outcome;
        bool agent_hangs_up;
        bool is_connected;
    } CASES[] = {
        {FATE_COMPLETED, CALL_END_CALLEE_HUNG_UP, "AEZ", "completed", false, true},
        {FATE_COMPLETED, CALL_END_AGENT_HUNG_UP, "AEZ", "completed", true, true},
        {FATE_VOICEMAIL, CALL_END_VOICEMAIL, "AEZ", "voicemail", true, true},
        {FATE_BUSY, CALL_END_BUSY, "EZ", "busy", false, false},
        {FATE_NO_ANSWER, CALL_END_NO_ANSWER, "EZ", "no_answer", false, false},
        {FATE_FAILED, CALL_END_FAILED, "EZ", "failed", false, false},
        {FATE_BLOCKED, CALL_END_BLOCKED, "EZ", "blocked", false, false},
        {FATE_INVALID_NUMBER, CALL_END_INVALID_NUMBER, "EZ", "invalid_number", false, false},
    };
    static const struct exchange_timing TIMING = {.ring_ms = 3, .talk_ms = 5, .analysis_ms = 2};
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct call call = call_of(CASES[i].fate);
        struct heard heard = {{0}};
        call.agent_hangs_up = CASES[i].agent_hangs_up;
        ring(&call, &TIMING, &heard);
        assert_string_equal(heard.steps, CASES[i].steps);
        assert_int_equal(call.end, CASES[i].end);
        assert_string_equal(call_outcome_name(&call), CASES[i].outcome);
        assert_int_equal(call_was_connected(&call), CASES[i].is_connected);
        assert_true(call.ended_ms - call.rang_ms >= (CASES[i].is_connected ? 7 : 2));
        assert_int_equal(call_talk_ms(&call) > 0, CASES[i].is_connected);
    }
}

static void test_no_call_rings_or_talks_longer_than_it_asked(void **state)
{
    static const struct exchange_timing TIMING = {.ring_ms = 3600000, .talk_ms = 3600000, .analysis_ms = 0};
    (void)state;
    struct call call = call_of(FATE_NO_ANSWER);
    struct heard heard = {{0}};
    call.order.ring_ms = 2;
    ring(&call, &TIMING, &heard);
    assert_int_equal(call.end, CALL_END_NO_ANSWER);

    call = call_of(FATE_COMPLETED);
    heard = (struct heard){{0}};
    call.order.ring_ms = 2;
    call.order.max_talk_ms = 3;
    ring(&call, &TIMING, &heard);
    assert_int_equal(call.end, CALL_END_MAX_DURATION);
    assert_string_equal(call_outcome_name(&call), "completed");
}

static void test_a_call_that_waits_rings_when_its_time_has_come(void **state)
{
    static const struct exchange_timing TIMING = {.ring_ms = 1, .talk_ms = 1, .analysis_ms = 1};
    (void)state;
    struct call call = call_of(FATE_COMPLETED);
    struct heard heard = {{0}};
    ring_after(4000, &call, &TIMING, &heard);
    assert_string_equal(heard.steps, "RAEZ");
    assert_true(call.rang_ms - call.accepted_ms >= 3);
}

static void test_a_call_that_waits_can_be_stopped_and_never_rings(void **state)
{
    static const struct exchange_timing TIMING = {.ring_ms = 1, .talk_ms = 1, .analysis_ms = 0};
    (void)state;
    struct loop *loop;
    struct exchange *x;
    struct heard heard = {{0}};
    struct call call = call_of(FATE_COMPLETED);
    assert_int_equal(loop_create(&loop), 0);
    assert_int_equal(exchange_create(loop, &TIMING, 2, &LISTENER, &heard, &x), 0);
    assert_int_equal(exchange_place(x, &call, 3600000000), 0);
    assert_int_equal(call.phase, CALL_QUEUED);
    assert_int_equal(exchange_stop(x, &call), 0);
    while (call.phase != CALL_ANALYZED)
        assert_int_equal(loop_run_once(loop), 0);
    assert_string_equal(heard.steps, "EZ");
    assert_string_equal(call_outcome_name(&call), "stopped");
    assert_int_equal(call.rang_ms, 0);
    exchange_free(x);
    loop_free(loop);
}

static void test_a_call_that_is_turned_away_never_rings(void **state)
{
    static const struct exchange_timing TIMING = {.ring_ms = 3600000, .talk_ms = 1, .analysis_ms = 1};
    (void)state;
    struct call call = call_of(FATE_COMPLETED);
    struct heard heard = {{0}};
    call.is_turned_away = true;
    ring(&call, &TIMING, &heard);
    assert_string_equal(heard.steps, "EZ");
    assert_string_equal(call_outcome_name(&call), "concurrency");
    assert_int_equal(call.rang_ms, 0);
}

static void test_a_late_analysis_takes_its_own_time(void **state)
{
    static const struct exchange_timing TIMING = {.analysis_ms = 3600000, .late_analysis_ms = 2};
    (void)state;
    struct call call = call_of(FATE_BUSY);
    struct heard heard = {{0}};
    call.faults = FAULT_BIT(FAULT_SUMMARY_LATE);
    ring(&call, &TIMING, &heard);
    assert_string_equal(heard.steps, "EZ");
}

static void test_a_call_is_stopped_once_and_the_others_go_on(void **state)
{
    static const struct exchange_timing TIMING = {.ring_ms = 5, .talk_ms = 3600000, .analysis_ms = 1};
    (void)state;
    struct loop *loop;
    struct exchange *x;
    struct heard heard = {{0}};
    struct call stopped = call_of(FATE_COMPLETED);
    struct call busy = call_of(FATE_BUSY);
    assert_int_equal(loop_create(&loop), 0);
    assert_int_equal(exchange_create(loop, &TIMING, 2, &LISTENER, &heard, &x), 0);
    assert_int_equal(exchange_place(x, &stopped, 0), 0);
    assert_int_equal(exchange_place(x, &busy, 0), 0);
    struct call third = call_of(FATE_BUSY);
    assert_int_equal(exchange_place(x, &third, 0), ERR_NOMEM); /* at the bound */
    assert_int_equal(exchange_stop(x, &stopped), 0);
    assert_int_equal(exchange_stop(x, &stopped), ERR_STATE);
    while (stopped.phase != CALL_ANALYZED || busy.phase != CALL_ANALYZED)
        assert_int_equal(loop_run_once(loop), 0);
    assert_int_equal(stopped.end, CALL_END_STOPPED);
    assert_string_equal(call_outcome_name(&stopped), "stopped");
    assert_int_equal(busy.end, CALL_END_BUSY);

    struct call talking = call_of(FATE_COMPLETED);
    assert_int_equal(exchange_place(x, &talking, 0), 0);
    while (talking.phase != CALL_TALKING)
        assert_int_equal(loop_run_once(loop), 0);
    assert_int_equal(exchange_stop(x, &talking), 0);
    assert_string_equal(call_outcome_name(&talking), "completed");
    assert_int_equal(exchange_open_calls(x), 0);
    exchange_free(x);
    exchange_free(NULL);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_fate_is_fulfilled_step_by_step),
        cmocka_unit_test(test_no_call_rings_or_talks_longer_than_it_asked),
        cmocka_unit_test(test_a_call_that_waits_rings_when_its_time_has_come),
        cmocka_unit_test(test_a_call_that_waits_can_be_stopped_and_never_rings),
        cmocka_unit_test(test_a_call_that_is_turned_away_never_rings),
        cmocka_unit_test(test_a_late_analysis_takes_its_own_time),
        cmocka_unit_test(test_a_call_is_stopped_once_and_the_others_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
