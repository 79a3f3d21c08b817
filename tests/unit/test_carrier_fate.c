/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/fate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/carrier/draw.h"
#include "tests/carrier/fault.h"

static const struct fate_plan PLAN = {.seed = 1, .weights = {70, 10, 15, 5, 0}};

/* The values were made by another program, from the definition in draw.h. */
static void test_a_draw_is_the_documented_hash(void **state)
{
    (void)state;
    uint64_t value;
    assert_int_equal(draw_value("outcome", 1, "+15550001111", 1, &value), 0);
    assert_true(value == UINT64_C(0x818ac72e32083cf8));
    assert_int_equal(draw_value("outcome", UINT64_MAX, "+15550001111", 1, &value), 0);
    assert_true(value == UINT64_C(4598274597958212800));
    double fraction;
    assert_int_equal(draw_fraction("fault.reset", 1, "+15550001111", 1, &fraction), 0);
    assert_float_equal(fraction, 0.03767350052134677, 1e-15);
}

static void test_a_draw_refuses_what_it_cannot_hold(void **state)
{
    (void)state;
    char number[200];
    memset(number, '1', sizeof number - 1);
    number[sizeof number - 1] = '\0';
    uint64_t value = 7;
    assert_int_equal(draw_value("outcome", 1, number, 1, &value), ERR_TOO_LARGE);
    assert_true(value == 7);
}

static void test_a_fate_depends_on_seed_number_and_dial(void **state)
{
    static const struct {
        const char *number;
        enum fate fates[8];
        const char *hangups; /* 1: the agent's */
    } CASES[] = {
        {"+15550001111",
         {FATE_COMPLETED, FATE_FAILED, FATE_COMPLETED, FATE_NO_ANSWER, FATE_COMPLETED, FATE_COMPLETED, FATE_BUSY,
          FATE_COMPLETED},
         "00110101"},
        {"+15550001112",
         {FATE_COMPLETED, FATE_COMPLETED, FATE_COMPLETED, FATE_BUSY, FATE_COMPLETED, FATE_NO_ANSWER, FATE_COMPLETED,
          FATE_COMPLETED},
         "01000101"},
        {"+4915112345678",
         {FATE_COMPLETED, FATE_BUSY, FATE_COMPLETED, FATE_COMPLETED, FATE_COMPLETED, FATE_BUSY, FATE_COMPLETED,
          FATE_COMPLETED},
         "11110101"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        for (uint64_t dial = 1; dial <= 8; dial++) {
            enum fate fate;
            bool is_agent;
            assert_int_equal(fate_draw(&PLAN, CASES[i].number, dial, &fate), 0);
            assert_int_equal(fate, CASES[i].fates[dial - 1]);
            assert_int_equal(fate_draw_agent_hangs_up(&PLAN, CASES[i].number, dial, &is_agent), 0);
            assert_int_equal(is_agent, CASES[i].hangups[dial - 1] == '1');
        }
    }
}

static void test_fates_come_as_often_as_they_weigh(void **state)
{
    (void)state;
    unsigned seen[FATE_KINDS] = {0};
    for (unsigned i = 0; i < 20000; i++) {
        char number[16];
        (void)snprintf(number, sizeof number, "+1555%07u", i);
        enum fate fate;
        assert_int_equal(fate_draw(&PLAN, number, 1, &fate), 0);
        seen[fate]++;
    }
    assert_int_equal(seen[FATE_COMPLETED], 14008);
    assert_int_equal(seen[FATE_BUSY], 1986);
    assert_int_equal(seen[FATE_NO_ANSWER], 2975);
    assert_int_equal(seen[FATE_FAILED], 1031);
    assert_int_equal(seen[FATE_VOICEMAIL], 0);
}

static void test_a_single_weight_decides_all(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < FATE_KINDS; kind++) {
        struct fate_plan plan = {.seed = kind};
        plan.weights[kind] = 3;
        for (uint64_t dial = 1; dial < 50; dial++) {
            enum fate fate;
            assert_int_equal(fate_draw(&plan, "+15550001111", dial, &fate), 0);
            assert_int_equal(fate, kind);
        }
    }
    struct fate_plan empty = {.seed = 1};
    enum fate fate;
    assert_int_equal(fate_draw(&empty, "+15550001111", 1, &fate), ERR_STATE);
}

