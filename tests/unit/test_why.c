/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/why.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define INSTANT INT64_C(1763283600000) /* 2025-11-16T09:00:00.000Z */

static struct why_reason found(const char *code, bool holds, int64_t until_ms)
{
    struct why_reason reason = {.holds = holds, .until_ms = until_ms, .count = 2, .of = 3, .word = ""};
    assert_int_equal(why_row_of(code, strlen(code), &reason.row), 0);
    return reason;
}

static void verdict_is(const char *wanted, const struct why_reason *reasons, size_t n)
{
    assert_string_equal(why_verdict(reasons, n).row->code, wanted);
}

static void the_verdict_is_the_heaviest_reason_that_holds(void **state)
{
    (void)state;
    struct why_reason reasons[] = {
        found("CALLS_LIVE", true, 0),      found("BATCH_RATE", true, 5), found("TURN_OF_OTHERS", true, 0),
        found("NUMBER_BUSY", true, 0),     found("TRUNK_HELD", true, 5), found("BATCH_PAUSED", true, 0),
        found("BATCH_COMPLETED", true, 0),
    };
    for (size_t n = sizeof reasons / sizeof reasons[0]; n > 0; n--)
        verdict_is(reasons[n - 1].row->code, reasons, n);
}

static void what_does_not_hold_is_no_verdict(void **state)
{
    (void)state;
    const struct why_reason reasons[] = {found("TRUNK_STOPPED", false, 0), found("CALLS_LIVE", true, 0)};
    verdict_is("CALLS_LIVE", reasons, 2);
    verdict_is("RUNNING", reasons, 1);
    verdict_is("RUNNING", NULL, 0);
}

static void among_instants_the_latest_counts_because_the_others_are_over_by_then(void **state)
{
    (void)state;
    const struct why_reason reasons[] = {found("CELL_CLOSED", true, 10), found("BATCH_SCHEDULED", true, 1000),
                                         found("RETRY_WAIT", true, 500)};
    verdict_is("BATCH_SCHEDULED", reasons, 3);
}

static void among_equals_the_first_of_the_chain_counts(void **state)
{
    (void)state;
    const struct why_reason reasons[] = {found("TRUNK_STOPPED", true, 0), found("BATCH_PAUSED", true, 0),
                                         found("TRUNK_FULL", true, 0), found("BATCH_FULL", true, 0)};
    verdict_is("TRUNK_STOPPED", reasons, 4);
    verdict_is("TRUNK_FULL", reasons + 2, 2);
}

static void a_batch_that_is_being_cancelled_waits_for_its_calls_unless_there_is_no_worker(void **state)
{
    (void)state;
    const struct why_reason reasons[] = {found("NO_WORKER", true, 0), found("BATCH_CANCELLING", true, 0),
                                         found("CALLS_LIVE", true, 0)};
    verdict_is("BATCH_CANCELLING", reasons + 1, 2);
    verdict_is("NO_WORKER", reasons, 3);
}

static void sentence_is(const struct why_reason *reason, const char *wanted)
{
    struct buf text;
    buf_init(&text, 1024);
    assert_int_equal(why_write(reason, &text), 0);
    assert_string_equal(buf_str(&text), wanted);
    buf_free(&text);
}

static void a_sentence_holds_the_facts(void **state)
{
    (void)state;
    struct why_reason stopped = found("TRUNK_STOPPED", true, 0);
    sentence_is(&stopped, "Its trunk is stopped until an operator starts it.");
    stopped.word = "account";
    sentence_is(&stopped, "Its trunk is stopped (account) until an operator starts it.");
    struct why_reason full = found("BATCH_FULL", true, 0);
    sentence_is(&full, "It is at its own limit, with 2 of 3 calls, until one of them ends.");
    struct why_reason scheduled = found("BATCH_SCHEDULED", true, INSTANT);
    sentence_is(&scheduled, "Its start is scheduled for 2025-11-16T09:00:00.000Z.");
    struct why_reason live = found("CALLS_LIVE", true, 0);
    live.latest_ms = INSTANT;
    sentence_is(&live, "Calls on the line, or waiting for word of their outcome: 2; the last must have ended by "
                       "2025-11-16T09:00:00.000Z.");
}

static void every_row_is_a_sentence_with_known_places_and_says_how_it_ends(void **state)
{
    (void)state;
    static const char *const places[] = {"{count}", "{of}", "{until}", "{latest}", "{why}"};
    size_t n;
    const struct why_row *rows = why_rows(&n);
    for (size_t i = 0; i < n; i++) {
        for (const char *at = strchr(rows[i].message, '{'); at; at = strchr(at + 1, '{')) {
            bool is_known = false;
            for (size_t p = 0; p < sizeof places / sizeof places[0]; p++)
                is_known = is_known || strncmp(at, places[p], strlen(places[p])) == 0;
            assert_true(is_known);
        }
        struct buf text;
        struct why_reason reason = {.row = &rows[i], .until_ms = INSTANT, .latest_ms = INSTANT, .word = "x"};
        buf_init(&text, 1024);
        assert_int_equal(why_write(&reason, &text), 0);
        assert_null(strpbrk(buf_str(&text), "{}"));
        assert_int_equal(buf_str(&text)[buf_len(&text) - 1], '.');
        buf_free(&text);
        bool ends_by_instant = rows[i].end == WHY_END_TIME || rows[i].end == WHY_END_PACE;
        assert_true(ends_by_instant == (strstr(rows[i].message, "{until}") != NULL));
    }
}

static void an_unknown_code_is_refused(void **state)
{
    (void)state;
    const struct why_row *row;
    assert_int_equal(why_row_of("TRUNK_TIRED", 11, &row), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_verdict_is_the_heaviest_reason_that_holds),
        cmocka_unit_test(what_does_not_hold_is_no_verdict),
        cmocka_unit_test(among_instants_the_latest_counts_because_the_others_are_over_by_then),
        cmocka_unit_test(among_equals_the_first_of_the_chain_counts),
        cmocka_unit_test(a_batch_that_is_being_cancelled_waits_for_its_calls_unless_there_is_no_worker),
        cmocka_unit_test(a_sentence_holds_the_facts),
        cmocka_unit_test(every_row_is_a_sentence_with_known_places_and_says_how_it_ends),
        cmocka_unit_test(an_unknown_code_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
