/* SPDX-License-Identifier: Apache-2.0
 *
 * Profiles are checked when they are loaded: every fault, by its path. Each case changes one thing in a profile that
 * is right.
 */
#include "tests/support/provider_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "profiles.h"

/* ---- a profile with one piece of its text replaced ---- */

struct lint_case {
    const char *from; /* NULL: `to` is the whole profile */
    const char *to;
    const char *path; /* of the only fault */
    const char *code;
};

static char *replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    if (at == NULL || strstr(at + 1, from) != NULL)
        fail_msg("%s is not there exactly once", from);
    size_t cap = strlen(text) + strlen(to) + 1;
    char *result = malloc(cap);
    assert_non_null(result);
    snprintf(result, cap, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return result;
}

static void print_faults(const struct faults *faults)
{
    for (size_t i = 0; i < faults->n; i++)
        print_error("  %s: %s %s\n", faults->items[i].path, faults->items[i].code, faults->items[i].message);
}

static void run_cases(const char *text, const struct lint_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *changed = cases[i].from ? replaced(text, cases[i].from, cases[i].to) : strdup(cases[i].to);
        struct provider_profile *profile = NULL;
        struct faults faults;
        faults_init(&faults, LIMIT_FAULTS);
        int rc = provider_profile_load(changed, strlen(changed), &faults, &profile);
        bool is_expected = rc == ERR_INVALID && faults_count(&faults) == 1 && profile == NULL &&
                           strcmp(faults.items[0].path, cases[i].path) == 0 &&
                           strcmp(faults.items[0].code, cases[i].code) == 0 && faults.items[0].message[0] != '\0';
        if (!is_expected) {
            print_faults(&faults);
            fail_msg("%s: %s, not one fault %s %s", cases[i].to, err_name(rc), cases[i].path, cases[i].code);
        }
        faults_free(&faults);
        free(changed);
    }
}

static const char *retell_text(void)
{
    for (const struct profile_source *source = profile_sources; source->name != NULL; source++) {
        if (strcmp(source->name, "retell") == 0)
            return source->json;
    }
    fail();
    return NULL;
}

static void test_every_builtin_profile_is_right_and_named_as_its_file(void **state)
{
    (void)state;
    size_t n = 0;
    for (const char *name; (name = provider_profile_builtin_name(n)) != NULL; n++) {
        struct provider_profile *profile = NULL;
        assert_int_equal(provider_profile_builtin(name, &profile), 0);
        assert_string_equal(provider_profile_name(profile), name);
        provider_profile_free(profile);
    }
    assert_true(n >= 1);
    struct provider_profile *profile = NULL;
    assert_int_equal(provider_profile_builtin("nobody", &profile), ERR_NOT_FOUND);
    provider_profile_free(NULL);
}

static void test_what_the_profiles_can(void **state)
{
    (void)state;
    struct provider_profile *retell = fixture_retell();
    assert_true(provider_profile_can_poll(retell));
    assert_true(provider_profile_can_lookup(retell));
    assert_true(provider_profile_can_cancel(retell));
    assert_true(provider_profile_can_hang_up(retell));
    assert_true(provider_profile_can_summarise(retell));
    assert_int_equal(provider_profile_dedup_window_ms(retell), 0);
    struct provider_profile *form = fixture_form();
    assert_false(provider_profile_can_poll(form));
    assert_true(provider_profile_can_lookup(form));
    assert_false(provider_profile_can_cancel(form));
    assert_false(provider_profile_can_hang_up(form));
    assert_false(provider_profile_can_summarise(form));
    assert_int_equal(provider_profile_dedup_window_ms(form), 60000);
    provider_profile_free(retell);
    provider_profile_free(form);
}

