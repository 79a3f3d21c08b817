/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct http_result answered(int status, int64_t retry_after_ms)
{
    return (struct http_result){
        .fail = HTTP_FAIL_NONE, .was_sent = true, .status = status, .retry_after_ms = retry_after_ms};
}

static struct verdict judge(struct http_result result, int32_t number, bool is_literal)
{
    struct verdict_attempt attempt = {.is_call_event = true, .number = number, .is_literal = is_literal};
    return verdict_of(&result, &attempt);
}

static void test_each_answer_has_its_verdict(void **state)
{
    static const struct {
        int status;
        enum verdict_kind kind;
        const char *code;
    } cases[] = {
        {200, VERDICT_DELIVERED, "ok"},       {204, VERDICT_DELIVERED, "ok"},      {299, VERDICT_DELIVERED, "ok"},
        {301, VERDICT_RETRY, "redirect"},     {302, VERDICT_RETRY, "redirect"},    {307, VERDICT_RETRY, "redirect"},
        {400, VERDICT_RETRY, "http_status"},  {404, VERDICT_RETRY, "http_status"}, {410, VERDICT_DEAD, "endpoint_gone"},
        {429, VERDICT_RETRY, "http_status"},  {500, VERDICT_RETRY, "http_status"}, {503, VERDICT_RETRY, "http_status"},
        {101, VERDICT_RETRY, "bad_response"}, {0, VERDICT_RETRY, "bad_response"},  {600, VERDICT_RETRY, "bad_response"},
        {999, VERDICT_RETRY, "bad_response"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct verdict verdict = judge(answered(cases[i].status, -1), 1, false);
        if (verdict.kind != cases[i].kind || strcmp(verdict.code, cases[i].code) != 0)
            fail_msg("%d gave %s %s", cases[i].status, verdict_kind_name(verdict.kind), verdict.code);
        assert_int_equal(verdict.status, cases[i].status);
        assert_int_equal(verdict.delay_ms, verdict.kind == VERDICT_RETRY ? 5000 : 0);
        assert_int_equal(verdict.pause_ms, 0);
    }
}

static void test_each_failure_has_its_verdict(void **state)
{
    static const struct {
        enum http_fail fail;
        enum verdict_kind kind;
        const char *code;
    } cases[] = {
        {HTTP_FAIL_URL, VERDICT_DEAD, "bad_url"},
        {HTTP_FAIL_NO_NAME, VERDICT_RETRY, "dns_nxdomain"},
        {HTTP_FAIL_RESOLVE, VERDICT_RETRY, "dns_error"},
        {HTTP_FAIL_ADDRESS, VERDICT_RETRY, "address_blocked"},
        {HTTP_FAIL_CONNECT, VERDICT_RETRY, "connect_failed"},
        {HTTP_FAIL_TLS, VERDICT_RETRY, "tls_failed"},
        {HTTP_FAIL_TIMEOUT, VERDICT_RETRY, "timeout"},
        {HTTP_FAIL_RESET, VERDICT_RETRY, "connection_reset"},
        {HTTP_FAIL_PROTOCOL, VERDICT_RETRY, "bad_response"},
        {HTTP_FAIL_LOCAL, VERDICT_RETURN, "internal"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct verdict verdict = judge((struct http_result){.fail = cases[i].fail, .status = 200}, 1, false);
        if (verdict.kind != cases[i].kind || strcmp(verdict.code, cases[i].code) != 0)
            fail_msg("failure %d gave %s %s", (int)cases[i].fail, verdict_kind_name(verdict.kind), verdict.code);
        assert_int_equal(verdict.status, 0);
    }
}

static void test_the_last_attempt_ends_dead_and_a_success_on_it_is_a_success(void **state)
{
    (void)state;
    assert_int_equal(judge(answered(500, -1), 9, false).kind, VERDICT_RETRY);
    assert_int_equal(judge(answered(500, -1), 10, false).kind, VERDICT_DEAD);
    assert_string_equal(judge(answered(500, -1), 10, false).code, "http_status");
    assert_int_equal(judge(answered(200, -1), 10, false).kind, VERDICT_DELIVERED);
    assert_int_equal(judge((struct http_result){.fail = HTTP_FAIL_LOCAL}, 10, false).kind, VERDICT_RETURN);
}

static void test_a_refused_address_is_not_tried_fast_and_a_literal_one_not_again(void **state)
{
    struct http_result refused = {.fail = HTTP_FAIL_ADDRESS};
    (void)state;
    assert_int_equal(judge(refused, 1, false).delay_ms, 600000);
    assert_int_equal(judge(refused, 1, true).kind, VERDICT_DEAD);
}

static void test_retry_after_is_honoured_within_a_second_and_an_hour(void **state)
{
    static const struct {
        int status;
        int64_t retry_after_ms, delay_ms, pause_ms;
    } cases[] = {
        {429, 60000, 60000, 60000},        {503, 60000, 60000, 60000}, {429, 0, 5000, 1000},  {429, 1500, 5000, 1500},
        {429, 86400000, 3600000, 3600000}, {429, -1, 5000, 0},         {500, 60000, 5000, 0}, {404, 60000, 5000, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct verdict verdict = judge(answered(cases[i].status, cases[i].retry_after_ms), 1, false);
        if (verdict.delay_ms != cases[i].delay_ms || verdict.pause_ms != cases[i].pause_ms)
            fail_msg("case %zu gave %lld, %lld", i, (long long)verdict.delay_ms, (long long)verdict.pause_ms);
    }
    struct verdict last = judge(answered(429, 60000), 10, false);
    assert_int_equal(last.kind, VERDICT_DEAD);
    assert_int_equal(last.pause_ms, 60000);
}

static void test_our_own_fault_is_tried_again_within_seconds(void **state)
{
    struct http_result result = {.fail = HTTP_FAIL_LOCAL};
    struct verdict_attempt attempt = {.number = 1, .random = UINT32_MAX};
    (void)state;
    assert_int_equal(judge(result, 1, false).delay_ms, 2000);
    assert_in_range(verdict_of(&result, &attempt).delay_ms, 4000, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_answer_has_its_verdict),
        cmocka_unit_test(test_each_failure_has_its_verdict),
        cmocka_unit_test(test_the_last_attempt_ends_dead_and_a_success_on_it_is_a_success),
        cmocka_unit_test(test_a_refused_address_is_not_tried_fast_and_a_literal_one_not_again),
        cmocka_unit_test(test_retry_after_is_honoured_within_a_second_and_an_hour),
        cmocka_unit_test(test_our_own_fault_is_tried_again_within_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
