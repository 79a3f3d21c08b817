/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/retell_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/ident.h"
#include "common/json/json.h"
#include "tests/carrier/calls.h"
#include "tests/carrier/retell_filter.h"
#include "tests/carrier/retell_list.h"
#include "tests/carrier/retell_sign.h"
#include "tests/carrier/retell_view.h"

#define NUMBERS "\"from_number\":\"+15550009999\",\"to_number\":\"+15550001111\""

/* ---- create-phone-call ---- */

static int read_request(const char *body, struct call_order *order, char why[200])
{
    struct buf text;
    buf_init(&text, 200);
    int err = retell_request_read(body, strlen(body), order, &text);
    (void)snprintf(why, 200, "%s", buf_str(&text));
    buf_free(&text);
    return err;
}

static void test_a_full_request_is_read(void **state)
{
    (void)state;
    struct call_order order = {0};
    char why[200];
    assert_int_equal(
        read_request("{" NUMBERS ",\"override_agent_id\":\"agent_7\",\"override_agent_version\":3,"
                     "\"agent_override\":{\"agent\":{\"ring_duration_ms\":5000,\"max_call_duration_ms\":7200000,"
                     "\"webhook_url\":\"http://h/x\",\"volume\":1},\"retell_llm\":{}},"
                     "\"metadata\":{\"carillon_token\":\"b.c.1.mac\",\"n\":[1,\"\\u00e9\"]},"
                     "\"retell_llm_dynamic_variables\":{\"name\":\"Ann\"},\"custom_sip_headers\":{\"X-A\":\"b\"},"
                     "\"ignore_e164_validation\":false}",
                     &order, why),
        0);
    assert_string_equal(order.from, "+15550009999");
    assert_string_equal(order.to, "+15550001111");
    assert_string_equal(order.agent_id, "agent_7");
    assert_int_equal(order.agent_version, 3);
    assert_int_equal(order.ring_ms, 5000);
    assert_int_equal(order.max_talk_ms, 7200000);
    assert_string_equal(order.callback_url, "http://h/x");
    assert_string_equal(order.token, "b.c.1.mac");
    assert_string_equal(order.metadata, "{\"carillon_token\":\"b.c.1.mac\",\"n\":[1,\"\u00e9\"]}");
    assert_string_equal(order.variables, "{\"name\":\"Ann\"}");
    assert_string_equal(order.sip_headers, "{\"X-A\":\"b\"}");
    call_order_clear(&order);
}

static void test_the_least_request_gets_the_documented_defaults(void **state)
{
    (void)state;
    struct call_order order = {0};
    char why[200];
    assert_int_equal(read_request("{" NUMBERS "}", &order, why), 0);
    assert_int_equal(order.ring_ms, 30000);
    assert_int_equal(order.max_talk_ms, 3600000);
    assert_non_null(order.agent_id);
    assert_null(order.token);
    assert_null(order.metadata);
    call_order_clear(&order);
    assert_int_equal(read_request("{\"from_number\":\"lobby\",\"to_number\":\"+15550001111\","
                                  "\"ignore_e164_validation\":true,\"override_agent_version\":\"prod\"}",
                                  &order, why),
                     0);
    assert_string_equal(order.from, "lobby");
    assert_string_equal(order.agent_tag, "prod");
    call_order_clear(&order);
}

