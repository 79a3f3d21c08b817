/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static void test_an_id_tells_what_it_was_made_of_and_holds_no_dot(void **state)
{
    static const struct {
        struct event_ref ref;
        const char *id;
    } cases[] = {
        {{EVENT_CALL_COMPLETED, "batch_c0_abc", 17, 2, 0}, "evt_batch_c0_abc-17-2-call_completed"},
        {{EVENT_CALL_COMPLETED, "batch_c0_abc", 0, 0, 0}, "evt_batch_c0_abc-0-0-call_completed"},
        {{EVENT_CALL_COMPLETED, "b-1-2", 3, 4, 0}, "evt_b-1-2-3-4-call_completed"},
        {{EVENT_CALL_ATTEMPT, "batch_c0_abc", 17, 2, 0}, "evt_batch_c0_abc-17-2-call_attempt"},
        {{EVENT_BATCH_STARTED, "batch_c0_abc", 0, 0, 0}, "evt_batch_c0_abc-batch_started"},
        {{EVENT_BATCH_PAUSED, "b-1-2", 0, 0, 3}, "evt_b-1-2-3-batch_paused"},
        {{EVENT_BATCH_CANCELLED, "batch_c0_abc", 0, 0, 0}, "evt_batch_c0_abc-batch_cancelled"},
        {{EVENT_BATCH_COMPLETED, "batch_c0_abc", 0, 0, 0}, "evt_batch_c0_abc-batch_completed"},
        {{EVENT_BATCH_FAILED, "b-1-2", 0, 0, 0}, "evt_b-1-2-0-batch_failed"},
        {{EVENT_BATCH_FAILED, "b-1-2", 0, 0, 3}, "evt_b-1-2-3-batch_failed"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char id[EVENT_ID_LEN + 1];
        struct event_ref got;
        assert_int_equal(event_id_make(&cases[i].ref, id), 0);
        assert_string_equal(id, cases[i].id);
        assert_null(strchr(id, '.'));
        assert_int_equal(event_id_parse(id, strlen(id), &got), 0);
        assert_int_equal(got.type, cases[i].ref.type);
        assert_string_equal(got.batch, cases[i].ref.batch);
        assert_int_equal(got.ordinal, cases[i].ref.ordinal);
        assert_int_equal(got.attempt, cases[i].ref.attempt);
        assert_int_equal(got.nth, cases[i].ref.nth);
    }
}

static void test_the_longest_id_fits(void **state)
{
    struct event_ref ref = {EVENT_CALL_COMPLETED, "", UINT64_MAX, UINT32_MAX, 0}, got;
    char id[EVENT_ID_LEN + 1];
    (void)state;
    memset(ref.batch, 'a', LIMIT_BATCH_ID_LEN);
    assert_int_equal(event_id_make(&ref, id), 0);
    assert_int_equal(event_id_parse(id, strlen(id), &got), 0);
    assert_int_equal(got.ordinal, ref.ordinal);
    assert_int_equal(got.attempt, ref.attempt);
}

static void test_other_spellings_are_no_ids(void **state)
{
    static const char *const cases[] = {
        "",
        "evt_",
        "evt_batch_completed",
        "evt_-batch_completed",
        "evt_a.b-batch_completed",
        "evt_a-call_completed",
        "evt_a-1-call_attempt",
        "evt_a-1-call_completed",
        "evt_a-x-1-call_completed",
        "evt_a-1-x-call_completed",
        "evt_a-01-1-call_completed",
        "evt_a-1-01-call_completed",
        "evt_a-1--call_completed",
        "evt_a-1-4294967296-call_completed",
        "evt_a-18446744073709551616-1-call_completed",
        "evt_-1-1-call_completed",
        "evt_a-batch_paused",
        "evt_a-batch_failed",
        "evt_a-x-batch_paused",
        "evt_-1-batch_paused",
        "evt_a-4294967296-batch_paused",
        "evt_a-batch_resumed",
        "evt_a-batch_completed-all",
        "evt_a-batch.completed",
        "ev_a-batch_completed",
        "evt_a-batch_completed ",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct event_ref ref;
        if (event_id_parse(cases[i], strlen(cases[i]), &ref) != ERR_INVALID)
            fail_msg("\"%s\"", cases[i]);
    }
    struct event_ref bad = {EVENT_BATCH_FAILED, "a.b", 0, 0, 0};
    char id[EVENT_ID_LEN + 1];
    assert_int_equal(event_id_make(&bad, id), ERR_INVALID);
}

static void test_a_delivery_to_the_url_of_all_events_bears_the_events_id_and_a_mark(void **state)
{
    (void)state;
    assert_int_equal(event_id_len("evt_a-0-batch_failed"), strlen("evt_a-0-batch_failed"));
    assert_int_equal(event_id_len("evt_a-0-batch_failed" EVENT_DELIVERY_MARK), strlen("evt_a-0-batch_failed"));
    assert_int_equal(event_id_len("evt_b-all-0-batch_failed"), strlen("evt_b-all-0-batch_failed"));
    assert_int_equal(event_id_len(""), 0);
}

static void test_types_are_spelt_as_the_tenants_know_them(void **state)
{
    static const char *const names[EVENT_TYPE_COUNT] = {"call.completed", "call.attempt",    "batch.started",
                                                        "batch.paused",   "batch.cancelled", "batch.completed",
                                                        "batch.failed"};
    (void)state;
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        enum event_type type;
        assert_int_equal(event_type_from_name(names[i], strlen(names[i]), &type), 0);
        assert_string_equal(event_type_name(type), names[i]);
        assert_int_equal(event_type_is_call(type), i <= 1);
    }
    enum event_type type;
    assert_int_equal(event_type_from_name("call_completed", 14, &type), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_id_tells_what_it_was_made_of_and_holds_no_dot),
        cmocka_unit_test(test_the_longest_id_fits),
        cmocka_unit_test(test_other_spellings_are_no_ids),
        cmocka_unit_test(test_a_delivery_to_the_url_of_all_events_bears_the_events_id_and_a_mark),
        cmocka_unit_test(test_types_are_spelt_as_the_tenants_know_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
