/* SPDX-License-Identifier: Apache-2.0
 *
 * The profile twilio: what is sent, what every answer, status and code means, who sent a callback. A row of a table is
 * a row of Twilio's documentation.
 */
#include "tests/support/provider_fixture.h"

#include <stdio.h>
#include <strings.h>

#include "common/base/buf.h"

static const struct provider_variable variables[] = {
    {"account_sid", "AC0042"},
    {"answer_url", "https://voice.example/answer#rc=2"},
};

static struct provider_profile *twilio(void)
{
    struct provider_profile *profile = NULL;
    assert_int_equal(provider_profile_builtin("twilio", &profile), 0);
    return profile;
}

static struct provider_trunk trunk(void)
{
    struct provider_trunk made = fixture_trunk();
    made.variables = variables;
    made.n_variables = 2;
    return made;
}

/* ---- requests ---- */

static void test_a_call_is_asked_for_in_a_form(void **state)
{
    (void)state;
    struct provider_profile *profile = twilio();
    struct provider_trunk used = trunk();
    struct dial_request dial = fixture_dial();
    struct provider_request request;
    assert_int_equal(provider_render_start(profile, &used, &dial, &request), 0);
    assert_string_equal(request.method, "POST");
    assert_string_equal(request.url, "http://127.0.0.1:9000/2010-04-01/Accounts/AC0042/Calls.json");
    assert_string_equal(header_of(&request, "Content-Type"), "application/x-www-form-urlencoded");
    /* printf AC0042:key_3f9c1b2a7d | base64 */
    assert_string_equal(header_of(&request, "Authorization"), "Basic QUMwMDQyOmtleV8zZjljMWIyYTdk");
    assert_string_equal(request.body,
                        "To=%2B15551230042&From=%2B15550001111"
                        "&Url=https%3A%2F%2Fvoice.example%2Fanswer%3FagentId%3Dagent_7%26batchId%3Dbatch_c0_a1b2"
                        "%26callId%3Dbatch_c0_a1b2-17%26contactId%3Dcrm-99%23rc%3D2"
                        "&StatusCallback=https%3A%2F%2Fcallbacks.example%2Fcallbacks%2Ftwilio%2F" FIXTURE_TOKEN
                        "%23rc%3D5%26rp%3Dall&StatusCallbackMethod=POST"
                        "&StatusCallbackEvent=initiated&StatusCallbackEvent=ringing&StatusCallbackEvent=answered"
                        "&StatusCallbackEvent=completed&Timeout=30&TimeLimit=1800");
    provider_request_clear(&request);
    provider_profile_free(profile);
}

static void test_no_text_of_a_tenant_leaves_its_argument_of_the_answer_url(void **state)
{
    (void)state;
    struct provider_profile *profile = twilio();
    struct provider_trunk used = trunk();
    struct dial_request dial = fixture_dial();
    struct provider_request request;
    dial.agent_id = "a&callId=x#y?z=%2F{{to}}";
    dial.contact_id = NULL;
    assert_int_equal(provider_render_start(profile, &used, &dial, &request), 0);
    assert_non_null(strstr(request.body, "agentId%3Da%2526callId%253Dx%2523y%253Fz%253D%25252F%257B%257Bto%257D%257D"
                                         "%26batchId%3D"));
    assert_null(strstr(request.body, "contactId"));
    provider_request_clear(&request);
    provider_profile_free(profile);
}

static void test_the_other_requests(void **state)
{
    (void)state;
    struct provider_profile *profile = twilio();
    struct provider_trunk used = trunk();
    struct provider_lookup lookup = {
        .token = FIXTURE_TOKEN, .to = "+15551230042", .from = "+15550001111", .begin_ms = 1764000000000};
    struct provider_request request;
    assert_int_equal(provider_render_poll(profile, &used, "CA17", &request), 0);
    assert_string_equal(request.url, "http://127.0.0.1:9000/2010-04-01/Accounts/AC0042/Calls/CA17.json");
    provider_request_clear(&request);
    assert_int_equal(provider_render_lookup(profile, &used, &lookup, &request), 0);
    assert_string_equal(request.url, "http://127.0.0.1:9000/2010-04-01/Accounts/AC0042/Calls.json?"
                                     "To=%2B15551230042&From=%2B15550001111&PageSize=1000");
    provider_request_clear(&request);
    assert_int_equal(provider_render_cancel(profile, &used, "CA17", &request), 0);
    assert_string_equal(request.method, "POST");
    assert_string_equal(request.url, "http://127.0.0.1:9000/2010-04-01/Accounts/AC0042/Calls/CA17.json");
    assert_string_equal(request.body, "Status=canceled");
    provider_request_clear(&request);
    assert_int_equal(provider_render_hang_up(profile, &used, "CA17", &request), 0);
    assert_string_equal(request.body, "Status=completed");
    provider_request_clear(&request);
    assert_int_equal(provider_profile_lookup_span_ms(profile), 65001);
    provider_profile_free(profile);
}