static void test_faults_of_the_whole(void **state)
{
    (void)state;
    static const struct lint_case cases[] = {
        {NULL, "", "", FAULT_SYNTAX},
        {NULL, "{", "", FAULT_SYNTAX},
        {NULL, "[]", "", FAULT_TYPE},
        {NULL, "{\"format\": 1, \"format\": 1}", "format", FAULT_SYNTAX},
        {"\"format\": 1", "\"format\": 2", "format", FAULT_RANGE},
        {"\"format\": 1,", "", "format", FAULT_REQUIRED},
        {"\"format\": 1", "\"format\": \"1\"", "format", FAULT_RANGE},
        {"\"format\": 1,", "\"format\": 1, \"formats\": 1,", "formats", FAULT_UNKNOWN_FIELD},
        {"\"name\": \"retell\",", "", "name", FAULT_REQUIRED},
        {"\"name\": \"retell\"", "\"name\": \"re/tell\"", "name", FAULT_CHARACTERS},
        {"\"name\": \"retell\"", "\"name\": 7", "name", FAULT_TYPE},
        {"\"name\": \"retell\"", "\"name\": \"\"", "name", FAULT_TYPE},
        {"\"https://api.retellai.com\"", "\"http://api.retellai.com\"", "base_url", FAULT_URL},
        {"\"ring_timeout_s\": [5, 300]", "\"ring_timeout_s\": [300, 5]", "limits.ring_timeout_s", FAULT_RANGE},
        {"\"ring_timeout_s\": [5, 300]", "\"ring_timeout_s\": [0, 300]", "limits.ring_timeout_s", FAULT_RANGE},
        {"\"ring_timeout_s\": [5, 300]", "\"ring_timeout_s\": [5]", "limits.ring_timeout_s", FAULT_RANGE},
        {"\"ring_timeout_s\": [5, 300]", "\"ring_timeout_s\": [5.5, 300]", "limits.ring_timeout_s", FAULT_RANGE},
        {"\"ring_timeout_s\": [5, 300]", "\"ring_s\": [5, 300]", "limits.ring_s", FAULT_UNKNOWN_FIELD},
        {"{\"kind\": \"bearer\"}", "{\"kind\": \"oauth\"}", "auth.kind", FAULT_RANGE},
        {"{\"kind\": \"bearer\"}", "{}", "auth.kind", FAULT_REQUIRED},
        {"{\"kind\": \"bearer\"}", "{\"kind\": \"header\"}", "auth.header", FAULT_REQUIRED},
        {"{\"kind\": \"bearer\"}", "{\"kind\": \"header\", \"header\": \"a b\"}", "auth.header", FAULT_CHARACTERS},
        {"{\"kind\": \"bearer\"}", "{\"kind\": \"basic\"}", "auth.user", FAULT_REQUIRED},
        {"{\"kind\": \"bearer\"}", "{\"kind\": \"basic\", \"user\": \"{{contact.name}}\"}", "auth.user",
         FAULT_NOT_ALLOWED},
        {"{\"kind\": \"bearer\"}", "{\"kind\": \"bearer\", \"header\": \"X-Key\"}", "auth", FAULT_NOT_ALLOWED},
        {"\"auth\": {\"kind\": \"bearer\"},", "", "auth", FAULT_REQUIRED},
    };
    run_cases(retell_text(), cases, sizeof cases / sizeof cases[0]);
}

