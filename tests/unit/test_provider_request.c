/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests to platforms: what they look like, and that no text of a tenant ever leaves its place in them.
 */
#include "tests/support/provider_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "common/base/buf.h"

/* The text at a path of member names, NULL where there is none. */
static const char *text_at(const cJSON *body, const char *const *path)
{
    for (; *path != NULL; path++)
        body = cJSON_GetObjectItemCaseSensitive(body, *path);
    return cJSON_GetStringValue(body);
}
#define TEXT_AT(body, ...) text_at(body, (const char *const[]){__VA_ARGS__, NULL})

/* ---- Retell ---- */

static void test_a_retell_create_says_everything(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_retell();
    struct provider_trunk trunk = fixture_trunk();
    struct dial_request dial = fixture_dial();
    struct provider_request request;
    assert_int_equal(provider_render_start(profile, &trunk, &dial, &request), 0);
    assert_string_equal(request.method, "POST");
    assert_string_equal(request.url, "http://127.0.0.1:9000/v2/create-phone-call");
    assert_string_equal(header_of(&request, "Authorization"), "Bearer key_3f9c1b2a7d");
    assert_string_equal(header_of(&request, "Content-Type"), "application/json");
    assert_int_equal(request.body_len, strlen(request.body));
    assert_string_equal(
        request.body,
        "{\"from_number\":\"+15550001111\",\"to_number\":\"+15551230042\",\"override_agent_id\":\"agent_7\","
        "\"metadata\":{\"carillon_token\":\"" FIXTURE_TOKEN "\",\"batch_id\":\"batch_c0_a1b2\","
        "\"call_id\":\"batch_c0_a1b2-17\",\"contact_id\":\"crm-99\",\"contact_metadata\":"
        "{\"plan\": \"gold\", \"visits\": 3, \"vip\": true, \"note\": null, \"tags\": [\"a\", \"b\"], "
        "\"name\": \"from metadata\"}},"
        "\"retell_llm_dynamic_variables\":{\"plan\":\"gold\",\"visits\":\"3\",\"vip\":\"true\","
        "\"tags\":\"[\\\"a\\\",\\\"b\\\"]\",\"name\":\"Ada Lovelace\",\"email\":\"ada@example.com\","
        "\"company\":\"Engines & Sons\"},"
        "\"agent_override\":{\"agent\":{\"ring_duration_ms\":30000,\"max_call_duration_ms\":1800000}}}");
    assert_null(strstr(request.body, "key_3f9c1b2a7d"));
    provider_request_clear(&request);
    provider_profile_free(profile);
}

static void test_what_a_contact_lacks_is_left_out(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_retell();
    struct provider_trunk trunk = fixture_trunk();
    struct dial_request dial = {
        .to = "+15551230042",
        .from = "+15550001111",
        .token = FIXTURE_TOKEN,
        .batch_id = "b",
        .call_id = "b-1",
        .contact_name = "",
        .ring_timeout_s = 30,
        .max_call_duration_s = 600,
    };
    struct provider_request request;
    assert_int_equal(provider_render_start(profile, &trunk, &dial, &request), 0);
    assert_string_equal(
        request.body, "{\"from_number\":\"+15550001111\",\"to_number\":\"+15551230042\","
                      "\"metadata\":{\"carillon_token\":\"" FIXTURE_TOKEN "\",\"batch_id\":\"b\",\"call_id\":\"b-1\"},"
                      "\"retell_llm_dynamic_variables\":{},"
                      "\"agent_override\":{\"agent\":{\"ring_duration_ms\":30000,\"max_call_duration_ms\":600000}}}");
    provider_request_clear(&request);
    provider_profile_free(profile);
}

static void test_the_contacts_own_fields_stand_over_metadata_only_where_given(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_retell();
    struct provider_trunk trunk = fixture_trunk();
    struct dial_request dial = fixture_dial();
    struct provider_request request;
    dial.contact_name = NULL;
    assert_int_equal(provider_render_start(profile, &trunk, &dial, &request), 0);
    cJSON *body = cJSON_Parse(request.body);
    assert_string_equal(TEXT_AT(body, "retell_llm_dynamic_variables", "name"), "from metadata");
    cJSON_Delete(body);
    provider_request_clear(&request);
    provider_profile_free(profile);
}

