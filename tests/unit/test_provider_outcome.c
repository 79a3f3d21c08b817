/* SPDX-License-Identifier: Apache-2.0
 *
 * What answers and callbacks say about a call.
 */
#include "tests/support/provider_fixture.h"

#include <stdio.h>

#include "common/base/buf.h"
#include "common/base/utf8.h"
#include "common/provider/provider_format.h"

static const char *no_header(const char *name, void *arg)
{
    (void)name;
    (void)arg;
    return NULL;
}

static int read_callback(const struct provider_profile *profile, const char *body, const char *path_token,
                         struct provider_result *ret_result)
{
    struct provider_callback callback = {
        .url = "https://callbacks.example/callbacks/x",
        .path_token = path_token,
        .body = body,
        .body_len = strlen(body),
        .header_fn = no_header,
    };
    return provider_read_callback(profile, &callback, ret_result);
}

/* ---- Retell: one row for each reason ---- */

struct reason_row {
    const char *reason;
    const char *status;
    enum verdict verdict;
    enum outcome outcome;
};

static const struct reason_row reason_rows[] = {
    {"user_hangup", "ended", VERDICT_ACCEPTED, OUTCOME_COMPLETED},
    {"agent_hangup", "ended", VERDICT_ACCEPTED, OUTCOME_COMPLETED},
    {"call_transfer", "ended", VERDICT_ACCEPTED, OUTCOME_COMPLETED},
    {"call_take_over", "ended", VERDICT_ACCEPTED, OUTCOME_COMPLETED},
    {"inactivity", "ended", VERDICT_ACCEPTED, OUTCOME_COMPLETED},
    {"manual_stopped", "ended", VERDICT_ACCEPTED, OUTCOME_COMPLETED},
    {"max_duration_reached", "ended", VERDICT_ACCEPTED, OUTCOME_COMPLETED},
    {"transfer_bridged", "ended", VERDICT_ACCEPTED, OUTCOME_COMPLETED},
    {"transfer_cancelled", "ended", VERDICT_ACCEPTED, OUTCOME_COMPLETED},
    {"voicemail_reached", "ended", VERDICT_ACCEPTED, OUTCOME_VOICEMAIL},
    {"ivr_reached", "ended", VERDICT_ACCEPTED, OUTCOME_VOICEMAIL},
    {"machine_detected", "ended", VERDICT_ACCEPTED, OUTCOME_VOICEMAIL},
    {"dial_busy", "not_connected", VERDICT_ACCEPTED, OUTCOME_BUSY},
    {"user_declined", "not_connected", VERDICT_ACCEPTED, OUTCOME_BUSY},
    {"dial_no_answer", "not_connected", VERDICT_ACCEPTED, OUTCOME_NO_ANSWER},
    {"invalid_destination", "not_connected", VERDICT_ACCEPTED, OUTCOME_INVALID_NUMBER},
    {"marked_as_spam", "not_connected", VERDICT_ACCEPTED, OUTCOME_BLOCKED},
    {"telephony_provider_permission_denied", "not_connected", VERDICT_ACCEPTED, OUTCOME_REJECTED},
    {"scam_detected", "error", VERDICT_ACCEPTED, OUTCOME_REJECTED},
    {"dial_failed", "not_connected", VERDICT_ACCEPTED, OUTCOME_FAILED},
    {"telephony_provider_unavailable", "not_connected", VERDICT_ACCEPTED, OUTCOME_FAILED},
    {"sip_routing_error", "not_connected", VERDICT_ACCEPTED, OUTCOME_FAILED},
    {"registered_call_timeout", "error", VERDICT_ACCEPTED, OUTCOME_FAILED},
    {"error_llm_websocket_open", "error", VERDICT_ACCEPTED, OUTCOME_FAILED},
    {"error_llm_websocket_lost_connection", "error", VERDICT_ACCEPTED, OUTCOME_FAILED},
    {"error_llm_websocket_runtime", "error", VERDICT_ACCEPTED, OUTCOME_FAILED},
    {"error_llm_websocket_corrupt_payload", "error", VERDICT_ACCEPTED, OUTCOME_FAILED},
    {"error_no_audio_received", "error", VERDICT_ACCEPTED, OUTCOME_FAILED},
    {"error_asr", "error", VERDICT_ACCEPTED, OUTCOME_FAILED},
    {"error_retell", "error", VERDICT_ACCEPTED, OUTCOME_FAILED},
    {"error_unknown", "error", VERDICT_ACCEPTED, OUTCOME_FAILED},
    {"error_user_not_joined", "error", VERDICT_ACCEPTED, OUTCOME_FAILED},
    {"concurrency_limit_reached", "error", VERDICT_THROTTLED, OUTCOME_UNKNOWN},
    {"no_concurrency_fallback", "error", VERDICT_THROTTLED, OUTCOME_UNKNOWN},
    {"no_valid_payment", "error", VERDICT_ACCOUNT, OUTCOME_UNKNOWN},
    /* Words that the platform may yet invent: the status tells. */
    {"something_new", "ended", VERDICT_ACCEPTED, OUTCOME_COMPLETED},
    {"something_new", "not_connected", VERDICT_ACCEPTED, OUTCOME_FAILED},
    {"something_new", "error", VERDICT_ACCEPTED, OUTCOME_FAILED},
    {"something_new", "something_newer", VERDICT_ACCEPTED, OUTCOME_UNKNOWN},
    {"DIAL_BUSY", "something_newer", VERDICT_ACCEPTED, OUTCOME_UNKNOWN},
};

