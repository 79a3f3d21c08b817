/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/base/utf8.h"

static char captured[4 * LIMIT_LOG_LINE_BYTES];
static int saved_stderr = -1;
static FILE *capture_file;

static void capture_begin(void)
{
    capture_file = tmpfile();
    assert_non_null(capture_file);
    saved_stderr = dup(STDERR_FILENO);
    assert_true(dup2(fileno(capture_file), STDERR_FILENO) >= 0);
}

/* What was written since, as a string. */
static const char *capture_end(void)
{
    assert_true(dup2(saved_stderr, STDERR_FILENO) >= 0);
    close(saved_stderr);
    ssize_t n = pread(fileno(capture_file), captured, sizeof captured - 1, 0);
    fclose(capture_file);
    assert_true(n >= 0);
    captured[n] = '\0';
    return captured;
}

/* One whole line that is a JSON object, parsed. */
static cJSON *only_json_line(const char *text)
{
    const char *newline = strchr(text, '\n');
    assert_non_null(newline);
    assert_string_equal(newline, "\n");
    assert_true(utf8_is_valid(text, strlen(text)));
    cJSON *object = cJSON_ParseWithLength(text, (size_t)(newline - text));
    assert_true(cJSON_IsObject(object));
    return object;
}

static const char *member(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    assert_non_null(text);
    return text;
}

static void test_a_line_is_one_json_object_with_every_field(void **state)
{
    (void)state;
    log_configure("carillon-test", LOG_INFO, LOG_FORMAT_JSON);
    capture_begin();
    log_info("call.begun", log_str("batch", "b1"), log_strn("part", "abcdef", 3), log_i64("dial", -7),
             log_bool("ok", true), log_str("nil", NULL), log_err(ERR_TIMEOUT));
    cJSON *o = only_json_line(capture_end());
    assert_string_equal(member(o, "level"), "info");
    assert_string_equal(member(o, "process"), "carillon-test");
    assert_string_equal(member(o, "event"), "call.begun");
    assert_int_equal(strlen(member(o, "time")), 24);
    assert_string_equal(member(o, "batch"), "b1");
    assert_string_equal(member(o, "part"), "abc");
    assert_int_equal(cJSON_GetObjectItem(o, "dial")->valueint, -7);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(o, "ok")));
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(o, "nil")));
    assert_string_equal(member(o, "error"), "ERR_TIMEOUT");
    assert_null(cJSON_GetObjectItem(o, "truncated"));
    cJSON_Delete(o);
}

static void test_untrusted_text_cannot_break_out_of_its_field(void **state)
{
    (void)state;
    log_configure("carillon-test", LOG_INFO, LOG_FORMAT_JSON);
    capture_begin();
    log_info("x", log_str("s", "a\"b\\c\nd\x01\x7f\te\xff\xc3"));
    cJSON *o = only_json_line(capture_end());
    assert_string_equal(member(o, "s"), "a\"b\\c\nd\x01\x7f\te\xEF\xBF\xBD\xEF\xBF\xBD");
    cJSON_Delete(o);
}

static void test_no_byte_of_a_line_commands_a_terminal(void **state)
{
    (void)state;
    for (int format = LOG_FORMAT_JSON; format <= LOG_FORMAT_TEXT; format++) {
        log_configure("carillon-test", LOG_INFO, (enum log_format)format);
        capture_begin();
        log_info("x", log_str("s", "a\x1b[2J\xc2\x9b"
                                   "2J\xc2\x80\xc2\xa0\x7f"));
        const char *line = capture_end();
        assert_non_null(strstr(line, "a\\u001b[2J\\u009b2J\\u0080\xc2\xa0\\u007f"));
    }
}

static void test_a_long_line_is_cut_and_says_so(void **state)
{
    static const char *const fillers[] = {"x", "\"", "\x01", "\xC3\xA9", "\xff", "\xF0\x9F\x98\x80"};
    static char text[3 * LIMIT_LOG_LINE_BYTES + 1];
    (void)state;
    log_configure("carillon-test", LOG_INFO, LOG_FORMAT_JSON);
    for (size_t f = 0; f < sizeof fillers / sizeof fillers[0]; f++) {
        for (size_t shift = 0; shift < 8; shift++) {
            memset(text, 'a', shift);
            for (size_t at = shift; at + 4 < sizeof text; at += strlen(fillers[f]))
                memcpy(text + at, fillers[f], strlen(fillers[f]) + 1);
            capture_begin();
            log_info("x", log_str("s", text), log_str("after", "yes"));
            const char *line = capture_end();
            assert_in_range(strlen(line), LIMIT_LOG_LINE_BYTES / 2, LIMIT_LOG_LINE_BYTES);
            cJSON *o = only_json_line(line);
            assert_true(cJSON_IsTrue(cJSON_GetObjectItem(o, "truncated")));
            cJSON_Delete(o);
        }
    }
}