static void test_numbers_of_metadata_keep_their_digits_as_strings_too(void **state)
{
    static const char metadata[] = "{\"account\": 12345678901234567890, \"price\": 19.90, \"zero\": -0, \"lines\" : [ "
                                   "1.50 , {\"n\": 9007199254740993} ] }";
    (void)state;
    struct provider_profile *profile = fixture_retell();
    struct provider_trunk trunk = fixture_trunk();
    struct dial_request dial = fixture_dial();
    struct provider_request request;
    dial.metadata = metadata;
    dial.metadata_len = sizeof metadata - 1;
    assert_int_equal(provider_render_start(profile, &trunk, &dial, &request), 0);
    cJSON *body = cJSON_Parse(request.body);
    assert_string_equal(TEXT_AT(body, "retell_llm_dynamic_variables", "account"), "12345678901234567890");
    assert_string_equal(TEXT_AT(body, "retell_llm_dynamic_variables", "price"), "19.90");
    assert_string_equal(TEXT_AT(body, "retell_llm_dynamic_variables", "zero"), "-0");
    assert_string_equal(TEXT_AT(body, "retell_llm_dynamic_variables", "lines"), "[1.50,{\"n\":9007199254740993}]");
    cJSON_Delete(body);
    provider_request_clear(&request);
    provider_profile_free(profile);
}

static void test_durations_are_moved_into_the_platforms_range(void **state)
{
    (void)state;
    static const struct {
        int ring_s, talk_s;
        const char *expected;
    } rows[] = {
        {5, 60, "{\"ring_duration_ms\":5000,\"max_call_duration_ms\":60000}"},
        {1, 10, "{\"ring_duration_ms\":5000,\"max_call_duration_ms\":60000}"},
        {120, 14400, "{\"ring_duration_ms\":120000,\"max_call_duration_ms\":7200000}"},
        {400, 7200, "{\"ring_duration_ms\":300000,\"max_call_duration_ms\":7200000}"},
    };
    struct provider_profile *profile = fixture_retell();
    struct provider_trunk trunk = fixture_trunk();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct dial_request dial = fixture_dial();
        struct provider_request request;
        int ring_s = dial.ring_timeout_s = rows[i].ring_s;
        int talk_s = dial.max_call_duration_s = rows[i].talk_s;
        assert_int_equal(provider_render_start(profile, &trunk, &dial, &request), 0);
        assert_non_null(strstr(request.body, rows[i].expected));
        provider_profile_clamp(profile, &ring_s, &talk_s);
        char clamped[96];
        snprintf(clamped, sizeof clamped, "{\"ring_duration_ms\":%d000,\"max_call_duration_ms\":%d000}", ring_s,
                 talk_s);
        assert_string_equal(clamped, rows[i].expected);
        provider_request_clear(&request);
    }
    provider_profile_free(profile);
}

static void test_retell_polls_lookups_and_cancels(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_retell();
    struct provider_trunk trunk = fixture_trunk();
    struct provider_lookup lookup = {.token = FIXTURE_TOKEN, .to = "+15551230042", .begin_ms = 1764000000000};
    struct provider_request request;
    trunk.base_url = "https://api.retellai.com//";

    assert_int_equal(provider_render_poll(profile, &trunk, "call_1", &request), 0);
    assert_string_equal(request.method, "GET");
    assert_string_equal(request.url, "https://api.retellai.com/v2/get-call/call_1");
    assert_null(request.body);
    assert_null(header_of(&request, "Content-Type"));
    assert_string_equal(header_of(&request, "Authorization"), "Bearer key_3f9c1b2a7d");
    provider_request_clear(&request);

    assert_int_equal(provider_render_hang_up(profile, &trunk, "call_1", &request), 0);
    assert_string_equal(request.method, "POST");
    assert_string_equal(request.url + strlen(request.url) - strlen("/v2/stop-call/call_1"), "/v2/stop-call/call_1");
    provider_request_clear(&request);
    assert_int_equal(provider_render_cancel(profile, &trunk, "call_1", &request), 0);
    assert_string_equal(request.method, "POST");
    assert_string_equal(request.url, "https://api.retellai.com/v2/stop-call/call_1");
    provider_request_clear(&request);

    trunk.base_url = NULL;
    assert_int_equal(provider_render_lookup(profile, &trunk, &lookup, &request), 0);
    assert_string_equal(request.method, "POST");
    assert_string_equal(request.url, "https://api.retellai.com/v3/list-calls");
    assert_string_equal(request.body,
                        "{\"filter_criteria\":{\"metadata\":[{\"type\":\"string\",\"key\":\"carillon_token\","
                        "\"op\":\"eq\",\"value\":\"" FIXTURE_TOKEN "\"}]},\"sort_order\":\"ascending\",\"limit\":10}");
    provider_request_clear(&request);
    provider_profile_free(profile);
}

