/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/settle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/form_profile.h"

#define BEGIN_MS INT64_C(1000000)
#define NOW_MS (BEGIN_MS + 10000)
#define DEADLINE_MS (BEGIN_MS + 500000)
#define NO_ANSWER_MS 60000
#define BUSY_MS INT64_C(20000)
#define FAILED_MS 30000
#define VOICEMAIL_MS 40000

/* A trunk whose platform tells summaries after the end (retell), and one whose does not (the form profile). */
struct world {
    struct trunk_settings with_summary, without_summary;
};

static int set_up(void **state)
{
    static struct world w;
    assert_int_equal(provider_profile_builtin("retell", &w.with_summary.profile), 0);
    assert_int_equal(
        provider_profile_load(form_profile_json, sizeof form_profile_json - 1, NULL, &w.without_summary.profile), 0);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    provider_profile_free(w->with_summary.profile);
    provider_profile_free(w->without_summary.profile);
    return 0;
}

static struct batch_settings batch_of(const struct trunk_settings *trunk)
{
    return (struct batch_settings){
        .retry = {.max_attempts = 3,
                  .no_answer_delay_ms = NO_ANSWER_MS,
                  .busy_delay_ms = BUSY_MS,
                  .failed_delay_ms = FAILED_MS,
                  .voicemail_delay_ms = VOICEMAIL_MS,
                  .on_unknown = ON_UNKNOWN_RETRY},
        .summary_wait_ms = 120000,
        .trunk = trunk,
    };
}

static struct call_text live_call(void)
{
    struct call_text call;
    call_text_init(&call);
    call.state = CALL_STATE_LIVE;
    call.begin_ms = BEGIN_MS;
    call.deadline_ms = DEADLINE_MS;
    return call;
}

static struct provider_result result_of(enum provider_kind kind, enum outcome outcome)
{
    struct provider_result result;
    provider_result_init(&result);
    result.kind = kind;
    result.outcome = outcome;
    return result;
}

static void test_each_outcome_is_followed_as_the_table_says(void **state)
{
    const struct world *w = *state;
    static const struct {
        enum provider_kind kind;
        enum outcome outcome;
        int32_t attempts;
        enum settle_how how;
        int64_t retry_at_ms;
    } cases[] = {
        {PROVIDER_ENDED, OUTCOME_COMPLETED, 1, SETTLE_HOW_ENDED, 0},
        {PROVIDER_ANALYZED, OUTCOME_COMPLETED, 1, SETTLE_HOW_FINAL, 0},
        {PROVIDER_ENDED, OUTCOME_BUSY, 1, SETTLE_HOW_RETRY, BEGIN_MS + BUSY_MS},
        {PROVIDER_ENDED, OUTCOME_BUSY, 2, SETTLE_HOW_RETRY, BEGIN_MS + BUSY_MS},
        {PROVIDER_ENDED, OUTCOME_BUSY, 3, SETTLE_HOW_FINAL, 0},
        {PROVIDER_ENDED, OUTCOME_BUSY, 4, SETTLE_HOW_FINAL, 0},
        {PROVIDER_ENDED, OUTCOME_NO_ANSWER, 1, SETTLE_HOW_RETRY, BEGIN_MS + NO_ANSWER_MS},
        {PROVIDER_ENDED, OUTCOME_NO_ANSWER, 3, SETTLE_HOW_FINAL, 0},
        {PROVIDER_ENDED, OUTCOME_FAILED, 1, SETTLE_HOW_RETRY, BEGIN_MS + FAILED_MS},
        {PROVIDER_ENDED, OUTCOME_VOICEMAIL, 1, SETTLE_HOW_RETRY, BEGIN_MS + VOICEMAIL_MS},
        {PROVIDER_ENDED, OUTCOME_VOICEMAIL, 3, SETTLE_HOW_ENDED, 0},
        {PROVIDER_ANALYZED, OUTCOME_VOICEMAIL, 3, SETTLE_HOW_FINAL, 0},
        {PROVIDER_ENDED, OUTCOME_UNKNOWN, 1, SETTLE_HOW_RETRY, DEADLINE_MS},
        {PROVIDER_ANALYZED, OUTCOME_UNKNOWN, 3, SETTLE_HOW_FINAL, 0},
        {PROVIDER_ENDED, OUTCOME_INVALID_NUMBER, 1, SETTLE_HOW_FINAL, 0},
        {PROVIDER_ENDED, OUTCOME_BLOCKED, 1, SETTLE_HOW_FINAL, 0},
        {PROVIDER_ANALYZED, OUTCOME_REJECTED, 1, SETTLE_HOW_FINAL, 0},
    };
    struct batch_settings batch = batch_of(&w->with_summary);
    struct call_text call = live_call();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct provider_result result = result_of(cases[i].kind, cases[i].outcome);
        struct settle_decision decision = settle_decide(&batch, &result, &call, cases[i].attempts, NOW_MS);
        if (decision.how != cases[i].how || decision.retry_at_ms != cases[i].retry_at_ms)
            fail_msg("case %zu (%s): how %d at %lld", i, outcome_name(cases[i].outcome), (int)decision.how,
                     (long long)decision.retry_at_ms);
    }
}