static void test_faults_of_requests(void **state)
{
    (void)state;
    static const struct lint_case cases[] = {
        {"\"path\": \"/v2/create-phone-call\"", "\"path\": \"v2/create-phone-call\"", "start.request.path", FAULT_URL},
        {"\"path\": \"/v2/create-phone-call\"", "\"path\": \"/v2?x=1\"", "start.request.path", FAULT_URL},
        {"\"path\": \"/v2/create-phone-call\"", "\"path\": \"/v2/\xc3\xa9\"", "start.request.path", FAULT_CHARACTERS},
        {"\"path\": \"/v2/create-phone-call\",", "", "start.request.path", FAULT_REQUIRED},
        {"\"path\": \"/v2/create-phone-call\"", "\"path\": \"/v2/{{provider_id}}\"", "start.request.path",
         FAULT_NOT_ALLOWED},
        {"\"path\": \"/v2/create-phone-call\"", "\"path\": \"/v2/{{contact.metadata}}\"", "start.request.path",
         FAULT_NOT_ALLOWED},
        {"\"path\": \"/v2/create-phone-call\",", "\"path\": \"/v2/x\", \"headers\": {\"X-A\": \"{{contact.name}}\"},",
         "start.request.headers.X-A", FAULT_NOT_ALLOWED},
        {"\"path\": \"/v2/create-phone-call\",", "\"path\": \"/v2/x\", \"headers\": {\"X-A\": \"{{agent_id}}\"},",
         "start.request.headers.X-A", FAULT_NOT_ALLOWED},
        {"\"path\": \"/v2/create-phone-call\",", "\"path\": \"/v2/x\", \"headers\": {\"X A\": \"b\"},",
         "start.request.headers.X A", FAULT_CHARACTERS},
        {"\"path\": \"/v2/create-phone-call\",", "\"path\": \"/v2/x\", \"query\": {\"q\": 1},", "start.request.query.q",
         FAULT_TYPE},
        {"\"path\": \"/v2/create-phone-call\",", "\"path\": \"/v2/x\", \"query\": {\"q\": [\"a\"]},",
         "start.request.query.q", FAULT_TYPE},
        {"\"path\": \"/v2/create-phone-call\",", "\"path\": \"/v2/x\", \"form\": {\"a\": \"b\"},", "start.request",
         FAULT_NOT_ALLOWED},
        {"\"path\": \"/v2/create-phone-call\",", "\"path\": \"/v2/x\", \"body\": {},", "start.request.body",
         FAULT_UNKNOWN_FIELD},
        {"{\"method\": \"GET\", \"path\": \"/v2/get-call/{{provider_id}}\"}",
         "{\"method\": \"TRACE\", \"path\": \"/v2/get-call/{{provider_id}}\"}", "poll.request.method", FAULT_RANGE},
        {"/v2/get-call/{{provider_id}}", "/v2/get-call/{{token}}", "poll.request.path", FAULT_NOT_ALLOWED},
        {"\"from_number\": \"{{from}}\"", "\"from_number\": \"{{form}}\"", "start.request.json.from_number",
         FAULT_NOT_ALLOWED},
        {"\"from_number\": \"{{from}}\"", "\"from_number\": \"{{from\"", "start.request.json.from_number",
         FAULT_NOT_ALLOWED},
        {"\"from_number\": \"{{from}}\"", "\"from_number\": \"from}}\"", "start.request.json.from_number",
         FAULT_NOT_ALLOWED},
        {"\"from_number\": \"{{from}}\"", "\"from_number\": \"{{ from }}\"", "start.request.json.from_number",
         FAULT_NOT_ALLOWED},
        {"\"from_number\": \"{{from}}\"", "\"from_number\": \"{{trunk.caller}}\"", "start.request.json.from_number",
         FAULT_NOT_ALLOWED},
        {"\"from_number\": \"{{from}}\"", "\"from_number\": \"x{{contact.metadata}}\"",
         "start.request.json.from_number", FAULT_NOT_ALLOWED},
        {"\"from_number\": \"{{from}}\"", "\"from_number\": [1, {\"a\": \"{{nothing}}\"}]",
         "start.request.json.from_number[1].a", FAULT_NOT_ALLOWED},
        {"\"from_number\": \"{{from}}\"", "\"from_number\": {\"$number\": \"{{from}}\"}",
         "start.request.json.from_number.$number", FAULT_UNKNOWN_FIELD},
        {"\"$strings\": {", "\"other\": 1, \"$strings\": {", "start.request.json.retell_llm_dynamic_variables.$strings",
         FAULT_UNKNOWN_FIELD},
        {"\"from\": \"{{contact.metadata}}\"", "\"from\": \"{{contact.name}}\"",
         "start.request.json.retell_llm_dynamic_variables.$strings.from", FAULT_NOT_ALLOWED},
        {"\"from\": \"{{contact.metadata}}\",", "", "start.request.json.retell_llm_dynamic_variables.$strings.from",
         FAULT_REQUIRED},
        {"\"name\": \"{{contact.name}}\"", "\"name\": \"{{contact.metadata}}\"",
         "start.request.json.retell_llm_dynamic_variables.$strings.set.name", FAULT_NOT_ALLOWED},
    };
    run_cases(retell_text(), cases, sizeof cases / sizeof cases[0]);
}