static void test_vapi_is_asked_for_the_calls_of_one_time(void **state)
{
    (void)state;
    static const struct provider_variable number = {"phone_number_id", "0c1f9a52"};
    struct provider_profile *profile = fixture_vapi();
    struct provider_trunk trunk = fixture_trunk();
    struct provider_lookup lookup = {.token = FIXTURE_TOKEN, .to = "+15551230042", .begin_ms = 1764000000250};
    struct provider_request request;
    trunk.base_url = NULL;
    trunk.variables = &number;
    trunk.n_variables = 1;
    assert_int_equal(provider_render_lookup(profile, &trunk, &lookup, &request), 0);
    assert_string_equal(request.method, "GET");
    assert_string_equal(request.url, "https://api.vapi.ai/call?phoneNumberId=0c1f9a52"
                                     "&createdAtGe=2025-11-24T15%3A59%3A45.250Z"
                                     "&createdAtLe=2025-11-24T16%3A01%3A00.250Z&limit=1000");
    provider_request_clear(&request);
    lookup.until_ms = lookup.begin_ms + 3000;
    assert_int_equal(provider_render_lookup(profile, &trunk, &lookup, &request), 0);
    assert_non_null(strstr(request.url, "&createdAtGe=2025-11-24T15%3A59%3A45.250Z"
                                        "&createdAtLe=2025-11-24T16%3A01%3A03.250Z&"));
    provider_request_clear(&request);
    provider_profile_free(profile);
}

/* ---- hostile values ---- */

static const char *const hostile_texts[] = {
    "\"",
    "\\",
    "\"},\"to_number\":\"+19005550000\",\"x\":{\"y\":\"",
    "}{",
    "]]}}",
    "{{to}}",
    "{{",
    "}}",
    "{{trunk.account_sid}}",
    "{{contact.metadata}}",
    "line\nbreak",
    "a\r\nX-Evil: 1\r\n\r\nbody",
    "tab\tand \x01 control \x7f",
    "&To=%2B19005550000",
    "=&?#/%00%0d%0a",
    "../../v2/delete-call/x",
    "..",
    ".",
    "/",
    "?a=b#c",
    "+15550000000",
    "\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x94",
    "\xe2\x80\xa8\xe2\x80\xa9",
    "null",
    "true",
    "$strings",
    "%n%s%x",
    "</script><script>",
    "' OR 1=1 --",
};
#define N_HOSTILE (sizeof hostile_texts / sizeof hostile_texts[0])

/* Every text field of a tenant, to be filled one by one. */
static const char **tenant_field(struct dial_request *dial, size_t index)
{
    const char **const fields[] = {&dial->agent_id,      &dial->contact_id,      &dial->contact_name,
                                   &dial->contact_email, &dial->contact_company, &dial->contact_timezone};
    return index < sizeof fields / sizeof fields[0] ? fields[index] : NULL;
}