static void test_no_retry_lies_before_now(void **state)
{
    const struct world *w = *state;
    struct batch_settings batch = batch_of(&w->with_summary);
    struct call_text call = live_call();
    struct provider_result result = result_of(PROVIDER_ENDED, OUTCOME_BUSY);
    struct settle_decision decision = settle_decide(&batch, &result, &call, 1, BEGIN_MS + 10 * BUSY_MS);
    assert_int_equal(decision.how, SETTLE_HOW_RETRY);
    assert_int_equal(decision.retry_at_ms, BEGIN_MS + 10 * BUSY_MS);
}

static void test_voicemail_without_a_delay_is_the_end(void **state)
{
    const struct world *w = *state;
    struct batch_settings batch = batch_of(&w->without_summary);
    batch.retry.voicemail_delay_ms = 0;
    struct call_text call = live_call();
    struct provider_result result = result_of(PROVIDER_ENDED, OUTCOME_VOICEMAIL);
    assert_int_equal(settle_decide(&batch, &result, &call, 1, NOW_MS).how, SETTLE_HOW_FINAL);
}

static void test_an_unknown_is_held_where_the_batch_says_so(void **state)
{
    const struct world *w = *state;
    struct batch_settings batch = batch_of(&w->with_summary);
    batch.retry.on_unknown = ON_UNKNOWN_HOLD;
    struct call_text call = live_call();
    struct provider_result result = result_of(PROVIDER_ANALYZED, OUTCOME_UNKNOWN);
    assert_int_equal(settle_decide(&batch, &result, &call, 1, NOW_MS).how, SETTLE_HOW_FINAL);
}

static void test_a_summary_is_awaited_only_where_one_can_come(void **state)
{
    const struct world *w = *state;
    char summary[] = "They spoke.";
    struct batch_settings batch = batch_of(&w->with_summary);
    struct call_text call = live_call();
    struct provider_result result = result_of(PROVIDER_ENDED, OUTCOME_COMPLETED);
    assert_int_equal(settle_decide(&batch, &result, &call, 1, NOW_MS).how, SETTLE_HOW_ENDED);

    result.summary = summary; /* it is here */
    assert_int_equal(settle_decide(&batch, &result, &call, 1, NOW_MS).how, SETTLE_HOW_FINAL);
    result.summary = NULL;

    batch.summary_wait_ms = 0; /* the tenant does not want to wait */
    assert_int_equal(settle_decide(&batch, &result, &call, 1, NOW_MS).how, SETTLE_HOW_FINAL);
    batch.summary_wait_ms = 1;

    batch.trunk = &w->without_summary; /* the platform never sends one */
    assert_int_equal(settle_decide(&batch, &result, &call, 1, NOW_MS).how, SETTLE_HOW_FINAL);
    batch.trunk = &w->with_summary;

    call.state = CALL_STATE_DUE; /* a late truth: nothing is held for it */
    assert_int_equal(settle_decide(&batch, &result, &call, 1, NOW_MS).how, SETTLE_HOW_FINAL);
    call.state = CALL_STATE_LIVE;

    result.outcome = OUTCOME_REJECTED; /* nobody spoke */
    assert_int_equal(settle_decide(&batch, &result, &call, 1, NOW_MS).how, SETTLE_HOW_FINAL);
}

static struct call_text hung_up_call(void)
{
    struct call_text call = live_call();
    call.state = CALL_STATE_ENDED;
    call.has_outcome = true;
    call.outcome = OUTCOME_COMPLETED;
    return call;
}

static void test_a_hang_up_that_is_told_twice_still_waits_for_its_summary(void **state)
{
    const struct world *w = *state;
    struct batch_settings batch = batch_of(&w->with_summary);
    struct call_text call = hung_up_call();
    struct provider_result result = result_of(PROVIDER_ENDED, OUTCOME_COMPLETED);
    assert_int_equal(settle_decide(&batch, &result, &call, 1, NOW_MS).how, SETTLE_HOW_ENDED);
}

static void test_an_analysis_that_knows_no_outcome_leaves_the_one_that_was_told(void **state)
{
    const struct world *w = *state;
    struct batch_settings batch = batch_of(&w->with_summary);
    struct call_text call = hung_up_call();
    struct provider_result result = result_of(PROVIDER_ANALYZED, OUTCOME_UNKNOWN);
    struct settle_decision decision = settle_decide(&batch, &result, &call, 1, NOW_MS);
    assert_int_equal(decision.how, SETTLE_HOW_FINAL);
    assert_int_equal(decision.outcome, OUTCOME_COMPLETED);

    result.outcome = OUTCOME_VOICEMAIL; /* one that knows better is believed */
    decision = settle_decide(&batch, &result, &call, 1, NOW_MS);
    assert_int_equal(decision.how, SETTLE_HOW_RETRY);
    assert_int_equal(decision.outcome, OUTCOME_VOICEMAIL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_outcome_is_followed_as_the_table_says),
        cmocka_unit_test(test_no_retry_lies_before_now),
        cmocka_unit_test(test_voicemail_without_a_delay_is_the_end),
        cmocka_unit_test(test_an_unknown_is_held_where_the_batch_says_so),
        cmocka_unit_test(test_a_summary_is_awaited_only_where_one_can_come),
        cmocka_unit_test(test_a_hang_up_that_is_told_twice_still_waits_for_its_summary),
        cmocka_unit_test(test_an_analysis_that_knows_no_outcome_leaves_the_one_that_was_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