static void test_every_disconnection_reason_has_its_outcome(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_retell();
    for (size_t i = 0; i < sizeof reason_rows / sizeof reason_rows[0]; i++) {
        const struct reason_row *row = &reason_rows[i];
        struct provider_result result;
        char body[512];
        snprintf(body, sizeof body,
                 "{\"event\":\"call_ended\",\"call\":{\"call_id\":\"call_1\",\"call_status\":\"%s\","
                 "\"disconnection_reason\":\"%s\",\"metadata\":{\"carillon_token\":\"" FIXTURE_TOKEN "\"}}}",
                 row->status, row->reason);
        assert_int_equal(read_callback(profile, body, NULL, &result), 0);
        if (result.verdict != row->verdict || result.outcome != row->outcome)
            fail_msg("%s (%s): %s/%s", row->reason, row->status, verdict_name(result.verdict),
                     outcome_name(result.outcome));
        assert_int_equal(result.kind, PROVIDER_ENDED);
        assert_string_equal(result.reason, row->reason);
        assert_string_equal(result.token, FIXTURE_TOKEN);
        provider_result_clear(&result);
    }
    provider_profile_free(profile);
}

static void test_retell_callbacks(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_retell();
    struct provider_result result;
    assert_int_equal(read_callback(profile,
                                   "{\"event\":\"call_started\",\"call\":{\"call_id\":\"call_1\",\"call_status\":"
                                   "\"registered\",\"start_timestamp\":1764000000000,\"metadata\":{\"carillon_token\":"
                                   "\"" FIXTURE_TOKEN "\"}}}",
                                   NULL, &result),
                     0);
    assert_int_equal(result.kind, PROVIDER_ONGOING);
    assert_string_equal(result.provider_id, "call_1");
    assert_int_equal(result.start_ms, 1764000000000);
    assert_int_equal(result.end_ms, -1);
    assert_int_equal(result.duration_s, -1);
    provider_result_clear(&result);

    assert_int_equal(
        read_callback(profile,
                      "{\"event\":\"call_analyzed\",\"call\":{\"call_id\":\"call_1\",\"call_status\":\"ended\","
                      "\"disconnection_reason\":\"agent_hangup\",\"start_timestamp\":1764000000000,"
                      "\"end_timestamp\":1764000012345,\"duration_ms\":12001,"
                      "\"recording_url\":\"https://r.example/a.wav?sig=1\",\"metadata\":{\"carillon_token\":"
                      "\"" FIXTURE_TOKEN "\"},\"call_analysis\":{\"call_summary\":\"Wants a \\\"quote\\\".\","
                      "\"in_voicemail\":false,\"call_successful\":true}}}",
                      NULL, &result),
        0);
    assert_int_equal(result.kind, PROVIDER_ANALYZED);
    assert_int_equal(result.outcome, OUTCOME_COMPLETED);
    assert_int_equal(result.end_ms, 1764000012345);
    assert_int_equal(result.duration_s, 13);
    assert_int_equal(result.success, 1);
    assert_string_equal(result.summary, "Wants a \"quote\".");
    assert_string_equal(result.recording_url, "https://r.example/a.wav?sig=1");
    provider_result_clear(&result);
    provider_profile_free(profile);
}

