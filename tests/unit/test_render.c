/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/render.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "common/json/json.h"

struct fixture {
    struct contact contact;
    struct render_event event;
    struct buf body;
};

static struct render_text text(const char *words)
{
    return (struct render_text){words, words ? strlen(words) : 0};
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_int_equal(contact_init(&f->contact), 0);
    f->contact.phone = 15550001111;
    f->contact.id = "crm-7";
    f->contact.name = "Ada";
    f->contact.metadata = "{\"plan\": \"gold\",\"n\":1e3}";
    f->contact.metadata_len = strlen(f->contact.metadata);
    f->event = (struct render_event){
        .ref = {.type = EVENT_CALL_COMPLETED, .batch = "batch_c0_x", .ordinal = 41, .attempt = 2},
        .at_ms = 1760000003000,
        .seq = 9,
        .batch = {.agent_id = text("agent_1"),
                  .user_id = text("acme"),
                  .tags = text("[\"q4\", \"\\u00e9\"]"),
                  .created_ms = 1760000000000,
                  .started_ms = 1760000001000,
                  .completed_ms = 1760000002500,
                  .statistics = {.total = 3, .succeeded = 2, .failed = 1}},
        .call = {.contact = &f->contact,
                 .summary = text("Said \"yes\"."),
                 .recording_url = text("https://r.example/1")},
    };
    call_text_init(&f->event.call.state);
    f->event.call.state.attempts = 2;
    f->event.call.state.has_outcome = true;
    f->event.call.state.outcome = OUTCOME_COMPLETED;
    f->event.call.state.begin_ms = 1760000001500;
    f->event.call.state.answered_ms = 1760000002000;
    f->event.call.state.ended_ms = 1760000182000;
    f->event.call.state.duration_s = 180;
    strcpy(f->event.call.state.provider_id, "call_abc");
    buf_init(&f->body, RENDER_BUF_BYTES);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    /* The texts are this file's. */
    buf_free(&f->body);
    contact_free(&f->contact);
    free(f);
    return 0;
}

/* The body as a tree; it must pass the strict reader. */
static cJSON *rendered(struct fixture *f)
{
    cJSON *tree = NULL;
    struct json_fault fault;
    assert_int_equal(render_body(&f->event, &f->body), 0);
    if (json_parse(buf_str(&f->body), buf_len(&f->body), &tree, &fault) < 0)
        fail_msg("%s: %s", fault.path, fault.reason);
    return tree;
}

static void assert_member(const cJSON *tree, const char *key, const char *expected)
{
    struct buf printed;
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(tree, key);
    if (!member)
        fail_msg("no %s", key);
    buf_init(&printed, LIMIT_WEBHOOK_BODY_BYTES);
    assert_int_equal(json_print(member, &printed), 0);
    if (strcmp(buf_str(&printed), expected) != 0)
        fail_msg("%s is %s, not %s", key, buf_str(&printed), expected);
    buf_free(&printed);
}

static void test_call_completed_is_flat_and_carries_call_data(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(render_body(&f->event, &f->body), 0);
    assert_string_equal(
        buf_str(&f->body),
        "{\"event\":\"call.completed\",\"callId\":\"batch_c0_x-41\",\"status\":\"COMPLETED\",\"duration\":180,"
        "\"summary\":\"Said \\\"yes\\\".\",\"batchId\":\"batch_c0_x\",\"contactId\":\"crm-7\","
        "\"phoneNumber\":\"+15550001111\",\"outcome\":\"COMPLETED\",\"attempt\":2,\"attempts\":2,"
        "\"startTime\":\"2025-10-09T08:53:22.000Z\",\"endTime\":\"2025-10-09T08:56:22.000Z\","
        "\"agentId\":\"agent_1\",\"userId\":\"acme\",\"tags\":[\"q4\", \"\\u00e9\"],"
        "\"metadata\":{\"plan\": \"gold\",\"n\":1e3},\"recordingUrl\":\"https://r.example/1\","
        "\"providerCallId\":\"call_abc\",\"success\":true,\"seq\":9,"
        "\"callData\":{\"id\":\"batch_c0_x-41\",\"contactId\":\"crm-7\",\"agentId\":\"agent_1\","
        "\"batchId\":\"batch_c0_x\",\"status\":\"COMPLETED\",\"startTime\":\"2025-10-09T08:53:22.000Z\","
        "\"endTime\":\"2025-10-09T08:56:22.000Z\",\"duration\":180,\"phoneNumber\":\"+15550001111\","
        "\"contactName\":\"Ada\",\"transcription\":[],\"recordingUrl\":\"https://r.example/1\","
        "\"summary\":\"Said \\\"yes\\\".\",\"metricJson\":{}}}");
}

