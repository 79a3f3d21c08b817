/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/trunk_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/json/json.h"

#define GOOD                                                                                                           \
    "\"profile\":\"twilio\",\"credential\":\"c\",\"callerIds\":[\"+15550001111\"],\"cps\":1,"                          \
    "\"variables\":{\"account_sid\":\"AC1\",\"answer_url\":\"https://voice.example/\"}"

static cJSON *parse(const char *text)
{
    cJSON *value = NULL;
    assert_int_equal(json_parse(text, strlen(text), &value, NULL), 0);
    return value;
}

/* The paths of what is wrong with a new trunk's body, joined; to be freed. */
static char *paths_of(const char *text)
{
    struct trunk_settings none = {.profile = NULL};
    struct resource_change *change;
    struct faults faults;
    cJSON *body = parse(text);
    char *paths = calloc(1, 2048);
    assert_non_null(paths);
    assert_int_equal(resource_change_create(&change), 0);
    faults_init(&faults, 100);
    trunk_settings_read(body, true, change, &faults);
    if (faults.n == 0)
        assert_int_equal(trunk_settings_judge(&none, body, &faults), 0);
    for (size_t i = 0; i < faults.n; i++) {
        strncat(paths, faults.items[i].path, 100);
        strncat(paths, " ", 2);
    }
    faults_free(&faults);
    trunk_settings_clear(&none);
    resource_change_free(change);
    trunk_settings_delete_body(body);
    return paths;
}

static void assert_paths(const char *body, const char *expected)
{
    char *paths = paths_of(body);
    assert_string_equal(paths, expected);
    free(paths);
}

static void test_a_whole_trunk_has_no_fault(void **state)
{
    (void)state;
    assert_paths("{" GOOD "}", "");
    assert_paths("{" GOOD ",\"baseUrl\":null,\"maxConcurrent\":null,\"pollAfterMs\":100}", "");
}

static void test_every_fault_is_told_at_once_by_its_path(void **state)
{
    (void)state;
    assert_paths("{}", "profile credential callerIds cps ");
    assert_paths("{\"profile\":1,\"credential\":\"two\\nlines\",\"callerIds\":[\"5\",\"+15550001111\",7],\"cps\":0.5,"
                 "\"maxConcurrent\":0,\"pollAfterMs\":99,\"baseUrl\":\"https://u@h/\",\"variables\":{\"a b\":\"x\"}}",
                 "cps maxConcurrent pollAfterMs profile baseUrl credential variables.a b callerIds[0] callerIds[2] ");
}

static void test_a_profile_and_its_variables_must_fit(void **state)
{
    (void)state;
    assert_paths("{\"profile\":\"Retell\",\"credential\":\"c\",\"callerIds\":[\"+15550001111\"],\"cps\":1}",
                 "profile ");
    assert_paths("{\"profile\":\"twilio\",\"credential\":\"c\",\"callerIds\":[\"+15550001111\"],\"cps\":1,"
                 "\"variables\":{\"ACCOUNT_SID\":\"AC1\"}}",
                 "variables.ACCOUNT_SID variables.account_sid variables.answer_url ");
    assert_paths("{\"profile\":\"twilio\",\"credential\":\"c\",\"callerIds\":[\"+15550001111\"],\"cps\":1,"
                 "\"variables\":{\"account_sid\":\"AC1\",\"answer_url\":\"voice.example\"}}",
                 "variables.answer_url ");
    assert_paths("{\"profile\":\"retell\",\"credential\":\"c\",\"callerIds\":[\"+15550001111\"],\"cps\":1,"
                 "\"variables\":{\"account_sid\":null}}",
                 "");
}

/* Whether a body with `value` as its only member is without fault; a body with one changes nothing. */
static bool is_permitted(const char *member, cJSON *value)
{
    struct resource_change *change;
    struct faults faults;
    cJSON *body = cJSON_CreateObject();
    assert_true(cJSON_AddItemToObject(body, member, value));
    assert_int_equal(resource_change_create(&change), 0);
    faults_init(&faults, 10);
    trunk_settings_read(body, false, change, &faults);
    bool is_good = faults.n == 0;
    assert_int_equal(resource_change_is_empty(change), !is_good);
    faults_free(&faults);
    resource_change_free(change);
    cJSON_Delete(body);
    return is_good;
}

static void test_a_variable_is_a_name_and_a_text(void **state)
{
    static const char *const good[] = {"{\"sid\":\"AC1\"}", "{\"a-b_C9\":\"x=y\"}", "{\"sid\":null}",
                                       "{\"n\":\"\xC3\xA9\"}"};
    static const char *const bad[] = {
        "{\"\":\"x\"}", "{\"a.b\":\"x\"}", "{\"sid\":\"\"}", "{\"sid\":\"\\n\"}", "{\"sid\":5}", "[]", "\"x\""};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(is_permitted("variables", parse(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(is_permitted("variables", parse(bad[i])));
    char longest[65 + 1] = "";
    memset(longest, 'n', 64);
    for (size_t len = 64; len <= 65; len++) {
        longest[64] = len == 65 ? 'n' : '\0';
        cJSON *variables = cJSON_CreateObject();
        assert_non_null(cJSON_AddStringToObject(variables, longest, "x"));
        assert_int_equal(is_permitted("variables", variables), len == 64);
    }
}

static void test_a_base_url_is_a_place_and_nothing_else(void **state)
{
    static const char *const good[] = {"http://a", "https://a.example:8443/x/y", "http://[::1]:1"};
    static const char *const bad[] = {
        "",           "a",          "ftp://a",    "http://",     "http:///x",       "http://u:p@a",
        "http://a?b", "http://a#b", "http://a b", "http://a\\b", "http://\xC3\xA9", "http://a\n"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(is_permitted("baseUrl", cJSON_CreateString(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(is_permitted("baseUrl", cJSON_CreateString(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_trunk_has_no_fault),
        cmocka_unit_test(test_every_fault_is_told_at_once_by_its_path),
        cmocka_unit_test(test_a_profile_and_its_variables_must_fit),
        cmocka_unit_test(test_a_variable_is_a_name_and_a_text),
        cmocka_unit_test(test_a_base_url_is_a_place_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