static void test_faults_of_meanings(void **state)
{
    (void)state;
    static const struct lint_case cases[] = {
        {"\"dial_busy\": \"BUSY\"", "\"dial_busy\": \"ENGAGED\"", "call.outcomes[1].map.dial_busy", FAULT_RANGE},
        {"\"dial_busy\": \"BUSY\"", "\"dial_busy\": \"EXPIRED\"", "call.outcomes[1].map.dial_busy", FAULT_RANGE},
        {"\"dial_busy\": \"BUSY\"", "\"dial_busy\": \"NOT_SENT\"", "call.outcomes[1].map.dial_busy", FAULT_RANGE},
        {"\"dial_busy\": \"BUSY\"", "\"dial_busy\": 17", "call.outcomes[1].map.dial_busy", FAULT_RANGE},
        {"\"map\": {\"true\": \"VOICEMAIL\"}", "\"map\": {}", "call.outcomes[0].map", FAULT_REQUIRED},
        {"\"outcome_default\": \"UNKNOWN\"", "\"outcome_default\": \"unknown\"", "call.outcome_default", FAULT_RANGE},
        {"\"outcome_default\": \"UNKNOWN\",", "", "call.outcome_default", FAULT_REQUIRED},
        {"\"registered\": \"ringing\"", "\"registered\": \"dialing\"", "call.state.map.registered", FAULT_RANGE},
        {"{\"pointer\": \"/duration_ms\", \"unit\": \"ms\"}", "{\"pointer\": \"/duration_ms\", \"unit\": \"min\"}",
         "call.duration.unit", FAULT_RANGE},
        {"{\"pointer\": \"/duration_ms\", \"unit\": \"ms\"}", "{\"pointer\": \"/duration_ms\", \"unit\": \"rfc3339\"}",
         "call.duration", FAULT_RANGE},
        {"{\"pointer\": \"/duration_ms\", \"unit\": \"ms\"}", "{\"unit\": \"ms\"}", "call.duration.pointer",
         FAULT_REQUIRED},
        {"\"reason\": \"/disconnection_reason\"", "\"reason\": \"disconnection_reason\"", "call.reason", FAULT_TYPE},
        {"\"reason\": \"/disconnection_reason\"", "\"reason\": \"/a~2b\"", "call.reason", FAULT_TYPE},
        {"{\"status\": \"429\", \"means\": \"THROTTLED\"}", "{\"status\": \"429\", \"means\": \"ACCEPTED\"}",
         "start.verdicts[0].means", FAULT_RANGE},
        {"{\"status\": \"429\", \"means\": \"THROTTLED\"}", "{\"status\": \"429\", \"means\": \"COMPLETED\"}",
         "start.verdicts[0].means", FAULT_RANGE},
        {"{\"status\": \"429\", \"means\": \"THROTTLED\"}", "{\"status\": \"429\", \"means\": \"NOT_SENT\"}",
         "start.verdicts[0].means", FAULT_RANGE},
        {"{\"status\": \"429\", \"means\": \"THROTTLED\"}", "{\"status\": \"429\"}", "start.verdicts[0]",
         FAULT_REQUIRED},
        {"{\"status\": \"429\", \"means\": \"THROTTLED\"}",
         "{\"status\": \"429\", \"means\": \"THROTTLED\", \"pointer\": \"/x\", \"map\": {\"a\": \"REJECTED\"}}",
         "start.verdicts[0]", FAULT_REQUIRED},
        {"{\"status\": \"429\", \"means\": \"THROTTLED\"}", "{\"status\": \"429\", \"pointer\": \"/x\"}",
         "start.verdicts[0].map", FAULT_REQUIRED},
        {"{\"status\": \"429\", \"means\": \"THROTTLED\"}", "{\"status\": \"too many\", \"means\": \"THROTTLED\"}",
         "start.verdicts[0].status", FAULT_RANGE},
        {"{\"status\": \"429\", \"means\": \"THROTTLED\"}", "429", "start.verdicts[0]", FAULT_TYPE},
        {"\"absent\": [\"404\", \"422\"]", "\"absent\": [\"500\", \"422\"]", "poll.absent", FAULT_RANGE},
        {"\"absent\": [\"404\", \"422\"]", "\"absent\": \"404\"", "poll.absent", FAULT_TYPE},
        {"\"match\": {\"/metadata/carillon_token\": \"{{token}}\"},", "", "lookup.match", FAULT_REQUIRED},
        {"\"match\": {\"/metadata/carillon_token\": \"{{token}}\"}", "\"match\": {}", "lookup.match", FAULT_REQUIRED},
        {"\"match\": {\"/metadata/carillon_token\": \"{{token}}\"}", "\"match\": {\"token\": \"{{token}}\"}",
         "lookup.match.token", FAULT_TYPE},
        {"\"match\": {\"/metadata/carillon_token\": \"{{token}}\"}",
         "\"match\": {\"/t\": \"{{token}}{{provider_id}}\"}", "lookup.match./t", FAULT_NOT_ALLOWED},
        {"\"exact\": true", "\"exact\": \"yes\"", "lookup.exact", FAULT_TYPE},
        {"\"kind\": \"retell\"", "\"kind\": \"md5\"", "callback.signature.kind", FAULT_RANGE},
        {"{\"kind\": \"retell\", \"header\": \"x-retell-signature\"}", "{\"kind\": \"retell\"}",
         "callback.signature.header", FAULT_REQUIRED},
        {"\"exact\": true", "\"page\": 1001", "lookup.page", FAULT_RANGE},
        {"\"body\": \"json\"", "\"body\": \"xml\"", "callback.body", FAULT_RANGE},
        {"\"token\": \"/metadata/carillon_token\",", "", "callback.token", FAULT_REQUIRED},
        {"\"call_started\": \"ongoing\"", "\"call_started\": \"begun\"", "callback.event.map.call_started",
         FAULT_RANGE},
    };
    run_cases(retell_text(), cases, sizeof cases / sizeof cases[0]);
}