static void test_an_attempt_tells_whether_another_follows_and_when(void **state)
{
    struct fixture *f = *state;
    f->event.ref.type = EVENT_CALL_ATTEMPT;
    f->event.call.state.state = CALL_STATE_DUE;
    f->event.call.state.outcome = OUTCOME_BUSY;
    f->event.call.state.next_ms = 1760000482000;
    cJSON *tree = rendered(f);
    assert_member(tree, "event", "\"call.attempt\"");
    assert_member(tree, "outcome", "\"BUSY\"");
    assert_member(tree, "attempt", "2");
    assert_member(tree, "willRetry", "true");
    assert_member(tree, "nextAttemptAt", "\"2025-10-09T09:01:22.000Z\"");
    assert_member(tree, "seq", "9");
    cJSON_Delete(tree);

    f->event.call.state.state = CALL_STATE_FINAL;
    tree = rendered(f);
    assert_member(tree, "willRetry", "false");
    assert_member(tree, "nextAttemptAt", "null");
    assert_non_null(cJSON_GetObjectItemCaseSensitive(tree, "callData"));
    cJSON_Delete(tree);
}

static void test_what_a_call_does_not_have_is_null_or_empty(void **state)
{
    struct fixture *f = *state;
    f->contact.id = f->contact.name = f->contact.metadata = "";
    f->contact.metadata_len = 0;
    f->event.batch.tags = text(NULL);
    f->event.call.summary = f->event.call.recording_url = text(NULL);
    f->event.call.state.outcome = OUTCOME_NO_ANSWER;
    f->event.call.state.answered_ms = f->event.call.state.ended_ms = 0;
    f->event.call.state.duration_s = -1;
    f->event.call.state.provider_id[0] = '\0';
    cJSON *tree = rendered(f);
    static const char *const nulls[] = {"summary", "contactId", "endTime", "recordingUrl", "providerCallId"};
    for (size_t i = 0; i < sizeof nulls / sizeof nulls[0]; i++)
        assert_member(tree, nulls[i], "null");
    assert_member(tree, "status", "\"MISSED\"");
    assert_member(tree, "outcome", "\"NO_ANSWER\"");
    assert_member(tree, "duration", "0");
    assert_member(tree, "startTime", "\"2025-10-09T08:53:21.500Z\""); /* when it was dialed */
    assert_member(tree, "tags", "[]");
    assert_member(tree, "metadata", "{}");
    assert_member(tree, "success", "false");
    assert_member(cJSON_GetObjectItemCaseSensitive(tree, "callData"), "contactName", "\"Unknown\"");
    cJSON_Delete(tree);
}

static void test_the_length_of_a_completed_call_may_be_unknown(void **state)
{
    struct fixture *f = *state;
    f->event.call.state.duration_s = -1;
    cJSON *tree = rendered(f);
    assert_member(tree, "duration", "null");
    cJSON_Delete(tree);
}

static void test_success_is_what_the_analysis_says_and_else_the_outcome(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum render_success said;
        enum outcome outcome;
        const char *success;
    } cases[] = {
        {RENDER_SUCCESS_UNSAID, OUTCOME_COMPLETED, "true"}, {RENDER_SUCCESS_UNSAID, OUTCOME_BUSY, "false"},
        {RENDER_SUCCESS_NO, OUTCOME_COMPLETED, "false"},    {RENDER_SUCCESS_YES, OUTCOME_COMPLETED, "true"},
        {RENDER_SUCCESS_YES, OUTCOME_VOICEMAIL, "true"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        f->event.call.success = cases[i].said;
        f->event.call.state.outcome = cases[i].outcome;
        cJSON *tree = rendered(f);
        assert_member(tree, "success", cases[i].success);
        cJSON_Delete(tree);
    }
}

static void test_batch_completed_carries_the_figures_and_the_times(void **state)
{
    struct fixture *f = *state;
    f->event.ref.type = EVENT_BATCH_COMPLETED;
    assert_int_equal(render_body(&f->event, &f->body), 0);
    assert_string_equal(
        buf_str(&f->body),
        "{\"event\":\"batch.completed\",\"batchId\":\"batch_c0_x\",\"agentId\":\"agent_1\",\"userId\":\"acme\","
        "\"statistics\":{\"total\":3,\"processed\":3,\"succeeded\":2,\"failed\":1,\"pending\":0,"
        "\"percentComplete\":100,\"successRate\":66.67},"
        "\"timestamps\":{\"createdAt\":\"2025-10-09T08:53:20.000Z\",\"startedAt\":\"2025-10-09T08:53:21.000Z\","
        "\"completedAt\":\"2025-10-09T08:53:22.500Z\"},\"tags\":[\"q4\", \"\\u00e9\"],\"seq\":9}");
}