static void test_no_text_leaves_its_json_string(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_retell();
    struct provider_trunk trunk = fixture_trunk();
    for (size_t i = 0; i < N_HOSTILE; i++) {
        struct dial_request dial = fixture_dial();
        struct provider_request request;
        for (size_t f = 0; tenant_field(&dial, f) != NULL; f++)
            *tenant_field(&dial, f) = hostile_texts[i];
        assert_int_equal(provider_render_start(profile, &trunk, &dial, &request), 0);
        cJSON *body = cJSON_ParseWithOpts(request.body, NULL, true);
        assert_non_null(body);
        assert_int_equal(cJSON_GetArraySize(body), 6);
        assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(body, "metadata")), 5);
        assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(body, "retell_llm_dynamic_variables")), 7);
        assert_string_equal(TEXT_AT(body, "to_number"), "+15551230042");
        assert_string_equal(TEXT_AT(body, "from_number"), "+15550001111");
        assert_string_equal(TEXT_AT(body, "override_agent_id"), hostile_texts[i]);
        assert_string_equal(TEXT_AT(body, "metadata", "carillon_token"), FIXTURE_TOKEN);
        assert_string_equal(TEXT_AT(body, "metadata", "contact_id"), hostile_texts[i]);
        assert_string_equal(TEXT_AT(body, "retell_llm_dynamic_variables", "name"), hostile_texts[i]);
        assert_string_equal(TEXT_AT(body, "retell_llm_dynamic_variables", "email"), hostile_texts[i]);
        assert_string_equal(TEXT_AT(body, "retell_llm_dynamic_variables", "company"), hostile_texts[i]);
        assert_null(strpbrk(request.body, "\r\n"));
        cJSON_Delete(body);
        provider_request_clear(&request);
    }
    provider_profile_free(profile);
}

static void test_no_metadata_leaves_its_object(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_retell();
    struct provider_trunk trunk = fixture_trunk();
    for (size_t i = 0; i < N_HOSTILE; i++) {
        struct dial_request dial = fixture_dial();
        struct provider_request request;
        cJSON *metadata = cJSON_CreateObject();
        cJSON_AddStringToObject(metadata, hostile_texts[i], hostile_texts[i]);
        char *text = cJSON_PrintUnformatted(metadata);
        dial.metadata = text;
        dial.metadata_len = strlen(text);
        assert_int_equal(provider_render_start(profile, &trunk, &dial, &request), 0);
        cJSON *body = cJSON_ParseWithOpts(request.body, NULL, true);
        assert_non_null(body);
        assert_int_equal(cJSON_GetArraySize(body), 6);
        assert_string_equal(TEXT_AT(body, "to_number"), "+15551230042");
        assert_string_equal(TEXT_AT(body, "metadata", "carillon_token"), FIXTURE_TOKEN);
        assert_string_equal(TEXT_AT(body, "metadata", "contact_metadata", hostile_texts[i]), hostile_texts[i]);
        assert_string_equal(TEXT_AT(body, "retell_llm_dynamic_variables", hostile_texts[i]), hostile_texts[i]);
        cJSON_Delete(body);
        cJSON_free(text);
        cJSON_Delete(metadata);
        provider_request_clear(&request);
    }
    provider_profile_free(profile);
}

static void test_metadata_that_is_not_one_object_is_refused(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "[]",
        "\"x\"",
        "17",
        "null",
        "{",
        "}",
        "{}{}",
        "{} ,\"to_number\":\"+1900\"",
        "{}\n]",
        "{a:1}",
        "{\"a\":1,}",
        "{\"a\":\"\xff\"}",
        "{\"a\"",
        "{\"a\":01}",
        "{\"a\":\"\\u0000\"}",
    };
    struct provider_profile *profile = fixture_retell();
    struct provider_trunk trunk = fixture_trunk();
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct dial_request dial = fixture_dial();
        struct provider_request request;
        dial.metadata = broken[i];
        dial.metadata_len = strlen(broken[i]);
        if (provider_render_start(profile, &trunk, &dial, &request) != ERR_INVALID)
            fail_msg("taken: %s", broken[i]);
    }
    struct dial_request dial = fixture_dial();
    struct provider_request request;
    dial.metadata = "{\"a\":\"\0\"}";
    dial.metadata_len = 9;
    assert_int_equal(provider_render_start(profile, &trunk, &dial, &request), ERR_INVALID);
    provider_profile_free(profile);
}