static void test_voicemail_found_by_the_analysis_stands_over_the_reason(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_retell();
    struct provider_result result;
    assert_int_equal(read_callback(profile,
                                   "{\"event\":\"call_analyzed\",\"call\":{\"call_status\":\"ended\","
                                   "\"disconnection_reason\":\"agent_hangup\","
                                   "\"call_analysis\":{\"in_voicemail\":true,\"call_successful\":false}}}",
                                   NULL, &result),
                     0);
    assert_int_equal(result.outcome, OUTCOME_VOICEMAIL);
    assert_int_equal(result.success, 0);
    assert_null(result.summary);
    provider_result_clear(&result);
    provider_profile_free(profile);
}

static void test_callbacks_that_are_no_concern_of_ours_say_nothing(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"event\":\"transcript_updated\",\"call\":{\"call_id\":\"call_1\"}}",
        "{\"event\":\"chat_ended\",\"chat\":{}}",
        "{\"event\":17}",
        "{\"event\":null}",
        "{}",
        "[]",
        "\"call_ended\"",
        "null",
    };
    struct provider_profile *profile = fixture_retell();
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct provider_result result;
        assert_int_equal(read_callback(profile, bodies[i], NULL, &result), 0);
        assert_int_equal(result.kind, PROVIDER_NONE);
        assert_string_equal(result.token, "");
        provider_result_clear(&result);
    }
    provider_profile_free(profile);
}

static void test_callbacks_without_sense_are_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "{",
        "{\"event\":\"call_ended\",\"call\":{}} x",
        "{\"event\":\"call_ended\"}",
        "{\"event\":\"call_ended\",\"call\":null}",
        "{\"event\":\"call_ended\",\"call\":[]}",
        "{\"event\":\"call_ended\",\"call\":\"x\"}",
        "{\"event\":\"call_ended\",\"event\":\"call_started\",\"call\":{}}",
    };
    struct provider_profile *profile = fixture_retell();
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct provider_result result;
        if (read_callback(profile, bodies[i], NULL, &result) != ERR_INVALID)
            fail_msg("taken: %s", bodies[i]);
    }
    provider_profile_free(profile);
}

/* What people and models say comes cut anywhere and full of anything. */
static void test_a_transcript_that_is_no_text_hides_no_outcome(void **state)
{
    (void)state;
    static const char *const said[] = {
        "bye \\ud83d",      "\\ude00 bye",  "\\ud83d\\ud83d\\ude00", "a\\u0000b",  "bye \xff",
        "bye \xf0\x9f\x98", "\xed\xa0\xbd", "\\\\\\ud83d",           "\\uD83D\\n", "\\ud83d\\u0041",
    };
    struct provider_profile *profile = fixture_retell();
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        char body[512];
        struct provider_result result;
        snprintf(body, sizeof body,
                 "{\"event\":\"call_analyzed\",\"call\":{\"call_id\":\"call_1\",\"call_status\":\"ended\","
                 "\"disconnection_reason\":\"user_hangup\",\"metadata\":{\"carillon_token\":\"%s\"},"
                 "\"transcript\":\"%s\",\"call_analysis\":{\"call_summary\":\"%s\"}}}",
                 FIXTURE_TOKEN, said[i], said[i]);
        if (read_callback(profile, body, NULL, &result) != 0)
            fail_msg("refused: %s", said[i]);
        assert_int_equal(result.outcome, OUTCOME_COMPLETED);
        assert_string_equal(result.token, FIXTURE_TOKEN);
        assert_string_equal(result.provider_id, "call_1");
        assert_true(utf8_is_valid(result.summary, strlen(result.summary)));
        provider_result_clear(&result);
    }
    provider_profile_free(profile);
}

static void test_whole_characters_stay_as_they_are(void **state)
{
    (void)state;
    char text[] = "{\"a\":\"\\ud83d\\ude00 \\u00e9 h\xc3\xa9 \\\\ud83d \\\"\"}";
    char before[sizeof text];
    memcpy(before, text, sizeof text);
    assert_false(json_mend(text, sizeof text - 1));
    assert_memory_equal(text, before, sizeof text);
}

static void test_an_id_of_broken_characters_is_none(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_retell();
    struct provider_result result;
    const char *body = "{\"event\":\"call_ended\",\"call\":{\"call_id\":\"call_\xff\"}}";
    assert_int_equal(read_callback(profile, body, NULL, &result), 0);
    assert_string_equal(result.provider_id, "");
    provider_result_clear(&result);
    provider_profile_free(profile);
}