static void test_batch_started_and_paused_say_when_and_why(void **state)
{
    struct fixture *f = *state;
    f->event.ref.type = EVENT_BATCH_STARTED;
    assert_int_equal(render_body(&f->event, &f->body), 0);
    assert_string_equal(buf_str(&f->body),
                        "{\"event\":\"batch.started\",\"batchId\":\"batch_c0_x\",\"agentId\":\"agent_1\","
                        "\"userId\":\"acme\",\"timestamp\":\"2025-10-09T08:53:23.000Z\","
                        "\"tags\":[\"q4\", \"\\u00e9\"],\"seq\":9}");
    f->event.ref.type = EVENT_BATCH_PAUSED;
    f->event.reason = text("user");
    assert_int_equal(render_body(&f->event, &f->body), 0);
    assert_string_equal(buf_str(&f->body),
                        "{\"event\":\"batch.paused\",\"batchId\":\"batch_c0_x\",\"agentId\":\"agent_1\","
                        "\"userId\":\"acme\",\"reason\":\"user\",\"timestamp\":\"2025-10-09T08:53:23.000Z\","
                        "\"tags\":[\"q4\", \"\\u00e9\"],\"seq\":9}");
}

static void test_a_batch_that_paused_itself_says_what_its_calls_were_refused_with(void **state)
{
    struct fixture *f = *state;
    f->event.ref.type = EVENT_BATCH_PAUSED;
    f->event.reason = text("poison");
    f->event.error = text("no such agent");
    f->event.code = text("BATCH_REFUSED");
    cJSON *tree = rendered(f);
    assert_member(tree, "reason", "\"poison\"");
    assert_member(tree, "error", "\"no such agent\"");
    assert_member(tree, "code", "\"BATCH_REFUSED\"");
    cJSON_Delete(tree);
}

static void test_batch_cancelled_tells_what_came_of_it_until_then(void **state)
{
    struct fixture *f = *state;
    f->event.ref.type = EVENT_BATCH_CANCELLED;
    f->event.batch.started_ms = 0;
    cJSON *tree = rendered(f);
    assert_member(tree, "event", "\"batch.cancelled\"");
    assert_member(tree, "timestamps",
                  "{\"createdAt\":\"2025-10-09T08:53:20.000Z\",\"startedAt\":null,"
                  "\"completedAt\":\"2025-10-09T08:53:22.500Z\"}");
    assert_member(cJSON_GetObjectItemCaseSensitive(tree, "statistics"), "succeeded", "2");
    assert_member(tree, "seq", "9");
    cJSON_Delete(tree);
}

static void test_batch_failed_says_why(void **state)
{
    struct fixture *f = *state;
    f->event.ref.type = EVENT_BATCH_FAILED;
    f->event.error = text("Insufficient call minutes");
    f->event.code = text("INSUFFICIENT_CREDITS");
    assert_int_equal(render_body(&f->event, &f->body), 0);
    assert_string_equal(buf_str(&f->body),
                        "{\"event\":\"batch.failed\",\"batchId\":\"batch_c0_x\",\"agentId\":\"agent_1\","
                        "\"userId\":\"acme\",\"error\":\"Insufficient call minutes\","
                        "\"code\":\"INSUFFICIENT_CREDITS\",\"timestamp\":\"2025-10-09T08:53:23.000Z\",\"seq\":9}");
}

static void test_texts_that_are_not_clean_never_reach_a_receiver(void **state)
{
    struct fixture *f = *state;
    f->event.call.summary = (struct render_text){"half a \xe6\x9d", 9};
    f->event.call.recording_url = (struct render_text){"a\0b", 3};
    f->event.batch.tags = text("[\"q4\"] and more");
    f->contact.metadata = "{\"a\":01}";
    f->contact.metadata_len = strlen(f->contact.metadata);
    cJSON *tree = rendered(f);
    assert_member(tree, "summary", "null");
    assert_member(tree, "recordingUrl", "null");
    assert_member(tree, "tags", "[]");
    assert_member(tree, "metadata", "{}");
    cJSON_Delete(tree);
    f->contact.metadata = "[1]";
    f->contact.metadata_len = 3;
    f->event.batch.tags = text("{}");
    tree = rendered(f);
    assert_member(tree, "metadata", "{}");
    assert_member(tree, "tags", "[]");
    cJSON_Delete(tree);
}