static void test_text_that_is_not_utf8_is_refused(void **state)
{
    (void)state;
    static const char *const invalid[] = {"\xff", "\xc3", "a\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "ok\xfe"};
    struct provider_profile *retell = fixture_retell();
    struct provider_profile *form = fixture_form();
    struct provider_trunk trunk = fixture_trunk();
    struct provider_request request;
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
        /* The time zone is not part of a Retell request. */
        for (size_t f = 0; f < 5; f++) {
            struct dial_request dial = fixture_dial();
            *tenant_field(&dial, f) = invalid[i];
            assert_int_equal(provider_render_start(retell, &trunk, &dial, &request), ERR_INVALID);
        }
        struct dial_request dial = fixture_dial();
        dial.contact_name = invalid[i];
        assert_int_equal(provider_render_start(form, &trunk, &dial, &request), ERR_INVALID);
    }
    provider_profile_free(retell);
    provider_profile_free(form);
}

static void test_no_id_leaves_its_url_segment(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_retell();
    struct provider_trunk trunk = fixture_trunk();
    struct provider_request request;
    assert_int_equal(provider_render_poll(profile, &trunk, "a/../b?c=d#e%2f f\xc3\xa9\r\n", &request), 0);
    assert_string_equal(request.url, "http://127.0.0.1:9000/v2/get-call/a%2F..%2Fb%3Fc%3Dd%23e%252f%20f%C3%A9%0D%0A");
    provider_request_clear(&request);
    static const char *const impossible[] = {"", ".", ".."};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(provider_render_poll(profile, &trunk, impossible[i], &request), ERR_INVALID);
        assert_int_equal(provider_render_cancel(profile, &trunk, impossible[i], &request), ERR_INVALID);
    }
    assert_int_equal(provider_render_poll(profile, &trunk, NULL, &request), ERR_INVALID);
    provider_profile_free(profile);
}

/* ---- forms, basic auth, queries ---- */

static void test_a_form_create(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_form();
    struct provider_trunk trunk = fixture_trunk();
    struct dial_request dial = fixture_dial();
    struct provider_request request;
    assert_int_equal(provider_render_start(profile, &trunk, &dial, &request), 0);
    assert_string_equal(request.url, "http://127.0.0.1:9000/v1/Accounts/AC0042/Calls.json");
    assert_string_equal(header_of(&request, "Content-Type"), "application/x-www-form-urlencoded");
    /* base64 of AC0042:key_3f9c1b2a7d */
    assert_string_equal(header_of(&request, "Authorization"), "Basic QUMwMDQyOmtleV8zZjljMWIyYTdk");
    assert_string_equal(header_of(&request, "X-Request-Token"), "t=" FIXTURE_TOKEN);
    assert_string_equal(request.body,
                        "To=%2B15551230042&From=%2B15550001111"
                        "&Url=https%3A%2F%2Fvoice.example%2Fanswer%3Fx%3D1%26y%3D2"
                        "&StatusCallback=https%3A%2F%2Fcallbacks.example%2Fcallbacks%2Fformtel%2F"
                        "batch_c0_a1b2.17.2.00112233445566778899aabbccddeeff"
                        "&StatusCallbackEvent=ringing&StatusCallbackEvent=completed&Timeout=30"
                        "&Name=Ada%20Lovelace&Greeting=Hello%20Ada%20Lovelace%20of%20Engines%20%26%20Sons");
    provider_request_clear(&request);

    dial.contact_name = NULL;
    assert_int_equal(provider_render_start(profile, &trunk, &dial, &request), 0);
    assert_null(strstr(request.body, "&Name="));
    assert_non_null(strstr(request.body, "&Greeting=Hello%20%20of%20Engines"));
    provider_request_clear(&request);
    provider_profile_free(profile);
}

static unsigned hex_value(char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *at = strchr(digits, c);
    assert_non_null(at);
    assert_true(c != '\0');
    return (unsigned)(at - digits);
}