static void test_faults_of_variables(void **state)
{
    (void)state;
    static const struct lint_case cases[] = {
        {"\"region\": {\"about\": \"optional\"}", "\"re.gion\": {\"about\": \"optional\"}", "variables.re.gion",
         FAULT_CHARACTERS},
        {"\"region\": {\"about\": \"optional\"}", "\"region\": {}", "variables.region.about", FAULT_REQUIRED},
        {"\"region\": {\"about\": \"optional\"}", "\"region\": \"optional\"", "variables.region", FAULT_TYPE},
        {"\"region\": {\"about\": \"optional\"}", "\"region\": {\"about\": \"x\", \"values\": \"eu\"}",
         "variables.region.values", FAULT_TYPE},
        {"\"region\": {\"about\": \"optional\"}", "\"region\": {\"about\": \"x\", \"values\": [\"eu\", 7]}",
         "variables.region.values[1]", FAULT_TYPE},
        {"\"region\": {\"about\": \"optional\"}", "\"region\": {\"about\": \"x\", \"default\": \"y\"}",
         "variables.region.default", FAULT_UNKNOWN_FIELD},
        {"\"required\": true, \"about\": \"the account\"", "\"required\": 1, \"about\": \"the account\"",
         "variables.account_sid.required", FAULT_TYPE},
        {"\"window_ms\": [-2000, 60000]", "\"window_ms\": [60000, -2000]", "lookup.window_ms", FAULT_RANGE},
        {", \"window_ms\": [-2000, 60000]", "", "lookup.window_ms", FAULT_REQUIRED},
        {"\"window_ms\": [-2000, 60000]", "\"window_ms\": [0, 0]", "lookup.window_ms", FAULT_REQUIRED},
        {"\"created\": {\"pointer\": \"/created\", \"unit\": \"s\"}, ", "", "lookup.window_ms", FAULT_REQUIRED},
        {"[\"ringing\", \"completed\"]", "[\"ringing\", 7]", "start.request.form.StatusCallbackEvent[1]", FAULT_TYPE},
        {"\"dedup_window_ms\": 60000", "\"dedup_window_ms\": -1", "start.dedup_window_ms", FAULT_RANGE},
        {"\"dedup_window_ms\": 60000", "\"queue\": {\"pointer\": \"/q\", \"unit\": \"rfc2822\"}", "start.queue",
         FAULT_RANGE},
        {"\"Url\": \"{{trunk.answer_url}}\"", "\"Url\": {\"$url\": {\"query\": {\"a\": \"{{to}}\"}}}",
         "start.request.form.Url.$url.base", FAULT_REQUIRED},
        {"\"Url\": \"{{trunk.answer_url}}\"", "\"Url\": {\"$url\": {\"base\": \"{{trunk.nothing}}\"}}",
         "start.request.form.Url.$url.base", FAULT_NOT_ALLOWED},
        {"\"Url\": \"{{trunk.answer_url}}\"",
         "\"Url\": {\"$url\": {\"base\": \"x\", \"query\": {\"a\": \"{{contact.metadata}}\"}}}",
         "start.request.form.Url.$url.query.a", FAULT_NOT_ALLOWED},
        {"\"Url\": \"{{trunk.answer_url}}\"", "\"Url\": {\"$url\": \"x\"}", "start.request.form.Url.$url", FAULT_TYPE},
        {"\"Url\": \"{{trunk.answer_url}}\"", "\"Url\": {\"$url\": {\"base\": \"x\"}, \"b\": \"y\"}",
         "start.request.form.Url", FAULT_TYPE},
        {"\"reason\": \"/CallStatus\"", "\"reason\": []", "call.reason", FAULT_TYPE},
        {"\"reason\": \"/CallStatus\"", "\"reason\": [\"/CallStatus\", \"x\"]", "call.reason", FAULT_TYPE},
        {"\"token\": \"path\","
         "   \"signature\": {\"kind\": \"retell\", \"header\": \"x-formtel-signature\"}",
         "\"token\": \"call\"", "callback.signature", FAULT_REQUIRED},
        {"\"header\": \"x-formtel-signature\"", "\"header\": \"x-formtel-signature\", \"suffixes\": [7]",
         "callback.signature.suffixes", FAULT_TYPE},
    };
    run_cases(form_profile_json, cases, sizeof cases / sizeof cases[0]);
}