static void test_bad_requests_are_refused_and_say_where(void **state)
{
    static const struct {
        const char *body;
        const char *why;
    } CASES[] = {
        {"", "JSON"},
        {"{", "JSON"},
        {"[]", "object"},
        {"{\"to_number\":\"+15550001111\"}", "from_number is required"},
        {"{\"from_number\":\"+15550001111\"}", "to_number is required"},
        {"{\"from_number\":\"+15550009999\",\"to_number\":\"5550001111\"}", "to_number must be"},
        {"{\"from_number\":\"+15550009999\",\"to_number\":15550001111}", "to_number must be"},
        {"{\"from_number\":\"lobby\",\"to_number\":\"+15550001111\"}", "from_number must be"},
        {"{\"from_number\":\"\",\"to_number\":\"+15550001111\",\"ignore_e164_validation\":true}", "from_number"},
        {"{" NUMBERS ",\"agent_id\":\"x\"}", "agent_id is not a member"},
        {"{" NUMBERS ",\"override_agent_id\":7}", "override_agent_id"},
        {"{" NUMBERS ",\"override_agent_id\":\"\"}", "override_agent_id"},
        {"{" NUMBERS ",\"override_agent_version\":1.5}", "override_agent_version"},
        {"{" NUMBERS ",\"metadata\":\"x\"}", "metadata must be an object"},
        {"{" NUMBERS ",\"retell_llm_dynamic_variables\":{\"n\":1}}", "strings"},
        {"{" NUMBERS ",\"custom_sip_headers\":[]}", "custom_sip_headers"},
        {"{" NUMBERS ",\"ignore_e164_validation\":1}", "ignore_e164_validation"},
        {"{" NUMBERS ",\"agent_override\":{\"agents\":{}}}", "agents"},
        {"{" NUMBERS ",\"agent_override\":{\"agent\":[]}}", "agent in agent_override"},
        {"{" NUMBERS ",\"agent_override\":{\"agent\":{\"ring_duration_ms\":4999}}}", "ring_duration_ms is out"},
        {"{" NUMBERS ",\"agent_override\":{\"agent\":{\"ring_duration_ms\":300001}}}", "ring_duration_ms is out"},
        {"{" NUMBERS ",\"agent_override\":{\"agent\":{\"ring_duration_ms\":\"5000\"}}}", "ring_duration_ms"},
        {"{" NUMBERS ",\"agent_override\":{\"agent\":{\"max_call_duration_ms\":59999}}}", "max_call_duration_ms"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct call_order order = {0};
        char why[200];
        assert_int_equal(read_request(CASES[i].body, &order, why), ERR_INVALID);
        assert_non_null(strstr(why, CASES[i].why));
        assert_null(order.agent_id); /* untouched */
    }
}

/* ---- the call object ---- */

static struct call call_with(const char *token)
{
    struct call call = {.id = "call_1", .phase = CALL_RINGING, .accepted_ms = 1000};
    struct call_order *order = &call.order;
    (void)snprintf(order->from, sizeof order->from, "+15550009999");
    (void)snprintf(order->to, sizeof order->to, "+15550001111");
    order->agent_id = strdup("agent_7");
    order->agent_version = 2;
    if (token) {
        char json[100];
        (void)snprintf(json, sizeof json, "{\"carillon_token\":\"%s\",\"n\":5}", token);
        order->token = strdup(token);
        order->metadata = strdup(json);
    }
    return call;
}

static void connect(struct call *call)
{
    call_set_phase(call, CALL_TALKING);
    call->answered_ms = 2000;
}

static void end(struct call *call, enum call_end reason)
{
    call_set_phase(call, CALL_ENDED);
    call->end = reason;
    call->ended_ms = 4500;
}

static void assert_shows(const struct call *call, enum retell_view view, const char *expected)
{
    cJSON *object = retell_view(call, view);
    struct buf json;
    buf_init(&json, 8192);
    assert_int_equal(json_print(object, &json), 0);
    assert_string_equal(buf_str(&json), expected);
    buf_free(&json);
    cJSON_Delete(object);
}

#define IDENTITY(status, metadata)                                                                                     \
    "{\"call_id\":\"call_1\",\"call_type\":\"phone_call\",\"agent_id\":\"agent_7\",\"agent_version\":2,"               \
    "\"call_status\":\"" status "\"," metadata                                                                         \
    "\"data_storage_setting\":\"everything\",\"opt_in_signed_url\":false,\"from_number\":\"+15550009999\","            \
    "\"to_number\":\"+15550001111\",\"direction\":\"outbound\""
#define METADATA "\"metadata\":{\"carillon_token\":\"t\",\"n\":5},"
#define TALKED                                                                                                         \
    ",\"start_timestamp\":2000,\"duration_ms\":2500,\"disconnection_reason\":\"user_hangup\",\"call_cost\":"           \
    "{\"product_costs\":[],\"total_duration_seconds\":3,\"total_duration_unit_price\":0,\"combined_cost\":0},"         \
    "\"end_timestamp\":4500,\"recording_url\":\"https://recordings.invalid/call_1/recording.wav\","                    \
    "\"public_log_url\":\"https://recordings.invalid/call_1/public.log\""
#define TRANSCRIPT                                                                                                     \
    ",\"transcript\":\"Agent: Good day.\\nUser: Good "                                                                 \
    "day.\\n\",\"transcript_object\":[],\"transcript_with_tool_calls\":[]"

static void test_a_call_shows_what_has_happened_so_far(void **state)
{
    (void)state;
    struct call call = call_with("t");
    assert_shows(&call, RETELL_VIEW_CREATED, IDENTITY("registered", METADATA) "}");
    assert_shows(&call, RETELL_VIEW_GET, IDENTITY("registered", METADATA) "}");
    connect(&call);
    assert_shows(&call, RETELL_VIEW_STARTED, IDENTITY("ongoing", METADATA) ",\"start_timestamp\":2000}");
    end(&call, CALL_END_CALLEE_HUNG_UP);
    assert_shows(&call, RETELL_VIEW_ENDED, IDENTITY("ended", METADATA) TALKED TRANSCRIPT "}");
    assert_shows(&call, RETELL_VIEW_LISTED, IDENTITY("ended", METADATA) TALKED "}");
    call_set_phase(&call, CALL_ANALYZED);
    assert_shows(&call, RETELL_VIEW_ENDED, IDENTITY("ended", METADATA) TALKED TRANSCRIPT "}");
    assert_shows(&call, RETELL_VIEW_ANALYZED,
                 IDENTITY("ended", METADATA) TALKED TRANSCRIPT
                 ",\"call_analysis\":{\"call_summary\":\"The callee answered, and the agent said what it had to say.\","
                 "\"in_voicemail\":false,\"user_sentiment\":\"Neutral\",\"call_successful\":true,"
                 "\"custom_analysis_data\":{}}}");
    assert_shows(&call, RETELL_VIEW_CREATED, IDENTITY("registered", METADATA) "}");
    call_order_clear(&call.order);
}

static void test_a_call_that_nobody_took_was_not_connected(void **state)
{
    (void)state;
    struct call call = call_with(NULL);
    end(&call, CALL_END_NO_ANSWER);
    call_set_phase(&call, CALL_ANALYZED);
    assert_shows(&call, RETELL_VIEW_ANALYZED,
                 IDENTITY("not_connected", "") ",\"duration_ms\":0,\"disconnection_reason\":\"dial_no_answer\","
                                               "\"call_cost\":{\"product_costs\":[],\"total_duration_seconds\":0,"
                                               "\"total_duration_unit_price\":0,\"combined_cost\":0},\"transcript\":"
                                               "\"\",\"transcript_object\":[],\"transcript_with_tool_calls\":[],"
                                               "\"call_analysis\":{\"call_summary\":\"\",\"user_sentiment\":"
                                               "\"Unknown\",\"call_successful\":false,\"custom_analysis_data\":{}}}");
    call_order_clear(&call.order);
}

static void test_every_end_has_its_disconnection_reason(void **state)
{
    static const struct {
        enum call_end end;
        bool is_connected;
        const char *reason;
        const char *status;
    } CASES[] = {
        {CALL_END_CALLEE_HUNG_UP, true, "user_hangup", "ended"},
        {CALL_END_AGENT_HUNG_UP, true, "agent_hangup", "ended"},
        {CALL_END_MAX_DURATION, true, "max_duration_reached", "ended"},
        {CALL_END_STOPPED, true, "manual_stopped", "ended"},
        {CALL_END_STOPPED, false, "manual_stopped", "not_connected"},
        {CALL_END_VOICEMAIL, true, "voicemail_reached", "ended"},
        {CALL_END_BUSY, false, "dial_busy", "not_connected"},
        {CALL_END_NO_ANSWER, false, "dial_no_answer", "not_connected"},
        {CALL_END_FAILED, false, "dial_failed", "not_connected"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct call call = call_with(NULL);
        if (CASES[i].is_connected)
            connect(&call);
        end(&call, CASES[i].end);
        cJSON *object = retell_view(&call, RETELL_VIEW_ENDED);
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(object, "disconnection_reason")), CASES[i].reason);
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(object, "call_status")), CASES[i].status);
        cJSON_Delete(object);
        call_order_clear(&call.order);
    }
}