/* Decodes the value of a form's last field. */
static void decode_greeting(const char *body, char *ret, size_t cap)
{
    const char *at = strstr(body, "&Greeting=");
    assert_non_null(at);
    size_t n = 0;
    for (at += sizeof "&Greeting=" - 1; *at != '\0' && n + 1 < cap; at++) {
        ret[n++] = *at == '%' ? (char)(hex_value(at[1]) << 4 | hex_value(at[2])) : *at;
        at += *at == '%' ? 2 : 0;
    }
    ret[n] = '\0';
}

static void test_no_text_leaves_its_form_field(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_form();
    struct provider_trunk trunk = fixture_trunk();
    for (size_t i = 0; i < N_HOSTILE; i++) {
        struct dial_request dial = fixture_dial();
        struct provider_request request;
        char expected[512];
        char decoded[512];
        for (size_t f = 0; tenant_field(&dial, f) != NULL; f++)
            *tenant_field(&dial, f) = hostile_texts[i];
        assert_int_equal(provider_render_start(profile, &trunk, &dial, &request), 0);
        size_t fields = 1;
        for (const char *at = request.body; *at != '\0'; at++)
            fields += *at == '&';
        assert_int_equal(fields, 9);
        assert_int_equal(strspn(request.body, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%=&"),
                         request.body_len);
        snprintf(expected, sizeof expected, "Hello %s of %s", hostile_texts[i], hostile_texts[i]);
        decode_greeting(request.body, decoded, sizeof decoded);
        assert_string_equal(decoded, expected);
        provider_request_clear(&request);
    }
    provider_profile_free(profile);
}

static void test_a_lookup_by_query(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_form();
    struct provider_trunk trunk = fixture_trunk();
    struct provider_lookup lookup = {.to = "+15551230042", .from = "+15550001111", .begin_ms = 1764000000000};
    struct provider_request request;
    assert_int_equal(provider_render_lookup(profile, &trunk, &lookup, &request), 0);
    assert_string_equal(request.method, "GET");
    assert_string_equal(request.url, "http://127.0.0.1:9000/v1/Accounts/AC0042/Calls.json"
                                     "?To=%2B15551230042&From=%2B15550001111&StartTime%3E=2025-11-24");
    assert_null(request.body);
    provider_request_clear(&request);
    assert_int_equal(provider_render_poll(profile, &trunk, "CA1", &request), ERR_STATE);
    assert_int_equal(provider_render_cancel(profile, &trunk, "CA1", &request), ERR_STATE);
    assert_int_equal(provider_render_hang_up(profile, &trunk, "CA1", &request), ERR_STATE);
    provider_profile_free(profile);
}

static void test_no_header_holds_a_line_break(void **state)
{
    (void)state;
    static const char *const broken[] = {"a\r\nX-Evil: 1", "a\nb", "a\tb", "\x7f", "\xc3\xa9"};
    struct provider_profile *form = fixture_form();
    struct provider_profile *retell = fixture_retell();
    struct provider_request request;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct provider_trunk trunk = fixture_trunk();
        struct dial_request dial = fixture_dial();
        dial.token = broken[i];
        assert_int_equal(provider_render_start(form, &trunk, &dial, &request), ERR_INVALID);
        trunk.credential = broken[i];
        trunk.credential_len = strlen(broken[i]);
        assert_int_equal(provider_render_poll(retell, &trunk, "call_1", &request), ERR_AUTH);
    }
    provider_profile_free(form);
    provider_profile_free(retell);
}