static void test_fields_that_are_unfit_are_left_out(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_retell();
    struct provider_result result;
    assert_int_equal(
        read_callback(profile,
                      "{\"event\":\"call_ended\",\"call\":{\"call_id\":\"a\\nb\",\"call_status\":\"ended\","
                      "\"disconnection_reason\":{\"x\":1},\"start_timestamp\":-5,\"end_timestamp\":1e300,"
                      "\"duration_ms\":\"soon\",\"recording_url\":\"javascript:alert(1)\","
                      "\"metadata\":{\"carillon_token\":\"with space\"}}}",
                      NULL, &result),
        0);
    assert_string_equal(result.provider_id, "");
    assert_string_equal(result.token, "");
    assert_string_equal(result.reason, "");
    assert_int_equal(result.start_ms, -1);
    assert_int_equal(result.end_ms, -1);
    assert_int_equal(result.duration_s, -1);
    assert_int_equal(result.success, -1);
    assert_null(result.recording_url);
    assert_int_equal(result.outcome, OUTCOME_COMPLETED);
    provider_result_clear(&result);
    provider_profile_free(profile);
}

/* It would use up all that its tenant may talk. */
static void test_no_call_is_longer_than_a_platform_could_say_that_it_was(void **state)
{
    (void)state;
    static const struct {
        const char *started;
        int64_t duration_s;
    } rows[] = {
        {"2025-11-24T15:59:30Z", 30},
        {"2025-11-17T16:00:00Z", INT64_C(604800)},
        {"2025-11-17T15:59:59Z", -1},
        {"1970-01-01T00:00:00Z", -1},
    };
    struct provider_profile *profile = fixture_vapi();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[256];
        struct provider_result result;
        snprintf(body, sizeof body,
                 "{\"message\":{\"type\":\"end-of-call-report\",\"endedReason\":\"customer-ended-call\","
                 "\"startedAt\":\"%s\",\"endedAt\":\"2025-11-24T16:00:00Z\"}}",
                 rows[i].started);
        assert_int_equal(read_callback(profile, body, NULL, &result), 0);
        assert_int_equal(result.outcome, OUTCOME_COMPLETED);
        assert_int_equal(result.duration_s, rows[i].duration_s);
        provider_result_clear(&result);
    }
    provider_profile_free(profile);
}

static void test_a_recording_url_never_breaks_a_line(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_retell();
    struct provider_result result;
    assert_int_equal(read_callback(profile,
                                   "{\"event\":\"call_ended\",\"call\":{\"call_status\":\"ended\","
                                   "\"recording_url\":\"https://r.example/a\\r\\nX: y\"}}",
                                   NULL, &result),
                     0);
    assert_null(result.recording_url);
    provider_result_clear(&result);
    provider_profile_free(profile);
}

static void test_a_long_summary_is_cut_on_a_whole_character(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_retell();
    struct provider_result result;
    struct buf body;
    buf_init(&body, LIMIT_CALLBACK_BODY_BYTES);
    assert_int_equal(buf_append_str(&body, "{\"event\":\"call_analyzed\",\"call\":{\"call_status\":\"ended\","
                                           "\"call_analysis\":{\"call_summary\":\"x"),
                     0);
    for (size_t i = 0; i < LIMIT_SUMMARY_BYTES; i++)
        assert_int_equal(buf_append_str(&body, "\xc3\xa9"), 0);
    assert_int_equal(buf_append_str(&body, "\"}}}"), 0);
    assert_int_equal(read_callback(profile, buf_str(&body), NULL, &result), 0);
    assert_int_equal(strlen(result.summary), LIMIT_SUMMARY_BYTES - 1);
    provider_result_clear(&result);
    buf_free(&body);
    provider_profile_free(profile);
}

/* ---- polls ---- */