static void test_a_trunk_has_an_account_and_an_answer_url(void **state)
{
    (void)state;
    static const struct {
        struct provider_variable variables[3];
        size_t n;
        const char *fault; /* NULL: none */
    } rows[] = {
        {{{"account_sid", "AC1"}, {"answer_url", "https://x"}}, 2, NULL},
        {{{"account_sid", "AC1"}, {"answer_url", "https://x"}, {"machine_detection", "Enable"}}, 3, NULL},
        {{{"account_sid", "AC1"}}, 1, "variables.answer_url"},
        {{{"answer_url", "https://x"}}, 1, "variables.account_sid"},
        {{{"account_sid", "SK1"}, {"answer_url", "https://x"}}, 2, "variables.account_sid"},
        {{{"account_sid", "AC1"}, {"answer_url", "voice.example"}}, 2, "variables.answer_url"},
        {{{"account_sid", "AC1"}, {"answer_url", "https://x"}, {"machine_detection", "yes"}},
         3,
         "variables.machine_detection"},
        {{{"account_sid", "AC1"}, {"answer_url", "https://x"}, {"edge", "x"}}, 3, "variables.edge"},
    };
    struct provider_profile *profile = twilio();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct faults faults;
        faults_init(&faults, 8);
        int rc = provider_profile_check_trunk(profile, rows[i].variables, rows[i].n, &faults);
        if (rows[i].fault == NULL) {
            assert_int_equal(rc, 0);
        } else {
            assert_int_equal(rc, ERR_INVALID);
            assert_int_equal(faults_count(&faults), 1);
            assert_string_equal(faults.items[0].path, rows[i].fault);
        }
        faults_free(&faults);
    }
    provider_profile_free(profile);
}

/* ---- what a create request came to ---- */

struct verdict_row {
    int status;
    const char *body;
    enum verdict verdict;
    enum outcome outcome;
};

#define CODE(code) "{\"code\":" code ",\"message\":\"words\",\"more_info\":\"\",\"status\":400}"

