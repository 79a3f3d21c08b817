/* SPDX-License-Identifier: Apache-2.0
 *
 * What a create exchange came to, case by case: the difference between "surely not placed" and "who knows".
 */
#include "tests/support/provider_fixture.h"

#include <stdio.h>

struct verdict_case {
    const char *what;
    struct provider_reply result;
    enum verdict verdict;
    enum outcome outcome;
};

#define ANSWER(code, text)                                                                                             \
    {                                                                                                                  \
        .was_sent = true, .status = (code), .body = (text), .body_len = sizeof(text) - 1, .retry_after_ms = -1         \
    }
#define FAILURE(sent)                                                                                                  \
    {                                                                                                                  \
        .was_sent = (sent), .body = "", .retry_after_ms = -1, .detail = "words of the transport"                       \
    }

static void run_cases(const struct provider_profile *profile, const struct verdict_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct provider_start start;
        provider_judge_start(profile, &cases[i].result, &start);
        if (start.verdict != cases[i].verdict || start.outcome != cases[i].outcome)
            fail_msg("%s: %s/%s, not %s/%s", cases[i].what, verdict_name(start.verdict), outcome_name(start.outcome),
                     verdict_name(cases[i].verdict), outcome_name(cases[i].outcome));
        assert_true((start.provider_id[0] != '\0') == (start.verdict == VERDICT_ACCEPTED));
    }
}

