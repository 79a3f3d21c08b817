/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/row_error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_shown(const char *line, const char *json)
{
    struct row_error error;
    assert_int_equal(row_error_read(line, strlen(line), &error), 0);
    cJSON *object = row_error_json(&error);
    cJSON_DeleteItemFromObject(object, "message");
    char *text = cJSON_PrintUnformatted(object);
    assert_string_equal(text, json);
    free(text);
    cJSON_Delete(object);
}

static void test_a_line_is_shown_with_what_stood_there(void **state)
{
    (void)state;
    assert_shown(
        "3 17 INVALID_NUMBER phoneNumber 555 12 ",
        "{\"chunk\":3,\"row\":17,\"field\":\"phoneNumber\",\"value\":\"555 12 \",\"code\":\"INVALID_NUMBER\"}");
    assert_shown("0 1 DUPLICATE id \"x\"",
                 "{\"chunk\":0,\"row\":1,\"field\":\"id\",\"value\":\"\\\"x\\\"\",\"code\":\"DUPLICATE\"}");
    assert_shown("1 2 WRONG_FIELD_COUNT - ",
                 "{\"chunk\":1,\"row\":2,\"field\":null,\"value\":null,\"code\":\"WRONG_FIELD_COUNT\"}");
    assert_shown("1 2 INVALID_JSON - \xff{",
                 "{\"chunk\":1,\"row\":2,\"field\":null,\"value\":null,\"code\":\"INVALID_JSON\"}");
}

static void test_every_code_has_words_of_its_own(void **state)
{
    (void)state;
    struct row_error error;
    const char *line = "1 2 NUL_BYTE - ";
    assert_int_equal(row_error_read(line, strlen(line), &error), 0);
    cJSON *object = row_error_json(&error);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(object, "message")), "Has a NUL byte.");
    cJSON_Delete(object);
}

static void test_what_is_no_line_is_refused(void **state)
{
    static const char *const lines[] = {
        "", "1", "1 2", "1 2 CODE", "1 2 CODE field", "x 2 CODE - ", "1 y CODE - ", "1  2 CODE - "};
    struct row_error error;
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_int_equal(row_error_read(lines[i], strlen(lines[i]), &error), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_is_shown_with_what_stood_there),
        cmocka_unit_test(test_every_code_has_words_of_its_own),
        cmocka_unit_test(test_what_is_no_line_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