static void test_too_many_fields_are_cut_between_fields(void **state)
{
    struct log_field fields[300];
    (void)state;
    log_configure("carillon-test", LOG_INFO, LOG_FORMAT_JSON);
    for (size_t i = 0; i < 300; i++)
        fields[i] = log_i64("a_number", INT64_MIN);
    capture_begin();
    log_write(LOG_INFO, "x", fields, 300);
    const char *line = capture_end();
    assert_true(strlen(line) <= LIMIT_LOG_LINE_BYTES);
    cJSON *o = only_json_line(line);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(o, "truncated")));
    cJSON_Delete(o);
}

static void test_what_others_say_is_written_without_the_numbers_in_it(void **state)
{
    static const struct {
        const char *said;
        const char *want;
    } cases[] = {
        {"The 'To' number +15550001111 is not valid.", "The 'To' number +*********11 is not valid."},
        {"15550001111", "*********11"},
        {"+1 (555) 000-1111, 1.555.000.1112", "+* (***) ***-**11, *.***.***.**12"},
        {"error 21211 of call 0123456", "error 21211 of call *****56"},
        {"HTTP 503", "HTTP 503"},
        {"12 34 56", "12 34 56"},
        {"1   555   000", "1   555   000"},
        {"+1234567890", "+********90"},
        {"", ""},
    };
    static char text[3000];
    (void)state;
    log_configure("carillon-test", LOG_INFO, LOG_FORMAT_JSON);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        capture_begin();
        log_info("x", log_said("reason", cases[i].said), log_said("none", NULL));
        cJSON *o = only_json_line(capture_end());
        assert_string_equal(member(o, "reason"), cases[i].want);
        assert_true(cJSON_IsNull(cJSON_GetObjectItem(o, "none")));
        cJSON_Delete(o);
    }
    memset(text, '7', sizeof text - 1);
    capture_begin();
    log_info("x", log_said("reason", text));
    assert_null(strstr(capture_end(), "777"));
}

static void test_text_for_people_quotes_what_is_not_plain(void **state)
{
    (void)state;
    log_configure("carillon-test", LOG_INFO, LOG_FORMAT_TEXT);
    capture_begin();
    log_warn("redis.down", log_str("why", "unreachable"), log_str("detail", "no such\nhost"), log_str("empty", ""),
             log_i64("retry_ms", 250));
    const char *line = capture_end();
    assert_string_equal(line + 24, " warn  carillon-test redis.down why=unreachable detail=\"no such\\u000ahost\" "
                                   "empty=\"\" retry_ms=250\n");
}

static void test_only_the_levels_asked_for_are_written(void **state)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    (void)state;
    for (int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
        assert_int_equal(log_level_parse(names[level]), level);
        log_configure("carillon-test", (enum log_level)level, LOG_FORMAT_TEXT);
        capture_begin();
        log_error("e", log_i64("n", 0));
        log_warn("w", log_i64("n", 1));
        log_info("i", log_i64("n", 2));
        log_debug("d", log_i64("n", 3));
        int lines = 0;
        for (const char *at = capture_end(); *at; at++)
            lines += *at == '\n';
        assert_int_equal(lines, level + 1);
    }
    assert_int_equal(log_level_parse("INFO"), -1);
    assert_int_equal(log_level_parse(""), -1);
}

static void test_a_line_that_comes_too_often_is_counted_instead(void **state)
{
    (void)state;
    struct log_pace pace = {0};
    int64_t passed = -1;
    assert_true(log_pace_permits(&pace, 5000000, &passed));
    assert_int_equal(passed, 0);
    for (int64_t us = 5000000; us < 6000000; us += 250000)
        assert_false(log_pace_permits(&pace, us, &passed));
    assert_true(log_pace_permits(&pace, 6000000, &passed));
    assert_int_equal(passed, 4);
    assert_true(log_pace_permits(&pace, 7000000, &passed));
    assert_int_equal(passed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_is_one_json_object_with_every_field),
        cmocka_unit_test(test_untrusted_text_cannot_break_out_of_its_field),
        cmocka_unit_test(test_no_byte_of_a_line_commands_a_terminal),
        cmocka_unit_test(test_a_long_line_is_cut_and_says_so),
        cmocka_unit_test(test_too_many_fields_are_cut_between_fields),
        cmocka_unit_test(test_what_others_say_is_written_without_the_numbers_in_it),
        cmocka_unit_test(test_text_for_people_quotes_what_is_not_plain),
        cmocka_unit_test(test_only_the_levels_asked_for_are_written),
        cmocka_unit_test(test_a_line_that_comes_too_often_is_counted_instead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