/* ---- filters ---- */

static cJSON *parse(const char *json)
{
    cJSON *value = NULL;
    assert_int_equal(json_parse(json, strlen(json), &value, NULL), 0);
    return value;
}

static void test_filters_match_what_they_ask_for(void **state)
{
    static const struct {
        const char *criteria;
        bool matches;
    } CASES[] = {
        {"{}", true},
        {"{\"metadata\":[{\"type\":\"string\",\"key\":\"carillon_token\",\"op\":\"eq\",\"value\":\"t\"}]}", true},
        {"{\"metadata\":[{\"type\":\"string\",\"key\":\"carillon_token\",\"op\":\"eq\",\"value\":\"u\"}]}", false},
        {"{\"metadata\":[{\"type\":\"string\",\"key\":\"other\",\"op\":\"ne\",\"value\":\"t\"}]}", false},
        {"{\"metadata\":[{\"type\":\"present\",\"key\":\"other\",\"op\":\"np\"}]}", true},
        {"{\"metadata\":[{\"type\":\"present\",\"key\":\"n\",\"op\":\"pr\"}]}", true},
        {"{\"metadata\":[{\"type\":\"number\",\"key\":\"n\",\"op\":\"ge\",\"value\":5}]}", true},
        {"{\"metadata\":[{\"type\":\"number\",\"key\":\"n\",\"op\":\"gt\",\"value\":5}]}", false},
        {"{\"metadata\":[{\"type\":\"string\",\"key\":\"n\",\"op\":\"eq\",\"value\":\"5\"}]}", false},
        {"{\"to_number\":{\"type\":\"string\",\"op\":\"eq\",\"value\":\"+15550001111\"}}", true},
        {"{\"to_number\":{\"type\":\"string\",\"op\":\"ne\",\"value\":\"+15550001111\"}}", false},
        {"{\"to_number\":{\"type\":\"string\",\"op\":\"sw\",\"value\":\"+1555\"}}", true},
        {"{\"to_number\":{\"type\":\"string\",\"op\":\"ew\",\"value\":\"1111\"}}", true},
        {"{\"to_number\":{\"type\":\"string\",\"op\":\"ew\",\"value\":\"0+15550001111\"}}", false},
        {"{\"to_number\":{\"type\":\"string\",\"op\":\"co\",\"value\":\"5000\"}}", true},
        {"{\"start_timestamp\":{\"type\":\"number\",\"op\":\"le\",\"value\":2000}}", true},
        {"{\"start_timestamp\":{\"type\":\"number\",\"op\":\"lt\",\"value\":2000}}", false},
        {"{\"start_timestamp\":{\"type\":\"number\",\"op\":\"eq\",\"value\":2000}}", true},
        {"{\"start_timestamp\":{\"type\":\"number\",\"op\":\"ne\",\"value\":2000}}", false},
        {"{\"start_timestamp\":{\"type\":\"range\",\"op\":\"bt\",\"value\":[2000,3000]}}", true},
        {"{\"start_timestamp\":{\"type\":\"range\",\"op\":\"bt\",\"value\":[2001,3000]}}", false},
        {"{\"call_status\":{\"type\":\"enum\",\"op\":\"in\",\"value\":[\"error\",\"ended\"]}}", true},
        {"{\"call_status\":{\"type\":\"enum\",\"op\":\"in\",\"value\":[\"ongoing\"]}}", false},
        {"{\"call_successful\":{\"type\":\"boolean\",\"op\":\"eq\",\"value\":true}}", true},
        {"{\"in_voicemail\":{\"type\":\"boolean\",\"op\":\"eq\",\"value\":true}}", false},
        {"{\"agent\":[{\"agent_id\":\"agent_7\"}]}", true},
        {"{\"agent\":[{\"agent_id\":\"agent_8\"},{\"agent_id\":\"agent_7\",\"version\":[1,2]}]}", true},
        {"{\"agent\":[{\"agent_id\":\"agent_7\",\"version\":[3]}]}", false},
        {"{\"dynamic_variables\":[{\"type\":\"present\",\"key\":\"x\",\"op\":\"np\"}]}", true},
    };
    (void)state;
    struct call call = call_with("t");
    connect(&call);
    end(&call, CALL_END_CALLEE_HUNG_UP);
    call_set_phase(&call, CALL_ANALYZED);
    cJSON *object = retell_view(&call, RETELL_VIEW_LISTED);
    struct buf why;
    buf_init(&why, 200);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        cJSON *criteria = parse(CASES[i].criteria);
        assert_int_equal(retell_filter_check(criteria, &why), 0);
        if (retell_filter_matches(criteria, object) != CASES[i].matches)
            fail_msg("%s", CASES[i].criteria);
        cJSON_Delete(criteria);
    }
    assert_true(retell_filter_matches(NULL, object));
    buf_free(&why);
    cJSON_Delete(object);
    call_order_clear(&call.order);
}