static void test_all_faults_are_told_at_once(void **state)
{
    (void)state;
    static const char profile_json[] =
        "{\"format\": 1, \"name\": \"x y\", \"abuot\": \"\", \"auth\": {\"kind\": \"none\"},"
        "\"start\": {\"id\": \"x\"}, \"call\": []}";
    static const char *const paths[] = {"abuot",    "name",           "about", "start.request",
                                        "start.id", "start.verdicts", "call",  ""};
    struct provider_profile *profile = NULL;
    struct faults faults;
    faults_init(&faults, LIMIT_FAULTS);
    assert_int_equal(provider_profile_load(profile_json, sizeof profile_json - 1, &faults, &profile), ERR_INVALID);
    if (faults_count(&faults) != sizeof paths / sizeof paths[0])
        print_faults(&faults);
    assert_int_equal(faults_count(&faults), sizeof paths / sizeof paths[0]);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_string_equal(faults.items[i].path, paths[i]);
    faults_free(&faults);
    assert_int_equal(provider_profile_load(profile_json, sizeof profile_json - 1, NULL, &profile), ERR_INVALID);
}

static void test_a_profile_that_could_never_end_a_call_is_refused(void **state)
{
    (void)state;
    static const char profile_json[] =
        "{\"format\": 1, \"name\": \"x\", \"about\": \"x\", \"auth\": {\"kind\": \"none\"},"
        "\"start\": {\"request\": {\"method\": \"POST\", \"path\": \"/x\"}, \"id\": \"/id\", \"verdicts\": []},"
        "\"call\": {\"id\": \"/id\", \"state\": {\"pointer\": \"/s\", \"map\": {\"*\": \"ended\"}},"
        "\"outcomes\": [{\"pointer\": \"/s\", \"map\": {\"*\": \"COMPLETED\"}}], \"outcome_default\": \"FAILED\"}}";
    static const struct lint_case cases[] = {{NULL, profile_json, "", FAULT_REQUIRED}};
    run_cases(profile_json, cases, 1);
}

