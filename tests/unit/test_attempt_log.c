/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/attempt_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static size_t parsed(const char *text, struct attempt_fact facts[LIMIT_ATTEMPT_LOG])
{
    size_t n = 99;
    assert_int_equal(attempt_log_parse(text, strlen(text), facts, &n), 0);
    return n;
}

static void test_each_kind_of_line_is_read(void **state)
{
    struct attempt_fact facts[LIMIT_ATTEMPT_LOG];
    (void)state;
    assert_int_equal(
        parsed("d=1 a=1 q=1763283600000001 b=1763283600000002 w=w_x\n"
               "d=1 v=THROTTLED n=1763283601000\n"
               "d=2 o=BUSY e=1763283602000 via=callback then=retry n=1763283603000 p=call_9f r=dial_busy\n",
               facts),
        3);
    assert_int_equal(facts[0].kind, ATTEMPT_FACT_BEGUN);
    assert_int_equal(facts[0].dial, 1);
    assert_int_equal(facts[0].attempt, 1);
    assert_int_equal(facts[0].slot_us, INT64_C(1763283600000001));
    assert_int_equal(facts[0].begin_us, INT64_C(1763283600000002));
    assert_int_equal(facts[1].kind, ATTEMPT_FACT_GIVEN_BACK);
    assert_string_equal(facts[1].verdict, "THROTTLED");
    assert_int_equal(facts[1].next_ms, INT64_C(1763283601000));
    assert_int_equal(facts[2].kind, ATTEMPT_FACT_RESULT);
    assert_int_equal(facts[2].dial, 2);
    assert_int_equal(facts[2].outcome, OUTCOME_BUSY);
    assert_int_equal(facts[2].ended_ms, INT64_C(1763283602000));
    assert_string_equal(facts[2].source, "callback");
    assert_string_equal(facts[2].then, "retry");
    assert_string_equal(facts[2].provider_id, "call_9f");
    assert_string_equal(facts[2].reason, "dial_busy");
}

static void test_what_is_empty_or_not_known_is_passed_over(void **state)
{
    struct attempt_fact facts[LIMIT_ATTEMPT_LOG];
    (void)state;
    assert_int_equal(parsed("", facts), 0);
    assert_int_equal(parsed("d=1 o=FAILED e= via= then= n=0 p= r= zz=9 Q=x", facts), 1);
    assert_int_equal(facts[0].ended_ms, 0);
    assert_string_equal(facts[0].reason, "");
}

static void test_a_log_is_read_to_its_bound_and_no_further(void **state)
{
    struct attempt_fact facts[LIMIT_ATTEMPT_LOG];
    char text[LIMIT_ATTEMPT_LOG * 16 + 32] = "";
    size_t n;
    (void)state;
    for (size_t i = 0; i < LIMIT_ATTEMPT_LOG; i++)
        strncat(text, "d=1 b=1\n", sizeof text - strlen(text) - 1);
    assert_int_equal(parsed(text, facts), LIMIT_ATTEMPT_LOG);
    strncat(text, "d=1 b=1\n", sizeof text - strlen(text) - 1);
    assert_int_equal(attempt_log_parse(text, strlen(text), facts, &n), ERR_INVALID);
}

static void test_what_makes_no_sense_is_refused(void **state)
{
    static const char *const texts[] = {
        "d",
        "b=1",
        "d=0 b=1",
        "d=x b=1",
        "d=4294967296 b=1",
        "d=1",
        "d=1 b=1 o=BUSY",
        "d=1 o=BUSY v=ABSENT",
        "d=1 o=RINGING",
        "d=1 b=-1",
        "d=1 b=1\n\n",
        "d=1 o=BUSY e=253402300800000",
        "d=1 v=a\x01",
        "d=1 v=abcdefghijklmnopqrstuvwxyzabcdefg",
        "d=1 o=BUSY p=\xC3\xA9",
    };
    struct attempt_fact facts[LIMIT_ATTEMPT_LOG];
    size_t n;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(attempt_log_parse(texts[i], strlen(texts[i]), facts, &n), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_of_line_is_read),
        cmocka_unit_test(test_what_is_empty_or_not_known_is_passed_over),
        cmocka_unit_test(test_a_log_is_read_to_its_bound_and_no_further),
        cmocka_unit_test(test_what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