static void test_a_polled_call_tells_its_state(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum provider_kind kind;
    } rows[] = {
        {"{\"call_id\":\"c\",\"call_status\":\"registered\"}", PROVIDER_RINGING},
        {"{\"call_id\":\"c\",\"call_status\":\"ongoing\"}", PROVIDER_ONGOING},
        {"{\"call_id\":\"c\",\"call_status\":\"ended\",\"disconnection_reason\":\"user_hangup\"}", PROVIDER_ENDED},
        {"{\"call_id\":\"c\",\"call_status\":\"not_connected\"}", PROVIDER_ENDED},
        {"{\"call_id\":\"c\",\"call_status\":\"error\"}", PROVIDER_ENDED},
        {"{\"call_id\":\"c\",\"call_status\":\"ended\",\"call_analysis\":null}", PROVIDER_ENDED},
        {"{\"call_id\":\"c\",\"call_status\":\"ended\",\"call_analysis\":{}}", PROVIDER_ENDED},
        {"{\"call_id\":\"c\",\"call_status\":\"ended\",\"call_analysis\":{\"in_voicemail\":false}}", PROVIDER_ANALYZED},
        {"{\"call_id\":\"c\",\"call_status\":\"ongoing\",\"call_analysis\":{\"in_voicemail\":false}}",
         PROVIDER_ONGOING},
        {"{\"call_id\":\"c\",\"call_status\":\"paused\"}", PROVIDER_NONE},
        {"{\"call_id\":\"c\"}", PROVIDER_NONE},
    };
    struct provider_profile *profile = fixture_retell();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct provider_result result;
        assert_int_equal(provider_read_poll(profile, rows[i].body, strlen(rows[i].body), &result), 0);
        if (result.kind != rows[i].kind)
            fail_msg("%s: %s", rows[i].body, provider_kind_name(result.kind));
        assert_string_equal(result.provider_id, "c");
        provider_result_clear(&result);
    }
    struct provider_result result;
    assert_int_equal(provider_read_poll(profile, "[]", 2, &result), ERR_INVALID);
    assert_int_equal(provider_read_poll(profile, "<html>", 6, &result), ERR_INVALID);
    assert_int_equal(provider_read_poll(profile, "", 0, &result), ERR_INVALID);
    provider_profile_free(profile);
}

/* ---- lookups ---- */

#define ITEM(id, token, extra) "{\"call_id\":\"" id "\",\"metadata\":{\"carillon_token\":\"" token "\"}" extra "}"

static int read_lookup(const struct provider_profile *profile, const struct provider_lookup *lookup, const char *body,
                       size_t *ret_matches, struct provider_result *ret_result)
{
    return provider_read_lookup(profile, lookup, body, strlen(body), ret_matches, ret_result);
}

/* Without it a call that took place would be one of which nothing is ever known, and would be placed again. */
static void test_an_answer_with_the_deepest_metadata_of_a_contact_is_read(void **state)
{
    (void)state;
    char deep[8 * LIMIT_METADATA_DEPTH] = "", body[2048];
    for (size_t i = 0; i < LIMIT_METADATA_DEPTH; i++)
        (void)strcat(deep, "{\"a\":");
    (void)strcat(deep, "1");
    for (size_t i = 0; i < LIMIT_METADATA_DEPTH; i++)
        (void)strcat(deep, "}");
    static const char *const forms[] = {"%s", "{\"event\":\"call_ended\",\"call\":%s}", "{\"items\":[%s]}"};
    struct provider_lookup lookup = {.token = FIXTURE_TOKEN};
    struct provider_profile *profile = fixture_retell();
    struct provider_result result;
    size_t matches = 0;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char call[1024];
        (void)snprintf(call, sizeof call,
                       "{\"call_id\":\"a\",\"call_status\":\"ended\",\"disconnection_reason\":\"user_hangup\","
                       "\"metadata\":{\"carillon_token\":\"" FIXTURE_TOKEN "\",\"contact_metadata\":%s}}",
                       deep);
        const char *place = strstr(forms[i], "%s");
        (void)snprintf(body, sizeof body, "%.*s%s%s", (int)(place - forms[i]), forms[i], call, place + 2);
        if (i == 0)
            assert_int_equal(provider_read_poll(profile, body, strlen(body), &result), 0);
        else if (i == 1)
            assert_int_equal(read_callback(profile, body, NULL, &result), 0);
        else
            assert_int_equal(read_lookup(profile, &lookup, body, &matches, &result), 0);
        assert_int_equal(result.outcome, OUTCOME_COMPLETED);
        provider_result_clear(&result);
    }
    provider_profile_free(profile);
}