static void test_weights_are_read_and_refused(void **state)
{
    static const struct {
        const char *text;
        int err;
        uint32_t weights[FATE_KINDS];
    } CASES[] = {
        {"completed=70,busy=10,no_answer=15,failed=5", 0, {70, 10, 15, 5, 0}},
        {"voicemail=1", 0, {0, 0, 0, 0, 1}},
        {"invalid_number=2,blocked=3", 0, {0, 0, 0, 0, 0, 3, 2}},
        {"busy=1000000,completed=0", 0, {0, 1000000, 0, 0, 0}},
        {"", ERR_INVALID, {9}},
        {"completed", ERR_INVALID, {9}},
        {"completed=", ERR_INVALID, {9}},
        {"completed=1,", ERR_INVALID, {9}},
        {"completed=1,,busy=1", ERR_INVALID, {9}},
        {"completed=1,completed=2", ERR_INVALID, {9}},
        {"complete=1", ERR_INVALID, {9}},
        {"Completed=1", ERR_INVALID, {9}},
        {"completed=0.5", ERR_INVALID, {9}},
        {"completed=-1", ERR_INVALID, {9}},
        {"completed=1000001", ERR_RANGE, {9}},
        {"completed=0", ERR_RANGE, {9}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        uint32_t weights[FATE_KINDS] = {9};
        const char *why = NULL;
        assert_int_equal(fate_weights_parse(CASES[i].text, weights, &why), CASES[i].err);
        assert_memory_equal(weights, CASES[i].weights, sizeof weights);
        assert_int_equal(why != NULL, CASES[i].err != 0);
    }
}

static void test_faults_strike_at_their_rate_and_each_for_itself(void **state)
{
    (void)state;
    struct fault_plan plan = {.seed = 1};
    const char *why = NULL;
    assert_int_equal(fault_plan_add(&plan, "reset=0.25", &why), 0);
    assert_int_equal(fault_plan_add(&plan, "callback_twice=1", &why), 0);
    unsigned resets = 0;
    for (uint64_t request = 1; request <= 4000; request++) {
        unsigned set;
        assert_int_equal(fault_draw(&plan, "+15550001111", request, &set), 0);
        assert_true(set & FAULT_BIT(FAULT_CALLBACK_TWICE));
        assert_int_equal(set & ~(FAULT_BIT(FAULT_RESET) | FAULT_BIT(FAULT_CALLBACK_TWICE)), 0);
        resets += (set & FAULT_BIT(FAULT_RESET)) != 0;
    }
    assert_in_range(resets, 900, 1100);
    unsigned set;
    assert_int_equal(fault_draw(&plan, "+15550001111", 1, &set), 0);
    assert_true(set & FAULT_BIT(FAULT_RESET)); /* 0.0376.. is below 0.25 */
}

static void test_faults_are_read_and_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FAULT_KINDS; i++) {
        struct fault_plan plan = {.seed = 1};
        const char *why = NULL;
        char text[64];
        (void)snprintf(text, sizeof text, "%s=0.5", fault_name((enum fault)i));
        assert_int_equal(fault_plan_add(&plan, text, &why), 0);
        assert_float_equal(plan.rates[i], 0.5, 0);
        assert_int_equal(fault_plan_add(&plan, text, &why), ERR_EXISTS);
        assert_non_null(why);
    }
    static const struct {
        const char *text;
        int err;
    } CASES[] = {
        {"", ERR_NOT_FOUND},           {"reset", ERR_NOT_FOUND},  {"fire=0.1", ERR_NOT_FOUND},
        {"resets=0.1", ERR_NOT_FOUND}, {"reset=", ERR_INVALID},   {"reset=often", ERR_INVALID},
        {"reset=1.01", ERR_RANGE},     {"reset=-0.1", ERR_RANGE},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct fault_plan plan = {.seed = 1};
        const char *why = NULL;
        assert_int_equal(fault_plan_add(&plan, CASES[i].text, &why), CASES[i].err);
        assert_non_null(why);
        assert_float_equal(plan.rates[FAULT_RESET], 0, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_draw_is_the_documented_hash),
        cmocka_unit_test(test_a_draw_refuses_what_it_cannot_hold),
        cmocka_unit_test(test_a_fate_depends_on_seed_number_and_dial),
        cmocka_unit_test(test_fates_come_as_often_as_they_weigh),
        cmocka_unit_test(test_a_single_weight_decides_all),
        cmocka_unit_test(test_weights_are_read_and_refused),
        cmocka_unit_test(test_faults_strike_at_their_rate_and_each_for_itself),
        cmocka_unit_test(test_faults_are_read_and_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