static void test_filters_of_another_form_are_refused(void **state)
{
    static const char *const CASES[] = {
        "[]",
        "{\"batch_call_id\":{\"type\":\"string\",\"op\":\"eq\",\"value\":\"x\"}}",
        "{\"to_number\":\"+15550001111\"}",
        "{\"to_number\":[\"+15550001111\"]}",
        "{\"to_number\":{\"type\":\"string\",\"op\":\"is\",\"value\":\"x\"}}",
        "{\"to_number\":{\"type\":\"string\",\"op\":\"|e\",\"value\":\"x\"}}",
        "{\"to_number\":{\"type\":\"string\",\"op\":\"\",\"value\":\"x\"}}",
        "{\"to_number\":{\"type\":\"string\",\"op\":\"eq\",\"value\":5}}",
        "{\"to_number\":{\"type\":\"number\",\"op\":\"eq\",\"value\":5}}",
        "{\"to_number\":{\"op\":\"eq\",\"value\":\"x\"}}",
        "{\"start_timestamp\":{\"type\":\"range\",\"op\":\"bt\",\"value\":[1]}}",
        "{\"start_timestamp\":{\"type\":\"number\",\"op\":\"bt\",\"value\":1}}",
        "{\"call_status\":{\"type\":\"enum\",\"op\":\"in\",\"value\":[\"registered\"]}}",
        "{\"call_status\":{\"type\":\"enum\",\"op\":\"in\",\"value\":[\"ended|error\"]}}",
        "{\"call_status\":{\"type\":\"enum\",\"op\":\"in\",\"value\":[]}}",
        "{\"metadata\":{\"type\":\"string\",\"op\":\"eq\",\"key\":\"k\",\"value\":\"x\"}}",
        "{\"metadata\":[{\"type\":\"string\",\"op\":\"eq\",\"value\":\"x\"}]}",
        "{\"metadata\":[{\"type\":\"present\",\"op\":\"pr\",\"key\":\"k\",\"value\":1}]}",
        "{\"agent\":[\"agent_7\"]}",
        "{\"agent\":[{\"agent_id\":\"a\",\"version\":1}]}",
    };
    (void)state;
    struct buf why;
    buf_init(&why, 200);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        cJSON *criteria = parse(CASES[i]);
        assert_int_equal(retell_filter_check(criteria, &why), ERR_INVALID);
        assert_true(buf_len(&why) > 0);
        cJSON_Delete(criteria);
    }
    buf_free(&why);
}