static void test_a_lookup_finds_none_one_or_many(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        size_t matches;
        const char *id;
    } rows[] = {
        {"{\"items\":[],\"has_more\":false}", 0, ""},
        {"{\"items\":[]}", 0, ""},
        {"{\"items\":[" ITEM("a", FIXTURE_TOKEN, "") "],\"has_more\":false}", 1, "a"},
        {"{\"items\":[" ITEM("a", FIXTURE_TOKEN, ",\"start_timestamp\":2000") "," ITEM(
             "b", FIXTURE_TOKEN, ",\"start_timestamp\":1000") "," ITEM("c", FIXTURE_TOKEN, "") "]}",
         3, "b"},
        {"{\"items\":[" ITEM("a", FIXTURE_TOKEN, "") "," ITEM("b", FIXTURE_TOKEN, "") "],\"has_more\":true}", 2, "a"},
    };
    struct provider_lookup lookup = {.token = FIXTURE_TOKEN};
    struct provider_profile *profile = fixture_retell();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct provider_result result;
        size_t matches = 99;
        assert_int_equal(read_lookup(profile, &lookup, rows[i].body, &matches, &result), 0);
        assert_int_equal(matches, rows[i].matches);
        assert_string_equal(result.provider_id, rows[i].id);
        provider_result_clear(&result);
    }
    provider_profile_free(profile);
}

static void test_a_found_call_is_read_whole(void **state)
{
    (void)state;
    struct provider_lookup lookup = {.token = FIXTURE_TOKEN};
    struct provider_profile *profile = fixture_retell();
    struct provider_result result;
    size_t matches;
    assert_int_equal(read_lookup(profile, &lookup,
                                 "{\"items\":[" ITEM("a", FIXTURE_TOKEN,
                                                     ",\"call_status\":\"not_connected\","
                                                     "\"disconnection_reason\":\"dial_busy\"") "]}",
                                 &matches, &result),
                     0);
    assert_int_equal(result.kind, PROVIDER_ENDED);
    assert_int_equal(result.outcome, OUTCOME_BUSY);
    assert_string_equal(result.token, FIXTURE_TOKEN);
    provider_result_clear(&result);
    provider_profile_free(profile);
}

static void test_a_list_that_was_not_asked_for_proves_nothing(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"items\":[" ITEM("x", "batch_c0_a1b2.17.1.ff", "") "]}",
        "{\"items\":[" ITEM("a", FIXTURE_TOKEN, "") "," ITEM("x", "other", "") "]}",
        "{\"items\":[{\"call_id\":\"x\"}]}",
        "{\"items\":[{\"call_id\":\"x\",\"metadata\":{\"carillon_token\":17}}]}",
        "{\"items\":[null]}",
        "{\"items\":[],\"has_more\":true}",
        "{\"items\":{}}",
        "{\"calls\":[]}",
        "[]",
        "{}",
        "",
    };
    struct provider_lookup lookup = {.token = FIXTURE_TOKEN};
    struct provider_profile *profile = fixture_retell();
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct provider_result result;
        size_t matches;
        if (read_lookup(profile, &lookup, bodies[i], &matches, &result) != ERR_INVALID)
            fail_msg("taken: %s", bodies[i]);
    }
    provider_profile_free(profile);
}

#define VAPI(id, token, created)                                                                                       \
    "{\"id\":\"" id "\",\"createdAt\":\"" created                                                                      \
    "\",\"assistantOverrides\":{\"metadata\":{\"carillon_token\":\"" token "\"}}}"

/* A list that is an array and nothing more says that it is cut only by its length. */
static void test_a_full_list_proves_that_a_call_is_there_but_not_that_none_is(void **state)
{
    (void)state;
    struct provider_lookup lookup = {.token = FIXTURE_TOKEN, .begin_ms = 1764000000000};
    struct provider_profile *profile = fixture_vapi();
    for (size_t others = 998; others <= 1000; others++) {
        for (int is_there = 0; is_there <= 1; is_there++) {
            struct buf list;
            struct provider_result result;
            size_t matches = 99;
            buf_init(&list, 1u << 20);
            assert_int_equal(buf_append_char(&list, '['), 0);
            if (is_there)
                assert_int_equal(buf_printf(&list, "%s,", VAPI("ours", FIXTURE_TOKEN, "2025-11-24T16:00:01.000Z")), 0);
            for (size_t i = is_there; i < others; i++)
                assert_int_equal(buf_printf(&list, "%s,", VAPI("x", "another", "2025-11-24T16:00:02.000Z")), 0);
            assert_int_equal(buf_printf(&list, "{\"id\":\"last\"}]"), 0);
            int rc = read_lookup(profile, &lookup, buf_str(&list), &matches, &result);
            buf_free(&list);
            bool is_read = others + 1 < 1000 || (is_there && others + 1 == 1000);
            assert_int_equal(rc, is_read ? 0 : ERR_INVALID);
            if (rc != 0)
                continue;
            assert_int_equal(matches, is_there);
            assert_string_equal(result.provider_id, is_there ? "ours" : "");
            provider_result_clear(&result);
        }
    }
    provider_profile_free(profile);
}