static void test_a_fault_of_the_trunk_is_not_taken_for_one_of_the_dial(void **state)
{
    (void)state;
    struct provider_profile *form = fixture_form();
    struct provider_profile *retell = fixture_retell();
    struct dial_request dial = fixture_dial();
    struct provider_request request;
    static const char *const bad_bases[] = {"",           "ftp://x",    "file:///etc/passwd", "//x", "http://x?y",
                                            "http://x#y", "http://x y", "http://x\r\ny",      "x",   "javascript:void",
                                            "https:/x"};
    for (size_t i = 0; i < sizeof bad_bases / sizeof bad_bases[0]; i++) {
        struct provider_trunk trunk = fixture_trunk();
        trunk.base_url = bad_bases[i];
        if (provider_render_start(retell, &trunk, &dial, &request) != ERR_AUTH)
            fail_msg("taken: %s", bad_bases[i]);
    }
    struct provider_trunk trunk = fixture_trunk();
    trunk.credential_len = 0;
    assert_int_equal(provider_render_start(retell, &trunk, &dial, &request), ERR_AUTH);
    trunk.credential = NULL;
    assert_int_equal(provider_render_start(retell, &trunk, &dial, &request), ERR_AUTH);

    trunk = fixture_trunk();
    trunk.n_variables = 0;
    assert_int_equal(provider_render_start(form, &trunk, &dial, &request), ERR_AUTH);

    static const struct provider_variable with_colon[] = {{"account_sid", "AC:42"}, {"answer_url", "https://x"}};
    trunk = fixture_trunk();
    trunk.variables = with_colon;
    assert_int_equal(provider_render_start(form, &trunk, &dial, &request), ERR_AUTH);

    trunk = fixture_trunk();
    dial.from = "";
    assert_int_equal(provider_render_start(retell, &trunk, &dial, &request), ERR_AUTH);
    provider_profile_free(form);
    provider_profile_free(retell);
}

static void test_a_dial_without_a_number_or_a_token_is_refused(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_retell();
    struct provider_trunk trunk = fixture_trunk();
    struct provider_request request;
    struct dial_request dial = fixture_dial();
    dial.to = "";
    assert_int_equal(provider_render_start(profile, &trunk, &dial, &request), ERR_INVALID);
    dial = fixture_dial();
    dial.token = NULL;
    assert_int_equal(provider_render_start(profile, &trunk, &dial, &request), ERR_INVALID);
    provider_profile_free(profile);
}