/* ---- pages ---- */

static int make_id(char ret_id[CALL_ID_CAP])
{
    return ident_make_random("call_", 20, ret_id, CALL_ID_CAP);
}

static struct calls *calls_listed(int n, char ids[][CALL_ID_CAP])
{
    struct calls *calls = calls_create(100, 1 << 20, make_id);
    for (int i = 0; i < n; i++) {
        struct call made = call_with(i % 2 ? "odd" : "even");
        (void)snprintf(made.order.to, sizeof made.order.to, "+1555000%04u", (unsigned)i / 2 % 10000);
        struct call *call;
        assert_int_equal(calls_add(calls, &made.order, &call), 0);
        memcpy(ids[i], call->id, CALL_ID_CAP);
    }
    return calls;
}

/* The ids listed, as digits of their places ("420"), then "+" where there is more, then the total. */
static void list(const struct calls *calls, char ids[][CALL_ID_CAP], int n, const char *body, char *ret_text,
                 char ret_key[CALL_ID_CAP])
{
    struct buf out;
    struct buf why;
    buf_init(&out, 1 << 20);
    buf_init(&why, 200);
    assert_int_equal(retell_list(calls, body, strlen(body), &out, &why), 0);
    cJSON *answer = parse(buf_str(&out));
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItem(answer, "items"))
    {
        for (int i = 0; i < n; i++)
            if (strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(item, "call_id")), ids[i]) == 0)
                *ret_text++ = (char)('0' + i);
    }
    bool has_more = cJSON_IsTrue(cJSON_GetObjectItem(answer, "has_more"));
    const char *key = cJSON_GetStringValue(cJSON_GetObjectItem(answer, "pagination_key"));
    assert_int_equal(has_more, key != NULL);
    if (has_more)
        *ret_text++ = '+';
    const cJSON *total = cJSON_GetObjectItem(answer, "total");
    if (total)
        *ret_text++ = (char)('0' + total->valueint);
    *ret_text = '\0';
    (void)snprintf(ret_key, CALL_ID_CAP, "%s", key ? key : "");
    cJSON_Delete(answer);
    buf_free(&out);
    buf_free(&why);
}

