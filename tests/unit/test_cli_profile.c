/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/profile.h"

#include "common/json/json.h"
#include "producer/cli/trunk_settings.h"
#include "tests/support/provider_fixture.h"

static cJSON *parse(const char *text)
{
    cJSON *value = NULL;
    assert_int_equal(json_parse(text, strlen(text), &value, NULL), 0);
    return value;
}

static void test_the_built_in_profiles_are_found_by_name(void **state)
{
    static const char *const names[] = {"retell", "twilio"};
    struct provider_profile *profile;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(profile_load(names[i], &profile), 0);
        assert_string_equal(provider_profile_name(profile), names[i]);
        provider_profile_free(profile);
    }
    assert_int_equal(profile_load("", &profile), ERR_NOT_FOUND);
    assert_int_equal(profile_load("Retell", &profile), ERR_NOT_FOUND);
}

static void test_a_profiles_variables_are_held_against_a_trunks(void **state)
{
    (void)state;
    struct provider_profile *profile = fixture_form();
    cJSON *enough = parse("{\"account_sid\":\"1\",\"answer_url\":\"x\",\"of_another_profile\":\"y\"}");
    cJSON *lacking = parse("{\"account_sid\":\"1\",\"region\":\"eu\"}");
    assert_true(profile_has_variable(profile, "account_sid"));
    assert_true(profile_has_variable(profile, "region"));
    assert_false(profile_has_variable(profile, "ACCOUNT_SID"));
    assert_true(profile_is_satisfied(profile, enough));
    assert_false(profile_is_satisfied(profile, lacking));
    assert_false(profile_is_satisfied(profile, NULL));
    provider_profile_free(profile);
    profile = fixture_retell();
    assert_false(profile_has_variable(profile, "account_sid"));
    assert_true(profile_is_satisfied(profile, NULL));
    provider_profile_free(profile);
    cJSON_Delete(enough);
    cJSON_Delete(lacking);
}

static void test_a_variable_is_a_name_and_a_text(void **state)
{
    static const char *const good[] = {"sid=AC1", "a-b_C9=x=y", "sid=", "n=\xC3\xA9"};
    static const char *const bad[] = {"sid", "=x", "a b=c", "a.b=c", "n=\n", "n=\x7F", "n=\xFF", ""};
    const char *why;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(trunk_check_variable(good[i], &why), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(trunk_check_variable(bad[i], &why), ERR_INVALID);
    struct trunk_variable variable = trunk_variable_of("a-b=x=y");
    assert_string_equal(variable.field, "var:a-b");
    assert_string_equal(variable.value, "x=y");
    char longest[TRUNK_VARIABLE_NAME_MOST + 3];
    memset(longest, 'n', sizeof longest);
    longest[TRUNK_VARIABLE_NAME_MOST] = '=';
    longest[TRUNK_VARIABLE_NAME_MOST + 1] = '\0';
    assert_int_equal(trunk_check_variable(longest, &why), 0);
    assert_int_equal(strlen(trunk_variable_of(longest).field), strlen("var:") + TRUNK_VARIABLE_NAME_MOST);
    longest[TRUNK_VARIABLE_NAME_MOST] = 'n';
    longest[TRUNK_VARIABLE_NAME_MOST + 1] = '=';
    longest[TRUNK_VARIABLE_NAME_MOST + 2] = '\0';
    assert_int_equal(trunk_check_variable(longest, &why), ERR_INVALID);
}

static void test_a_base_url_is_a_place_and_nothing_else(void **state)
{
    static const char *const good[] = {"", "http://a", "https://a.example:8443/x/y", "http://[::1]:1"};
    static const char *const bad[] = {"a",          "ftp://a",    "http://",    "http:///x",   "http://u:p@a",
                                      "http://a?b", "http://a#b", "http://a b", "http://a\\b", "http://\xC3\xA9",
                                      "http://a\n"};
    const char *why;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(trunk_check_base_url(good[i], &why), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(trunk_check_base_url(bad[i], &why), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_built_in_profiles_are_found_by_name),
        cmocka_unit_test(test_a_profiles_variables_are_held_against_a_trunks),
        cmocka_unit_test(test_a_variable_is_a_name_and_a_text),
        cmocka_unit_test(test_a_base_url_is_a_place_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