/* A list of the calls of one time is of that time by the platform's clock. */
static void test_a_platform_asked_for_one_time_has_no_call_only_by_the_same_clock(void **state)
{
    (void)state;
    static const struct {
        int64_t date_ahead_ms, clock_ahead_ms;
        bool is_proof;
    } rows[] = {
        {0, 0, true},        {9000, 0, true},          {-9000, 0, true},     {11000, 0, false},     {-11000, 0, false},
        {0, 3600000, false}, {3600000, 3600000, true}, {-3600000, 0, false}, {INT64_MIN, 0, false},
    };
    struct provider_profile *vapi = fixture_vapi(), *retell = fixture_retell();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct provider_lookup lookup = {
            .token = FIXTURE_TOKEN, .begin_ms = 1764000000000, .clock_ahead_ms = rows[i].clock_ahead_ms};
        struct provider_reply reply = {
            .status = 200, .was_sent = true, .body = "[]", .body_len = 2, .date_ahead_ms = rows[i].date_ahead_ms};
        struct provider_answer answer;
        provider_judge_lookup(vapi, &lookup, &reply, &answer);
        assert_int_equal(answer.found, rows[i].is_proof ? PROVIDER_ABSENT : PROVIDER_FAILED);
        provider_result_clear(&answer.result);
        reply.body = "[" VAPI("ours", FIXTURE_TOKEN, "2025-11-24T16:00:01.000Z") "]";
        reply.body_len = strlen(reply.body);
        provider_judge_lookup(vapi, &lookup, &reply, &answer);
        assert_int_equal(answer.found, PROVIDER_FOUND); /* whatever the clocks */
        provider_result_clear(&answer.result);
        reply.body = "{\"items\":[]}";
        reply.body_len = strlen(reply.body);
        provider_judge_lookup(retell, &lookup, &reply, &answer);
        assert_int_equal(answer.found, PROVIDER_ABSENT); /* it is asked by the token alone */
        provider_result_clear(&answer.result);
    }
    provider_profile_free(vapi);
    provider_profile_free(retell);
}

#define CALL(id, to, created)                                                                                          \
    "{\"CallSid\":\"" id "\",\"To\":\"" to "\",\"From\":\"+15550001111\",\"created\":" created "}"

static void test_without_a_token_a_lookup_goes_by_number_and_time(void **state)
{
    (void)state;
    static const char *const taken[] = {"CAtaken"};
    struct provider_lookup lookup = {
        .token = FIXTURE_TOKEN,
        .to = "+15551230042",
        .from = "+15550001111",
        .begin_ms = 1764000000000,
        .exclude_ids = taken,
        .n_exclude_ids = 1,
    };
    static const struct {
        const char *body;
        size_t matches;
        const char *id;
    } rows[] = {
        {"{\"calls\":[" CALL("CAlate", "+15551230042", "1764000661") "]}", 0, ""},
        {"{\"calls\":[" CALL("CAearly", "+15551230042", "1763999397") "]}", 0, ""},
        {"{\"calls\":[" CALL("CAother", "+15551230043", "1764000001") "]}", 0, ""},
        {"{\"calls\":[" CALL("CAtaken", "+15551230042", "1764000001") "]}", 0, ""},
        {"{\"calls\":[" CALL("CAtwo", "+15551230042", "\"1764000030\"") "," CALL("CAone", "+15551230042",
                                                                                 "1763999999") "]}",
         2, "CAone"},
    };
    struct provider_profile *profile = fixture_form();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct provider_result result;
        size_t matches = 99;
        assert_int_equal(read_lookup(profile, &lookup, rows[i].body, &matches, &result), 0);
        assert_int_equal(matches, rows[i].matches);
        assert_string_equal(result.provider_id, rows[i].id);
        provider_result_clear(&result);
    }
    struct provider_result result;
    size_t matches;
    /* It may be ours. */
    assert_int_equal(read_lookup(profile, &lookup, "{\"calls\":[" CALL("CAtimeless", "+15551230042", "null") "]}",
                                 &matches, &result),
                     ERR_INVALID);
    assert_int_equal(read_lookup(profile, &lookup,
                                 "{\"more\":true,\"calls\":[" CALL("CAlate", "+15551230042", "1764000661") "]}",
                                 &matches, &result),
                     ERR_INVALID);
    provider_profile_free(profile);
}