static void test_lists_are_filtered_ordered_and_paged(void **state)
{
    static const struct {
        const char *body;
        const char *listed;
    } CASES[] = {
        {"", "543210"},
        {"{}", "543210"},
        {"{\"sort_order\":\"ascending\"}", "012345"},
        {"{\"limit\":2}", "54+"},
        {"{\"limit\":6}", "543210"},
        {"{\"limit\":2,\"skip\":3}", "21+"},
        {"{\"skip\":6}", ""},
        {"{\"limit\":1,\"include_total\":true}", "5+6"},
        {"{\"filter_criteria\":{\"metadata\":[{\"type\":\"string\",\"key\":\"carillon_token\",\"op\":\"eq\","
         "\"value\":\"odd\"}]},\"include_total\":true}",
         "5313"},
        {"{\"filter_criteria\":{\"metadata\":[{\"type\":\"string\",\"key\":\"carillon_token\",\"op\":\"eq\","
         "\"value\":\"odd\"}]},\"sort_order\":\"ascending\",\"limit\":2}",
         "13+"},
        {"{\"filter_criteria\":{\"to_number\":{\"type\":\"string\",\"op\":\"eq\",\"value\":\"+15550000001\"}}}", "32"},
        {"{\"filter_criteria\":{\"to_number\":{\"type\":\"string\",\"op\":\"eq\",\"value\":\"+15550000001\"},"
         "\"metadata\":[{\"type\":\"string\",\"key\":\"carillon_token\",\"op\":\"eq\",\"value\":\"even\"}]}}",
         "2"},
        {"{\"filter_criteria\":{\"start_timestamp\":{\"type\":\"number\",\"op\":\"gt\",\"value\":0}}}", ""},
    };
    (void)state;
    char ids[6][CALL_ID_CAP];
    struct calls *calls = calls_listed(6, ids);
    char listed[20];
    char key[CALL_ID_CAP];
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        list(calls, ids, 6, CASES[i].body, listed, key);
        assert_string_equal(listed, CASES[i].listed);
    }
    calls_free(calls);
}

