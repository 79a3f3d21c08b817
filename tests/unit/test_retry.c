/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

#define BEGIN INT64_C(1000000)
#define BUSY_DELAY INT64_C(300)
#define NO_ANSWER_DELAY INT64_C(3600)
#define FAILED_DELAY INT64_C(700)
#define VOICEMAIL_DELAY INT64_C(900)

static const struct retry_rules RULES = {
    .max_attempts = 3,
    .no_answer_delay_ms = NO_ANSWER_DELAY,
    .busy_delay_ms = BUSY_DELAY,
    .failed_delay_ms = FAILED_DELAY,
    .voicemail_delay_ms = VOICEMAIL_DELAY,
    .on_unknown = ON_UNKNOWN_RETRY,
};

struct decision_case {
    enum outcome outcome;
    int32_t attempts;
    int64_t deadline_ms;
    int64_t now_ms;
    int64_t retry_at_ms; /* 0: final */
    enum retry_why why;
};

static void check(const struct retry_rules *rules, const struct decision_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct decision_case *c = &cases[i];
        struct retry_decision got = retry_decide(rules, c->outcome, c->attempts, BEGIN, c->deadline_ms, c->now_ms);
        assert_int_equal(got.retry_at_ms, c->retry_at_ms);
        assert_int_equal(got.is_final, c->retry_at_ms == 0);
        assert_int_equal(got.why, c->why);
    }
}

static void test_a_retry_comes_its_delay_after_the_begin_but_never_in_the_past(void **state)
{
    static const struct decision_case cases[] = {
        {OUTCOME_BUSY, 1, 0, BEGIN + 10, BEGIN + BUSY_DELAY, RETRY_WHY_DELAY},
        {OUTCOME_BUSY, 2, 0, BEGIN + BUSY_DELAY, BEGIN + BUSY_DELAY, RETRY_WHY_DELAY},
        {OUTCOME_BUSY, 2, 0, BEGIN + 5000, BEGIN + 5000, RETRY_WHY_DELAY},
        {OUTCOME_NO_ANSWER, 1, 0, BEGIN + 10, BEGIN + NO_ANSWER_DELAY, RETRY_WHY_DELAY},
        {OUTCOME_NO_ANSWER, 1, 0, BEGIN + 5000, BEGIN + 5000, RETRY_WHY_DELAY},
        {OUTCOME_FAILED, 1, 0, BEGIN + 10, BEGIN + FAILED_DELAY, RETRY_WHY_DELAY},
        {OUTCOME_VOICEMAIL, 1, 0, BEGIN + 10, BEGIN + VOICEMAIL_DELAY, RETRY_WHY_DELAY},
        /* a deadline matters to UNKNOWN alone */
        {OUTCOME_BUSY, 1, BEGIN + 99999, BEGIN + 10, BEGIN + BUSY_DELAY, RETRY_WHY_DELAY},
    };
    (void)state;
    check(&RULES, cases, COUNT(cases));
}

static void test_the_budget_of_attempts_is_shared_by_all_outcomes(void **state)
{
    static const struct decision_case cases[] = {
        {OUTCOME_BUSY, 3, 0, BEGIN, 0, RETRY_WHY_ATTEMPTS_SPENT},
        {OUTCOME_NO_ANSWER, 3, 0, BEGIN, 0, RETRY_WHY_ATTEMPTS_SPENT},
        {OUTCOME_FAILED, 4, 0, BEGIN, 0, RETRY_WHY_ATTEMPTS_SPENT},
        {OUTCOME_VOICEMAIL, 3, 0, BEGIN, 0, RETRY_WHY_ATTEMPTS_SPENT},
        {OUTCOME_UNKNOWN, 3, BEGIN + 1, BEGIN, 0, RETRY_WHY_ATTEMPTS_SPENT},
        {OUTCOME_BUSY, 2, 0, BEGIN, BEGIN + BUSY_DELAY, RETRY_WHY_DELAY},
    };
    (void)state;
    check(&RULES, cases, COUNT(cases));
    struct retry_rules once = RULES;
    once.max_attempts = 1;
    assert_true(retry_decide(&once, OUTCOME_BUSY, 1, BEGIN, 0, BEGIN).is_final);
}

static void test_final_outcomes_are_never_tried_again(void **state)
{
    static const enum outcome outcomes[] = {OUTCOME_COMPLETED, OUTCOME_INVALID_NUMBER, OUTCOME_BLOCKED,
                                            OUTCOME_REJECTED,  OUTCOME_SUPPRESSED,     OUTCOME_EXPIRED,
                                            OUTCOME_CANCELLED};
    (void)state;
    for (size_t i = 0; i < COUNT(outcomes); i++) {
        const struct decision_case c = {outcomes[i], 1, 0, BEGIN, 0, RETRY_WHY_OUTCOME_FINAL};
        check(&RULES, &c, 1);
    }
}

static void test_voicemail_is_final_unless_a_delay_was_given(void **state)
{
    struct retry_rules rules = RULES;
    (void)state;
    rules.voicemail_delay_ms = 0;
    const struct decision_case c = {OUTCOME_VOICEMAIL, 1, 0, BEGIN, 0, RETRY_WHY_OUTCOME_FINAL};
    check(&rules, &c, 1);
}

static void test_an_unknown_attempt_is_followed_neither_before_its_deadline_nor_its_delay(void **state)
{
    static const struct decision_case cases[] = {
        {OUTCOME_UNKNOWN, 1, BEGIN + 100, BEGIN + 100, BEGIN + NO_ANSWER_DELAY, RETRY_WHY_DELAY},
        {OUTCOME_UNKNOWN, 1, BEGIN + 9000, BEGIN + 100, BEGIN + 9000, RETRY_WHY_DEADLINE},
        {OUTCOME_UNKNOWN, 1, BEGIN + 9000, BEGIN + 9500, BEGIN + 9500, RETRY_WHY_DELAY},
    };
    struct retry_rules hold = RULES;
    (void)state;
    check(&RULES, cases, COUNT(cases));
    hold.on_unknown = ON_UNKNOWN_HOLD;
    const struct decision_case held = {OUTCOME_UNKNOWN, 1, BEGIN + 9000, BEGIN + 9000, 0, RETRY_WHY_HELD};
    check(&hold, &held, 1);
    const struct decision_case busy = {OUTCOME_BUSY, 1, 0, BEGIN, BEGIN + BUSY_DELAY, RETRY_WHY_DELAY};
    check(&hold, &busy, 1);
}

static void test_on_unknown_is_spelt_one_way(void **state)
{
    enum on_unknown value = ON_UNKNOWN_RETRY;
    (void)state;
    assert_int_equal(on_unknown_from_name("hold", 4, &value), 0);
    assert_int_equal(value, ON_UNKNOWN_HOLD);
    assert_string_equal(on_unknown_name(value), "hold");
    assert_int_equal(on_unknown_from_name("Hold", 4, &value), ERR_NOT_FOUND);
    assert_int_equal(on_unknown_from_name("", 0, &value), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_retry_comes_its_delay_after_the_begin_but_never_in_the_past),
        cmocka_unit_test(test_the_budget_of_attempts_is_shared_by_all_outcomes),
        cmocka_unit_test(test_final_outcomes_are_never_tried_again),
        cmocka_unit_test(test_voicemail_is_final_unless_a_delay_was_given),
        cmocka_unit_test(test_an_unknown_attempt_is_followed_neither_before_its_deadline_nor_its_delay),
        cmocka_unit_test(test_on_unknown_is_spelt_one_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