static void test_retell_verdicts(void **state)
{
    (void)state;
    static const struct verdict_case cases[] = {
        {"created", ANSWER(201, "{\"call_id\":\"call_1\",\"call_status\":\"registered\"}"), VERDICT_ACCEPTED,
         OUTCOME_UNKNOWN},
        {"200 with an id", ANSWER(200, "{\"call_id\":\"call_1\"}"), VERDICT_ACCEPTED, OUTCOME_UNKNOWN},
        {"created without an id", ANSWER(201, "{\"call_status\":\"registered\"}"), VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
        {"an empty id", ANSWER(201, "{\"call_id\":\"\"}"), VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
        {"an id that is no text", ANSWER(201, "{\"call_id\":17}"), VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
        {"an id with a space", ANSWER(201, "{\"call_id\":\"a b\"}"), VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
        {"an id with a line break", ANSWER(201, "{\"call_id\":\"a\\nb\"}"), VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
        {"an empty body", ANSWER(201, ""), VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
        {"no JSON", ANSWER(201, "<html>"), VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
        {"JSON cut short", ANSWER(201, "{\"call_id\":\"call_1\""), VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
        {"accepted without content", ANSWER(204, ""), VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
        {"throttled", ANSWER(429, "{\"status\":\"error\",\"message\":\"Account rate limited\"}"), VERDICT_THROTTLED,
         OUTCOME_UNKNOWN},
        {"throttled without a body", ANSWER(429, ""), VERDICT_THROTTLED, OUTCOME_UNKNOWN},
        {"bad request", ANSWER(400, "{\"message\":\"Invalid to_number\"}"), VERDICT_REJECTED, OUTCOME_REJECTED},
        {"too large", ANSWER(413, ""), VERDICT_REJECTED, OUTCOME_REJECTED},
        {"asset not found", ANSWER(422, "{\"message\":\"Cannot find asset\"}"), VERDICT_REJECTED, OUTCOME_REJECTED},
        {"bad key", ANSWER(401, "{\"message\":\"API key is invalid\"}"), VERDICT_ACCOUNT, OUTCOME_UNKNOWN},
        {"payment", ANSWER(402, "{\"message\":\"Trial has ended\"}"), VERDICT_ACCOUNT, OUTCOME_UNKNOWN},
        {"forbidden", ANSWER(403, ""), VERDICT_ACCOUNT, OUTCOME_UNKNOWN},
        {"no such path: the base URL is wrong", ANSWER(404, ""), VERDICT_ACCOUNT, OUTCOME_UNKNOWN},
        {"no such method", ANSWER(405, ""), VERDICT_ACCOUNT, OUTCOME_UNKNOWN},
        {"request timeout at the platform", ANSWER(408, ""), VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
        {"conflict", ANSWER(409, ""), VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
        {"a redirect is not followed", ANSWER(302, ""), VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
        {"server error", ANSWER(500, "{\"message\":\"An unexpected server error occurred.\"}"), VERDICT_UNKNOWN,
         OUTCOME_UNKNOWN},
        {"server error that shows an id", ANSWER(500, "{\"call_id\":\"call_1\"}"), VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
        {"bad gateway", ANSWER(502, ""), VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
        {"unavailable, which nobody documents as not processed", ANSWER(503, ""), VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
        {"gateway timeout", ANSWER(504, ""), VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
        {"nothing was sent", FAILURE(false), VERDICT_NOT_SENT, OUTCOME_UNKNOWN},
        {"something was sent, nothing came back", FAILURE(true), VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
    };
    struct provider_profile *profile = fixture_retell();
    run_cases(profile, cases, sizeof cases / sizeof cases[0]);
    provider_profile_free(profile);
}

static void test_rules_may_look_into_the_body(void **state)
{
    (void)state;
    static const struct verdict_case cases[] = {
        {"200 with success", ANSWER(200, "{\"success\":true,\"sid\":\"CA1\"}"), VERDICT_ACCEPTED, OUTCOME_UNKNOWN},
        {"200 without success", ANSWER(200, "{\"success\":false,\"sid\":\"CA1\"}"), VERDICT_REJECTED, OUTCOME_REJECTED},
        {"a code as a number", ANSWER(400, "{\"code\":10004}"), VERDICT_THROTTLED, OUTCOME_UNKNOWN},
        {"a code as a text", ANSWER(403, "{\"code\":\"20003\"}"), VERDICT_ACCOUNT, OUTCOME_UNKNOWN},
        {"an exact word before a pattern", ANSWER(400, "{\"code\":21211}"), VERDICT_REJECTED, OUTCOME_INVALID_NUMBER},
        {"a pattern", ANSWER(400, "{\"code\":21217}"), VERDICT_REJECTED, OUTCOME_BLOCKED},
        {"a refusal that may pass", ANSWER(400, "{\"code\":30001}"), VERDICT_REJECTED, OUTCOME_FAILED},
        {"a code that nobody listed", ANSWER(400, "{\"code\":1}"), VERDICT_REJECTED, OUTCOME_REJECTED},
        {"a status that nobody listed", ANSWER(410, "{\"code\":1}"), VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
        {"429 whatever the body", ANSWER(429, "nonsense"), VERDICT_THROTTLED, OUTCOME_UNKNOWN},
    };
    struct provider_profile *profile = fixture_form();
    run_cases(profile, cases, sizeof cases / sizeof cases[0]);
    provider_profile_free(profile);
}

static void test_an_answer_that_was_cut_tells_no_id(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_retell();
    struct provider_reply result = ANSWER(201, "{\"call_id\":\"call_1\"}");
    struct provider_start start;
    result.body_cut = true;
    provider_judge_start(profile, &result, &start);
    assert_int_equal(start.verdict, VERDICT_UNKNOWN);
    provider_profile_free(profile);
}

static void test_an_id_over_the_limit_is_none(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_retell();
    char body[LIMIT_PROVIDER_ID_LEN + 64];
    for (int extra = 0; extra <= 1; extra++) {
        int len = snprintf(body, sizeof body, "{\"call_id\":\"%0*d\"}", LIMIT_PROVIDER_ID_LEN + extra, 7);
        struct provider_reply result = {.was_sent = true, .status = 201, .body = body, .body_len = (size_t)len};
        struct provider_start start;
        provider_judge_start(profile, &result, &start);
        assert_int_equal(start.verdict, extra ? VERDICT_UNKNOWN : VERDICT_ACCEPTED);
    }
    provider_profile_free(profile);
}

static void test_what_the_platform_said_is_handed_on(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_retell();
    struct provider_reply result = ANSWER(429, "{\"message\":\"slow\\u000adown\"}");
    struct provider_start start;
    result.retry_after_ms = 7000;
    result.total_us = 1234;
    provider_judge_start(profile, &result, &start);
    assert_int_equal(start.retry_after_ms, 7000);
    assert_int_equal(start.total_us, 1234);
    assert_int_equal(start.http_status, 429);
    assert_string_equal(start.reason, "slow down");

    struct provider_reply bare = ANSWER(503, "");
    provider_judge_start(profile, &bare, &start);
    assert_string_equal(start.reason, "HTTP 503");
    assert_int_equal(start.retry_after_ms, -1);

    struct provider_reply failure = FAILURE(true);
    provider_judge_start(profile, &failure, &start);
    assert_string_equal(start.reason, "words of the transport");
    assert_int_equal(start.http_status, 0);
    provider_profile_free(profile);
}

static void test_a_long_reason_is_cut_on_a_whole_character(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_retell();
    char body[1024] = "{\"message\":\"";
    for (int i = 0; i < 200; i++)
        strncat(body, "\xc3\xa9", sizeof body - strlen(body) - 1);
    strncat(body, "\"}", sizeof body - strlen(body) - 1);
    struct provider_reply result = {.was_sent = true, .status = 400, .body = body, .body_len = strlen(body)};
    struct provider_start start;
    provider_judge_start(profile, &result, &start);
    assert_int_equal(strlen(start.reason), LIMIT_REASON_BYTES);
    assert_memory_equal(start.reason + LIMIT_REASON_BYTES - 2, "\xc3\xa9", 2);
    provider_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retell_verdicts),
        cmocka_unit_test(test_rules_may_look_into_the_body),
        cmocka_unit_test(test_an_answer_that_was_cut_tells_no_id),
        cmocka_unit_test(test_an_id_over_the_limit_is_none),
        cmocka_unit_test(test_what_the_platform_said_is_handed_on),
        cmocka_unit_test(test_a_long_reason_is_cut_on_a_whole_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