static void test_the_largest_contact_fits(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_retell();
    struct provider_trunk trunk = fixture_trunk();
    struct dial_request dial = fixture_dial();
    struct provider_request request;
    char name[LIMIT_NAME_LEN * 4 + 1];
    struct buf metadata;
    memset(name, '\x01', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    buf_init(&metadata, LIMIT_METADATA_BYTES);
    assert_int_equal(buf_append_str(&metadata, "{\"k\":\""), 0);
    while (buf_len(&metadata) < LIMIT_METADATA_BYTES - 4)
        assert_int_equal(buf_append_str(&metadata, "\\\""), 0);
    assert_int_equal(buf_append_str(&metadata, "\"}"), 0);
    dial.contact_name = dial.contact_company = dial.agent_id = name;
    dial.metadata = buf_str(&metadata);
    dial.metadata_len = buf_len(&metadata);
    assert_int_equal(provider_render_start(profile, &trunk, &dial, &request), 0);
    assert_true(request.body_len / 2 > LIMIT_METADATA_BYTES);
    buf_free(&metadata);
    provider_request_clear(&request);
    provider_profile_free(profile);
}

/* What memory ran out for is tried again, for as long as its batch lives; what no request can ever say is not. */
static void test_a_url_that_a_contact_makes_too_long_is_a_fault_of_the_dial(void **state)
{
    (void)state;
    static const char in_query[] =
        "{\"format\": 1, \"name\": \"longtel\", \"about\": \"x\", \"base_url\": \"https://api.longtel.example\", "
        "\"auth\": {\"kind\": \"none\"}, \"start\": {\"request\": {\"method\": \"POST\", \"path\": \"/calls\", "
        "\"query\": {\"token\": \"{{token}}\", \"to\": \"{{to}}\", \"name\": \"{{contact.name}}\", \"of\": "
        "\"{{contact.company}}\"}}, \"id\": \"/id\", \"dedup_window_ms\": 60000, \"verdicts\": [{\"status\": "
        "\"429\", \"means\": \"THROTTLED\"}]}, \"call\": {\"id\": \"/id\", \"token\": \"/token\", \"state\": "
        "{\"pointer\": \"/state\", \"map\": {\"x\": \"ended\"}}, \"outcomes\": [{\"pointer\": \"/state\", \"map\": "
        "{\"busy\": \"BUSY\"}}], \"outcome_default\": \"FAILED\"}, \"poll\": {\"request\": {\"method\": \"GET\", "
        "\"path\": \"/calls/{{provider_id}}\"}, \"call\": \"\"}}";
    struct provider_profile *profile = NULL;
    struct faults faults;
    faults_init(&faults, 8);
    if (provider_profile_load(in_query, sizeof in_query - 1, &faults, &profile) != 0)
        fail_msg("%s: %s", faults.items[0].path, faults.items[0].message);
    struct provider_trunk trunk = fixture_trunk();
    struct dial_request dial = fixture_dial();
    struct provider_request request;
    char name[3 * LIMIT_NAME_LEN + 1];
    for (size_t i = 0; i < LIMIT_NAME_LEN; i++)
        memcpy(name + 3 * i, "\xe6\xbc\xa2", 3);
    name[sizeof name - 1] = '\0';
    dial.contact_name = name;
    assert_int_equal(provider_render_start(profile, &trunk, &dial, &request), 0);
    assert_true(strlen(request.url) <= LIMIT_URL_LEN);
    provider_request_clear(&request);
    dial.contact_company = name;
    assert_int_equal(provider_render_start(profile, &trunk, &dial, &request), ERR_INVALID);
    faults_free(&faults);
    provider_profile_free(profile);
}

/* ---- memory that runs out ---- */

static size_t allocations_left;

static void *failing_malloc(size_t size)
{
    if (allocations_left == 0)
        return NULL;
    allocations_left--;
    return malloc(size);
}

static void test_wherever_memory_runs_out_nothing_is_sent_or_lost(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_retell();
    struct provider_trunk trunk = fixture_trunk();
    struct dial_request dial = fixture_dial();
    struct provider_request request;
    cJSON_Hooks hooks = {.malloc_fn = failing_malloc, .free_fn = free};
    int rc = ERR_NOMEM;
    size_t n = 0;
    cJSON_InitHooks(&hooks);
    for (; rc != 0 && n < 10000; n++) {
        allocations_left = n;
        rc = provider_render_start(profile, &trunk, &dial, &request);
        assert_true(rc == 0 || rc == ERR_NOMEM);
    }
    cJSON_InitHooks(NULL);
    assert_int_equal(rc, 0);
    assert_true(n > 50);
    provider_request_clear(&request);
    provider_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_retell_create_says_everything),
        cmocka_unit_test(test_what_a_contact_lacks_is_left_out),
        cmocka_unit_test(test_the_contacts_own_fields_stand_over_metadata_only_where_given),
        cmocka_unit_test(test_numbers_of_metadata_keep_their_digits_as_strings_too),
        cmocka_unit_test(test_durations_are_moved_into_the_platforms_range),
        cmocka_unit_test(test_retell_polls_lookups_and_cancels),
        cmocka_unit_test(test_vapi_is_asked_for_the_calls_of_one_time),
        cmocka_unit_test(test_no_text_leaves_its_json_string),
        cmocka_unit_test(test_no_metadata_leaves_its_object),
        cmocka_unit_test(test_metadata_that_is_not_one_object_is_refused),
        cmocka_unit_test(test_text_that_is_not_utf8_is_refused),
        cmocka_unit_test(test_no_id_leaves_its_url_segment),
        cmocka_unit_test(test_a_form_create),
        cmocka_unit_test(test_no_text_leaves_its_form_field),
        cmocka_unit_test(test_a_lookup_by_query),
        cmocka_unit_test(test_no_header_holds_a_line_break),
        cmocka_unit_test(test_a_fault_of_the_trunk_is_not_taken_for_one_of_the_dial),
        cmocka_unit_test(test_a_dial_without_a_number_or_a_token_is_refused),
        cmocka_unit_test(test_the_largest_contact_fits),
        cmocka_unit_test(test_a_url_that_a_contact_makes_too_long_is_a_fault_of_the_dial),
        cmocka_unit_test(test_wherever_memory_runs_out_nothing_is_sent_or_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