static void test_the_key_of_a_page_leads_to_the_next(void **state)
{
    static const char *const ORDERS[] = {"descending", "ascending"};
    static const char *const PAGES[2][3] = {{"54+", "32+", "10"}, {"01+", "23+", "45"}};
    (void)state;
    char ids[6][CALL_ID_CAP];
    struct calls *calls = calls_listed(6, ids);
    for (int order = 0; order < 2; order++) {
        char key[CALL_ID_CAP] = "";
        for (int page = 0; page < 3; page++) {
            char body[200];
            char listed[20];
            (void)snprintf(body, sizeof body, "{\"limit\":2,\"sort_order\":\"%s\"%s%s%s}", ORDERS[order],
                           key[0] ? ",\"pagination_key\":\"" : "", key, key[0] ? "\"" : "");
            list(calls, ids, 6, body, listed, key);
            assert_string_equal(listed, PAGES[order][page]);
        }
    }
    calls_free(calls);
}

static void test_bad_list_requests_are_refused(void **state)
{
    static const char *const CASES[] = {
        "{",
        "[]",
        "{\"limit\":0}",
        "{\"limit\":1001}",
        "{\"limit\":\"5\"}",
        "{\"skip\":-1}",
        "{\"sort_order\":\"up\"}",
        "{\"include_total\":1}",
        "{\"filter\":{}}",
        "{\"pagination_key\":5}",
        "{\"pagination_key\":\"call_of_nobody\"}",
        "{\"pagination_key\":\"x\",\"skip\":0}",
        "{\"filter_criteria\":{\"nothing\":{}}}",
    };
    (void)state;
    struct calls *calls = calls_create(10, 1 << 20, make_id);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct buf out;
        struct buf why;
        buf_init(&out, 1 << 20);
        buf_init(&why, 200);
        assert_int_equal(retell_list(calls, CASES[i], strlen(CASES[i]), &out, &why), ERR_INVALID);
        assert_true(buf_len(&why) > 0);
        buf_free(&out);
        buf_free(&why);
    }
    calls_free(calls);
}

/* ---- the signature ---- */

/* Made with retell-sdk 5.66.1 from the same three values. */
static void test_the_signature_is_the_vendor_s(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 200);
    assert_int_equal(retell_sign("key_1", "{\"a\":1}", 7, INT64_C(1700000000000), &out), 0);
    assert_string_equal(buf_str(&out),
                        "v=1700000000000,d=3accea747fe9dc98c140a4730c1cf76da0f6e0f575612dffd495f295290e6a77");
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_full_request_is_read),
        cmocka_unit_test(test_the_least_request_gets_the_documented_defaults),
        cmocka_unit_test(test_bad_requests_are_refused_and_say_where),
        cmocka_unit_test(test_a_call_shows_what_has_happened_so_far),
        cmocka_unit_test(test_a_call_that_nobody_took_was_not_connected),
        cmocka_unit_test(test_every_end_has_its_disconnection_reason),
        cmocka_unit_test(test_filters_match_what_they_ask_for),
        cmocka_unit_test(test_filters_of_another_form_are_refused),
        cmocka_unit_test(test_lists_are_filtered_ordered_and_paged),
        cmocka_unit_test(test_the_key_of_a_page_leads_to_the_next),
        cmocka_unit_test(test_bad_list_requests_are_refused),
        cmocka_unit_test(test_the_signature_is_the_vendor_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