static void test_a_profile_has_a_bound(void **state)
{
    (void)state;
    char *text = malloc(LIMIT_PROFILE_BYTES + 1);
    assert_non_null(text);
    memset(text, ' ', LIMIT_PROFILE_BYTES + 1);
    struct provider_profile *profile = NULL;
    assert_int_equal(provider_profile_load(text, LIMIT_PROFILE_BYTES + 1, NULL, &profile), ERR_TOO_LARGE);
    free(text);

    struct faults faults;
    char rules[LIMIT_PROFILE_RULES * 48 + 128] = "{\"status\": \"429\", \"means\": \"THROTTLED\"}";
    for (int i = 0; i < LIMIT_PROFILE_RULES; i++)
        strncat(rules, ", {\"status\": \"400\", \"means\": \"REJECTED\"}", sizeof rules - strlen(rules) - 1);
    char *many = replaced(retell_text(), "{\"status\": \"429\", \"means\": \"THROTTLED\"}", rules);
    faults_init(&faults, LIMIT_FAULTS);
    assert_int_equal(provider_profile_load(many, strlen(many), &faults, &profile), ERR_INVALID);
    assert_int_equal(faults_count(&faults), 1);
    assert_string_equal(faults.items[0].path, "start.verdicts");
    faults_free(&faults);
    free(many);
}

static void test_a_trunk_must_have_what_its_profile_asks(void **state)
{
    (void)state;
    struct provider_profile *form = fixture_form();
    struct faults faults;
    assert_int_equal(provider_profile_check_trunk(form, form_variables, 2, NULL), 0);

    static const struct provider_variable wrong[] = {{"account_sid", ""}, {"answer_urls", "x"}};
    faults_init(&faults, LIMIT_FAULTS);
    assert_int_equal(provider_profile_check_trunk(form, wrong, 2, &faults), ERR_INVALID);
    assert_int_equal(faults_count(&faults), 3);
    assert_string_equal(faults.items[0].path, "variables.account_sid");
    assert_string_equal(faults.items[1].path, "variables.answer_url");
    assert_string_equal(faults.items[2].path, "variables.answer_urls");
    faults_free(&faults);

    struct provider_profile *retell = fixture_retell();
    assert_int_equal(provider_profile_check_trunk(retell, NULL, 0, NULL), 0);
    assert_int_equal(provider_profile_check_trunk(retell, wrong, 1, NULL), ERR_INVALID);
    provider_profile_free(form);
    provider_profile_free(retell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_builtin_profile_is_right_and_named_as_its_file),
        cmocka_unit_test(test_what_the_profiles_can),
        cmocka_unit_test(test_faults_of_the_whole),
        cmocka_unit_test(test_faults_of_requests),
        cmocka_unit_test(test_faults_of_meanings),
        cmocka_unit_test(test_faults_of_variables),
        cmocka_unit_test(test_all_faults_are_told_at_once),
        cmocka_unit_test(test_a_profile_that_could_never_end_a_call_is_refused),
        cmocka_unit_test(test_a_profile_has_a_bound),
        cmocka_unit_test(test_a_trunk_must_have_what_its_profile_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