/* Control characters take six bytes each in JSON, and the summary stands there twice. */
static void test_a_body_over_the_bound_is_sent_with_its_summary_cut(void **state)
{
    struct fixture *f = *state;
    char *summary = malloc(LIMIT_SUMMARY_BYTES);
    assert_non_null(summary);
    memset(summary, '\x01', LIMIT_SUMMARY_BYTES);
    memcpy(summary + 2046, "\xe6\x9d\xb1", 3); /* a character across the cut */
    f->event.call.summary = (struct render_text){summary, LIMIT_SUMMARY_BYTES - 1};
    summary[LIMIT_SUMMARY_BYTES - 1] = '\0';
    cJSON *tree = rendered(f);
    assert_true(buf_len(&f->body) <= LIMIT_WEBHOOK_BODY_BYTES);
    assert_member(tree, "summaryTruncated", "true");
    assert_int_equal(strlen(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "summary"))), 2046);
    cJSON_Delete(tree);
    free(summary);
}

static void test_the_longest_plain_summary_is_not_cut(void **state)
{
    struct fixture *f = *state;
    char *summary = calloc(1, LIMIT_SUMMARY_BYTES + 1);
    assert_non_null(summary);
    memset(summary, 'x', LIMIT_SUMMARY_BYTES);
    f->event.call.summary = text(summary);
    cJSON *tree = rendered(f);
    assert_null(cJSON_GetObjectItemCaseSensitive(tree, "summaryTruncated"));
    assert_int_equal(strlen(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "summary"))),
                     LIMIT_SUMMARY_BYTES);
    cJSON_Delete(tree);
    free(summary);
}

static void test_the_same_event_renders_to_the_same_bytes(void **state)
{
    struct fixture *f = *state;
    struct buf again;
    buf_init(&again, RENDER_BUF_BYTES);
    assert_int_equal(render_body(&f->event, &f->body), 0);
    assert_int_equal(render_body(&f->event, &again), 0);
    assert_int_equal(buf_len(&again), buf_len(&f->body));
    assert_memory_equal(buf_str(&again), buf_str(&f->body), buf_len(&again));
    buf_free(&again);
}

static void test_a_calls_event_without_its_contact_is_refused(void **state)
{
    struct fixture *f = *state;
    f->event.call.contact = NULL;
    assert_int_equal(render_body(&f->event, &f->body), ERR_INVALID);
}

/* ---- memory ---- */

static int allocations_left;

static void *counted_malloc(size_t size)
{
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

/* Nothing of a body may be missing because memory was short: it is sent whole or not yet. */
static void test_a_body_is_whole_or_not_rendered_when_memory_runs_out(void **state)
{
    struct fixture *f = *state;
    cJSON_Hooks failing = {.malloc_fn = counted_malloc, .free_fn = free};
    struct buf whole;
    int err = ERR_NOMEM, n = 0;
    buf_init(&whole, RENDER_BUF_BYTES);
    assert_int_equal(render_body(&f->event, &whole), 0);
    cJSON_InitHooks(&failing);
    for (; err && n < 1000; n++) {
        allocations_left = n;
        err = render_body(&f->event, &f->body);
        assert_true(err == 0 || err == ERR_NOMEM);
    }
    cJSON_InitHooks(NULL);
    assert_int_equal(err, 0);
    assert_true(n > 50);
    assert_string_equal(buf_str(&f->body), buf_str(&whole));
    buf_free(&whole);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_call_completed_is_flat_and_carries_call_data),
        CASE(test_an_attempt_tells_whether_another_follows_and_when),
        CASE(test_what_a_call_does_not_have_is_null_or_empty),
        CASE(test_the_length_of_a_completed_call_may_be_unknown),
        CASE(test_success_is_what_the_analysis_says_and_else_the_outcome),
        CASE(test_batch_completed_carries_the_figures_and_the_times),
        CASE(test_batch_started_and_paused_say_when_and_why),
        CASE(test_a_batch_that_paused_itself_says_what_its_calls_were_refused_with),
        CASE(test_batch_cancelled_tells_what_came_of_it_until_then),
        CASE(test_batch_failed_says_why),
        CASE(test_texts_that_are_not_clean_never_reach_a_receiver),
        CASE(test_a_body_over_the_bound_is_sent_with_its_summary_cut),
        CASE(test_the_longest_plain_summary_is_not_cut),
        CASE(test_the_same_event_renders_to_the_same_bytes),
        CASE(test_a_body_is_whole_or_not_rendered_when_memory_runs_out),
        CASE(test_a_calls_event_without_its_contact_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