static const struct verdict_row verdict_rows[] = {
    {201, "{\"sid\":\"CA1\",\"status\":\"queued\",\"queue_time\":\"0\"}", VERDICT_ACCEPTED, OUTCOME_UNKNOWN},
    {201, "{\"status\":\"queued\"}", VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
    {201, "", VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
    /* "not processed, safe to retry"; "the call was rejected" */
    {429, CODE("20429"), VERDICT_THROTTLED, OUTCOME_UNKNOWN},
    {429, "", VERDICT_THROTTLED, OUTCOME_UNKNOWN},
    {400, CODE("10004"), VERDICT_THROTTLED, OUTCOME_UNKNOWN},
    {403, CODE("10004"), VERDICT_THROTTLED, OUTCOME_UNKNOWN},
    /* the account */
    {401, CODE("20003"), VERDICT_ACCOUNT, OUTCOME_UNKNOWN},
    {401, "", VERDICT_ACCOUNT, OUTCOME_UNKNOWN},
    {402, "", VERDICT_ACCOUNT, OUTCOME_UNKNOWN},
    {403, CODE("20005"), VERDICT_ACCOUNT, OUTCOME_UNKNOWN},
    {403, CODE("20006"), VERDICT_ACCOUNT, OUTCOME_UNKNOWN},
    {403, CODE("20008"), VERDICT_ACCOUNT, OUTCOME_UNKNOWN},
    {403, CODE("10001"), VERDICT_ACCOUNT, OUTCOME_UNKNOWN},
    {400, CODE("10002"), VERDICT_ACCOUNT, OUTCOME_UNKNOWN},
    {400, CODE("10005"), VERDICT_ACCOUNT, OUTCOME_UNKNOWN},
    {404, CODE("20404"), VERDICT_ACCOUNT, OUTCOME_UNKNOWN},
    {405, "", VERDICT_ACCOUNT, OUTCOME_UNKNOWN},
    {400, CODE("21205"), VERDICT_ACCOUNT, OUTCOME_UNKNOWN},
    {400, CODE("21609"), VERDICT_ACCOUNT, OUTCOME_UNKNOWN},
    /* the number called */
    {400, CODE("21211"), VERDICT_REJECTED, OUTCOME_INVALID_NUMBER},
    {400, CODE("21214"), VERDICT_REJECTED, OUTCOME_INVALID_NUMBER},
    {400, CODE("21217"), VERDICT_REJECTED, OUTCOME_INVALID_NUMBER},
    {400, CODE("13223"), VERDICT_REJECTED, OUTCOME_INVALID_NUMBER},
    {400, CODE("13224"), VERDICT_REJECTED, OUTCOME_INVALID_NUMBER},
    {400, CODE("13226"), VERDICT_REJECTED, OUTCOME_INVALID_NUMBER},
    {400, CODE("21216"), VERDICT_REJECTED, OUTCOME_BLOCKED},
    {400, CODE("13225"), VERDICT_REJECTED, OUTCOME_BLOCKED},
    /* what may be one tenant's: its caller id, where it calls */
    {400, CODE("21203"), VERDICT_REJECTED, OUTCOME_REJECTED},
    {400, CODE("21210"), VERDICT_REJECTED, OUTCOME_REJECTED},
    {400, CODE("21212"), VERDICT_REJECTED, OUTCOME_REJECTED},
    {400, CODE("21213"), VERDICT_REJECTED, OUTCOME_REJECTED},
    {400, CODE("21215"), VERDICT_REJECTED, OUTCOME_REJECTED},
    {403, CODE("21215"), VERDICT_REJECTED, OUTCOME_REJECTED},
    {400, CODE("21219"), VERDICT_REJECTED, OUTCOME_REJECTED},
    {400, CODE("13227"), VERDICT_REJECTED, OUTCOME_REJECTED},
    {400, CODE("29999"), VERDICT_REJECTED, OUTCOME_REJECTED},
    {400, "<html>", VERDICT_REJECTED, OUTCOME_REJECTED},
    {422, "", VERDICT_REJECTED, OUTCOME_REJECTED},
    /* "a customer may receive several calls" */
    {500, CODE("20500"), VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
    {502, "", VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
    {503, CODE("20503"), VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
    {504, "", VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
    {409, "", VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
    {302, "", VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
    {200, CODE("21211"), VERDICT_UNKNOWN, OUTCOME_UNKNOWN},
};

static void test_every_answer_to_a_create_has_its_verdict(void **state)
{
    (void)state;
    struct provider_profile *profile = twilio();
    for (size_t i = 0; i < sizeof verdict_rows / sizeof verdict_rows[0]; i++) {
        const struct verdict_row *row = &verdict_rows[i];
        struct provider_reply reply = {.status = row->status,
                                       .was_sent = true,
                                       .body = row->body,
                                       .body_len = strlen(row->body),
                                       .retry_after_ms = -1};
        struct provider_start start;
        provider_judge_start(profile, &reply, &start);
        if (start.verdict != row->verdict || start.outcome != row->outcome)
            fail_msg("%d %s: %s/%s", row->status, row->body, verdict_name(start.verdict), outcome_name(start.outcome));
    }
    provider_profile_free(profile);
}

static void test_the_queue_is_told_in_milliseconds(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int64_t queue_ms;
    } rows[] = {
        {"{\"sid\":\"CA1\",\"queue_time\":\"2500\"}", 2500}, {"{\"sid\":\"CA1\",\"queue_time\":2500}", 2500},
        {"{\"sid\":\"CA1\",\"queue_time\":\"0\"}", 0},       {"{\"sid\":\"CA1\"}", 0},
        {"{\"sid\":\"CA1\",\"queue_time\":null}", 0},        {"{\"sid\":\"CA1\",\"queue_time\":\"-5\"}", 0},
        {"{\"sid\":\"CA1\",\"queue_time\":\"soon\"}", 0},    {"{\"sid\":\"CA1\",\"queue_time\":\"86400001\"}", 0},
    };
    struct provider_profile *profile = twilio();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct provider_reply reply = {
            .status = 201, .was_sent = true, .body = rows[i].body, .body_len = strlen(rows[i].body)};
        struct provider_start start;
        provider_judge_start(profile, &reply, &start);
        assert_int_equal(start.verdict, VERDICT_ACCEPTED);
        assert_int_equal(start.queue_ms, rows[i].queue_ms);
    }
    provider_profile_free(profile);
}

/* ---- what a call came to, as the API shows it and as a callback tells it ---- */

struct status_row {
    const char *status;
    const char *answered_by; /* "": not told */
    const char *sip_code; /* "": not told; only callbacks have it */
    enum provider_kind kind;
    enum outcome outcome;
};

static const struct status_row status_rows[] = {
    {"queued", "", "", PROVIDER_RINGING, OUTCOME_UNKNOWN},
    {"initiated", "", "", PROVIDER_RINGING, OUTCOME_UNKNOWN},
    {"ringing", "", "", PROVIDER_RINGING, OUTCOME_UNKNOWN},
    {"in-progress", "", "", PROVIDER_ONGOING, OUTCOME_UNKNOWN},
    {"in-progress", "machine_start", "", PROVIDER_ONGOING, OUTCOME_UNKNOWN},
    {"completed", "", "", PROVIDER_ENDED, OUTCOME_COMPLETED},
    {"completed", "human", "", PROVIDER_ENDED, OUTCOME_COMPLETED},
    {"completed", "unknown", "", PROVIDER_ENDED, OUTCOME_COMPLETED},
    {"completed", "machine_start", "", PROVIDER_ENDED, OUTCOME_VOICEMAIL},
    {"completed", "machine_end_beep", "", PROVIDER_ENDED, OUTCOME_VOICEMAIL},
    {"completed", "machine_end_silence", "", PROVIDER_ENDED, OUTCOME_VOICEMAIL},
    {"completed", "machine_end_other", "", PROVIDER_ENDED, OUTCOME_VOICEMAIL},
    {"completed", "fax", "", PROVIDER_ENDED, OUTCOME_VOICEMAIL},
    {"completed", "", "200", PROVIDER_ENDED, OUTCOME_COMPLETED},
    {"busy", "", "", PROVIDER_ENDED, OUTCOME_BUSY},
    {"busy", "", "486", PROVIDER_ENDED, OUTCOME_BUSY},
    {"no-answer", "", "", PROVIDER_ENDED, OUTCOME_NO_ANSWER},
    {"no-answer", "", "480", PROVIDER_ENDED, OUTCOME_NO_ANSWER},
    {"failed", "", "", PROVIDER_ENDED, OUTCOME_FAILED},
    {"failed", "", "503", PROVIDER_ENDED, OUTCOME_FAILED},
    {"failed", "", "404", PROVIDER_ENDED, OUTCOME_INVALID_NUMBER},
    {"failed", "", "410", PROVIDER_ENDED, OUTCOME_INVALID_NUMBER},
    {"failed", "", "484", PROVIDER_ENDED, OUTCOME_INVALID_NUMBER},
    {"failed", "", "485", PROVIDER_ENDED, OUTCOME_INVALID_NUMBER},
    {"failed", "", "604", PROVIDER_ENDED, OUTCOME_INVALID_NUMBER},
    {"failed", "", "607", PROVIDER_ENDED, OUTCOME_BLOCKED},
    {"failed", "", "608", PROVIDER_ENDED, OUTCOME_BLOCKED},
    {"canceled", "", "", PROVIDER_ENDED, OUTCOME_CANCELLED},
    {"something-new", "", "", PROVIDER_NONE, OUTCOME_UNKNOWN},
};

static const char *no_header(const char *name, void *arg)
{
    (void)name;
    (void)arg;
    return NULL;
}

static void read_form(const struct provider_profile *profile, const char *form, struct provider_result *ret_result)
{
    const struct provider_callback callback = {
        .url = "https://callbacks.example/callbacks/twilio/" FIXTURE_TOKEN,
        .path_token = FIXTURE_TOKEN,
        .body = form,
        .body_len = strlen(form),
        .header_fn = no_header,
    };
    assert_int_equal(provider_read_callback(profile, &callback, ret_result), 0);
}

static void expect_row(const struct status_row *row, const char *via, const struct provider_result *result)
{
    if (result->kind != row->kind || result->outcome != row->outcome)
        fail_msg("%s %s %s by %s: %s/%s", row->status, row->answered_by, row->sip_code, via,
                 provider_kind_name(result->kind), outcome_name(result->outcome));
    if (row->kind == PROVIDER_ENDED)
        assert_string_equal(result->reason, row->status);
}

static void test_every_status_has_its_outcome(void **state)
{
    (void)state;
    struct provider_profile *profile = twilio();
    for (size_t i = 0; i < sizeof status_rows / sizeof status_rows[0]; i++) {
        const struct status_row *row = &status_rows[i];
        struct provider_result result;
        char text[512];
        snprintf(text, sizeof text, "CallSid=CA1&CallStatus=%s%s%s%s%s", row->status,
                 row->answered_by[0] ? "&AnsweredBy=" : "", row->answered_by,
                 row->sip_code[0] ? "&SipResponseCode=" : "", row->sip_code);
        read_form(profile, text, &result);
        expect_row(row, "callback", &result);
        assert_string_equal(result.token, FIXTURE_TOKEN);
        provider_result_clear(&result);
        if (row->sip_code[0])
            continue;
        snprintf(text, sizeof text, "{\"sid\":\"CA1\",\"status\":\"%s\",\"answered_by\":%s%s%s}", row->status,
                 row->answered_by[0] ? "\"" : "", row->answered_by[0] ? row->answered_by : "null",
                 row->answered_by[0] ? "\"" : "");
        assert_int_equal(provider_read_poll(profile, text, strlen(text), &result), 0);
        expect_row(row, "poll", &result);
        assert_string_equal(result.provider_id, "CA1");
        provider_result_clear(&result);
    }
    provider_profile_free(profile);
}

static void test_times_of_both_forms(void **state)
{
    (void)state;
    struct provider_profile *profile = twilio();
    struct provider_result result;
    static const char shown[] = "{\"sid\":\"CA1\",\"status\":\"completed\",\"start_time\":\"Mon, 24 Nov 2025 16:00:00 "
                                "+0000\",\"end_time\":\"Mon, 24 Nov 2025 16:01:30 +0000\",\"duration\":\"90\"}";
    read_form(profile,
              "CallSid=CA1&CallStatus=completed&CallDuration=90&Timestamp=Mon%2C+24+Nov+2025+16%3A01%3A30+%2B0000",
              &result);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(result.start_ms, 1764000000000);
        assert_int_equal(result.end_ms, 1764000090000);
        assert_int_equal(result.duration_s, 90);
        provider_result_clear(&result);
        assert_int_equal(provider_read_poll(profile, shown, sizeof shown - 1, &result), 0);
    }
    provider_result_clear(&result);
    read_form(profile, "CallSid=CA1&CallStatus=busy&CallDuration=0&Timestamp=yesterday", &result);
    assert_int_equal(result.start_ms, -1);
    assert_int_equal(result.end_ms, -1);
    assert_int_equal(result.duration_s, 0);
    provider_result_clear(&result);
    provider_profile_free(profile);
}

/* ---- lookups ---- */

#define CALL(sid, to, direction, created)                                                                              \
    "{\"sid\":\"" sid "\",\"to\":\"" to "\",\"from\":\"+15550001111\",\"direction\":\"" direction                      \
    "\",\"status\":\"completed\",\"date_created\":\"" created "\"}"
#define LIST(calls) "{\"calls\":[" calls "],\"next_page_uri\":null}"

static void test_a_lost_call_is_known_by_caller_number_and_time(void **state)
{
    (void)state;
    static const char *const taken[] = {"CAtaken"};
    static const struct {
        const char *body;
        int rc;
        size_t matches;
        const char *sid;
    } rows[] = {
        {LIST(""), 0, 0, ""},
        {LIST(CALL("CA1", "+15551230042", "outbound-api", "Mon, 24 Nov 2025 16:00:00 +0000")), 0, 1, "CA1"},
        {LIST(CALL("CA1", "+15551230042", "outbound-api", "Mon, 24 Nov 2025 15:59:56 +0000")), 0, 1, "CA1"},
        {LIST(CALL("CA1", "+15551230042", "outbound-api", "Mon, 24 Nov 2025 16:01:00 +0000")), 0, 1, "CA1"},
        {LIST(CALL("CA1", "+15551230042", "outbound-api", "Mon, 24 Nov 2025 15:59:54 +0000")), ERR_INVALID, 0, ""},
        {LIST(CALL("CA1", "+15551230042", "outbound-api", "Mon, 24 Nov 2025 16:01:01 +0000")), ERR_INVALID, 0, ""},
        {LIST(CALL("CA1", "+15551230042", "outbound-api", "Mon, 24 Nov 2025 15:49:55 +0000")), ERR_INVALID, 0, ""},
        {LIST(CALL("CA1", "+15551230042", "outbound-api", "Mon, 24 Nov 2025 16:11:00 +0000")), ERR_INVALID, 0, ""},
        {LIST(CALL("CA1", "+15551230042", "outbound-api", "Mon, 24 Nov 2025 15:49:54 +0000")), 0, 0, ""},
        {LIST(CALL("CA1", "+15551230042", "outbound-api", "Mon, 24 Nov 2025 16:11:01 +0000")), 0, 0, ""},
        {LIST(CALL("CAtaken", "+15551230042", "outbound-api", "Mon, 24 Nov 2025 15:59:50 +0000")), 0, 0, ""},
        {LIST(CALL("CA2", "+15551230042", "outbound-api", "Mon, 24 Nov 2025 16:00:09 +0000") "," CALL(
             "CA1", "+15551230042", "outbound-api", "Mon, 24 Nov 2025 15:59:50 +0000")),
         0, 1, "CA2"},
        {LIST(CALL("CA1", "+15551230043", "outbound-api", "Mon, 24 Nov 2025 16:00:00 +0000")), 0, 0, ""},
        {LIST(CALL("CA1", "+15551230042", "inbound", "Mon, 24 Nov 2025 16:00:00 +0000")), 0, 0, ""},
        {LIST(CALL("CAtaken", "+15551230042", "outbound-api", "Mon, 24 Nov 2025 16:00:00 +0000")), 0, 0, ""},
        {LIST(CALL("CA2", "+15551230042", "outbound-api", "Mon, 24 Nov 2025 16:00:09 +0000") "," CALL(
             "CAtaken", "+15551230042", "outbound-api", "Mon, 24 Nov 2025 16:00:00 +0000")),
         0, 1, "CA2"},
        {LIST(CALL("CA1", "+15551230042", "outbound-api", "who knows")), ERR_INVALID, 0, ""},
        {"{\"calls\":[],\"next_page_uri\":\"/2010-04-01/Accounts/AC1/Calls.json?Page=1\"}", ERR_INVALID, 0, ""},
        {"{\"code\":20003}", ERR_INVALID, 0, ""},
    };
    struct provider_lookup lookup = {
        .token = FIXTURE_TOKEN,
        .to = "+15551230042",
        .from = "+15550001111",
        .begin_ms = 1764000000000,
        .exclude_ids = taken,
        .n_exclude_ids = 1,
    };
    struct provider_profile *profile = twilio();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct provider_result result;
        size_t matches = 99;
        int rc = provider_read_lookup(profile, &lookup, rows[i].body, strlen(rows[i].body), &matches, &result);
        if (rc != rows[i].rc)
            fail_msg("%s: %s", rows[i].body, err_name(rc));
        if (rc != 0)
            continue;
        assert_int_equal(matches, rows[i].matches);
        assert_string_equal(result.provider_id, rows[i].sid);
        provider_result_clear(&result);
    }
    provider_profile_free(profile);
}

/* ---- signatures ---- */

#define VECTOR_BODY "CallSid=CA1234567890ABCDE&Caller=%2B14158675310&Digits=1234&From=%2B14158675310&To=%2B18005551212"

static const char *signature_of(const char *name, void *arg)
{
    return strcasecmp(name, "X-Twilio-Signature") == 0 ? arg : NULL;
}

static int verify(const char *url, const char *body, const char *signature)
{
    struct provider_profile *profile = twilio();
    struct provider_trunk used = trunk();
    used.credential = "12345";
    used.credential_len = 5;
    const struct provider_callback callback = {
        .url = url,
        .body = body,
        .body_len = strlen(body),
        .header_fn = signature_of,
        .header_arg = (void *)signature,
    };
    int rc = provider_verify_callback(profile, &used, &callback, 0);
    provider_profile_free(profile);
    return rc;
}

static void test_the_vendors_own_signature_holds(void **state)
{
    (void)state;
    /* twilio 6.2.0, its own tests; the others with openssl dgst -sha1 -hmac 12345 -binary | base64 */
    static const char sdk[] = "GPSRTlODYHi4+bX3Qs97BVmS45M=";
    static const char url[] = "https://example.com/myapp?foo=1&bar=2";
    assert_int_equal(verify(url, VECTOR_BODY, sdk), 0);
    /* The order in which the fields come is nothing. */
    assert_int_equal(verify(url,
                            "To=%2B18005551212&From=%2B14158675310&Digits=1234&Caller=%2B14158675310"
                            "&CallSid=CA1234567890ABCDE",
                            sdk),
                     0);
    static const char *const others[] = {"", "GPSRTlODYHi4+bX3Qs97BVmS45M", "gPSRTlODYHi4+bX3Qs97BVmS45M=", "=", "x"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(verify(url, VECTOR_BODY, others[i]), ERR_AUTH);
    assert_int_equal(verify(url, VECTOR_BODY, NULL), ERR_AUTH);
    assert_int_equal(verify(url, VECTOR_BODY "&x=", sdk), ERR_AUTH);
    assert_int_equal(verify(url, "", sdk), ERR_AUTH);
    assert_int_equal(verify(url, "%", sdk), ERR_AUTH);
    assert_int_equal(verify("https://example.com/myapp?foo=1&bar=3", VECTOR_BODY, sdk), ERR_AUTH);
    assert_int_equal(verify("http://example.com/myapp?foo=1&bar=2", VECTOR_BODY, sdk), ERR_AUTH);
}

static void test_a_port_is_signed_or_left_out(void **state)
{
    (void)state;
    static const char sdk[] = "GPSRTlODYHi4+bX3Qs97BVmS45M="; /* signed without a port */
    static const char with_443[] = "x4lqxL7x8u+F+7pj0LGOde0a3ow="; /* https://example.com:443/myapp?foo=1&bar=2 */
    assert_int_equal(verify("https://example.com:8443/myapp?foo=1&bar=2", VECTOR_BODY, sdk), 0);
    assert_int_equal(verify("https://example.com:443/myapp?foo=1&bar=2", VECTOR_BODY, sdk), 0);
    assert_int_equal(verify("https://example.com/myapp?foo=1&bar=2", VECTOR_BODY, with_443), 0);
    assert_int_equal(verify("https://example.com:443/myapp?foo=1&bar=2", VECTOR_BODY, with_443), 0);
    assert_int_equal(verify("https://example.org:443/myapp?foo=1&bar=2", VECTOR_BODY, with_443), ERR_AUTH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_is_asked_for_in_a_form),
        cmocka_unit_test(test_no_text_of_a_tenant_leaves_its_argument_of_the_answer_url),
        cmocka_unit_test(test_the_other_requests),
        cmocka_unit_test(test_a_trunk_has_an_account_and_an_answer_url),
        cmocka_unit_test(test_every_answer_to_a_create_has_its_verdict),
        cmocka_unit_test(test_the_queue_is_told_in_milliseconds),
        cmocka_unit_test(test_every_status_has_its_outcome),
        cmocka_unit_test(test_times_of_both_forms),
        cmocka_unit_test(test_a_lost_call_is_known_by_caller_number_and_time),
        cmocka_unit_test(test_the_vendors_own_signature_holds),
        cmocka_unit_test(test_a_port_is_signed_or_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