/* ---- forms ---- */

static void test_a_form_callback_takes_its_token_from_the_path(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_form();
    struct provider_result result;
    assert_int_equal(read_callback(profile,
                                   "CallSid=CA1&CallStatus=no-answer&CallDuration=0&StartTime=2025-11-24T16%3A00%3A00Z"
                                   "&From=%2B1555&Note=a+b&Token=forged&",
                                   FIXTURE_TOKEN, &result),
                     0);
    assert_int_equal(result.kind, PROVIDER_ENDED);
    assert_int_equal(result.outcome, OUTCOME_NO_ANSWER);
    assert_string_equal(result.provider_id, "CA1");
    assert_string_equal(result.token, FIXTURE_TOKEN);
    assert_int_equal(result.duration_s, 0);
    assert_int_equal(result.start_ms, 1764000000000);
    provider_result_clear(&result);

    assert_int_equal(
        read_callback(profile, "CallStatus=completed&AnsweredBy=machine_start&Token=forged", NULL, &result), 0);
    assert_int_equal(result.outcome, OUTCOME_VOICEMAIL);
    assert_string_equal(result.token, "");
    provider_result_clear(&result);

    assert_int_equal(read_callback(profile, "CallStatus=in-progress", "two words", &result), 0);
    assert_int_equal(result.kind, PROVIDER_ONGOING);
    assert_string_equal(result.token, "");
    provider_result_clear(&result);

    assert_int_equal(read_callback(profile, "", NULL, &result), 0);
    assert_int_equal(result.kind, PROVIDER_NONE);
    provider_result_clear(&result);
    provider_profile_free(profile);
}

static void test_forms_without_sense_are_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "CallStatus=%",
        "CallStatus=%4",
        "CallStatus=%zz",
        "CallStatus=%00",
        "%00=x",
        "A=%ff",
        "CallStatus=busy&CallStatus=completed",
    };
    struct provider_profile *profile = fixture_form();
    struct provider_result result;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        if (read_callback(profile, bodies[i], NULL, &result) != ERR_INVALID)
            fail_msg("taken: %s", bodies[i]);
    }
    char many[LIMIT_FORM_FIELDS * 12 + 32] = "";
    for (int i = 0; i <= LIMIT_FORM_FIELDS; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "f%d=1&", i);
    assert_int_equal(read_callback(profile, many, NULL, &result), ERR_TOO_LARGE);
    provider_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_disconnection_reason_has_its_outcome),
        cmocka_unit_test(test_retell_callbacks),
        cmocka_unit_test(test_voicemail_found_by_the_analysis_stands_over_the_reason),
        cmocka_unit_test(test_callbacks_that_are_no_concern_of_ours_say_nothing),
        cmocka_unit_test(test_callbacks_without_sense_are_refused),
        cmocka_unit_test(test_a_transcript_that_is_no_text_hides_no_outcome),
        cmocka_unit_test(test_whole_characters_stay_as_they_are),
        cmocka_unit_test(test_an_id_of_broken_characters_is_none),
        cmocka_unit_test(test_fields_that_are_unfit_are_left_out),
        cmocka_unit_test(test_no_call_is_longer_than_a_platform_could_say_that_it_was),
        cmocka_unit_test(test_a_recording_url_never_breaks_a_line),
        cmocka_unit_test(test_a_long_summary_is_cut_on_a_whole_character),
        cmocka_unit_test(test_a_polled_call_tells_its_state),
        cmocka_unit_test(test_an_answer_with_the_deepest_metadata_of_a_contact_is_read),
        cmocka_unit_test(test_a_lookup_finds_none_one_or_many),
        cmocka_unit_test(test_a_found_call_is_read_whole),
        cmocka_unit_test(test_a_list_that_was_not_asked_for_proves_nothing),
        cmocka_unit_test(test_a_full_list_proves_that_a_call_is_there_but_not_that_none_is),
        cmocka_unit_test(test_a_platform_asked_for_one_time_has_no_call_only_by_the_same_clock),
        cmocka_unit_test(test_without_a_token_a_lookup_goes_by_number_and_time),
        cmocka_unit_test(test_a_form_callback_takes_its_token_from_the_path),
        cmocka_unit_test(test_forms_without_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
