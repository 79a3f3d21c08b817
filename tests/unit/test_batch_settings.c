/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW INT64_C(1763283599000) /* 2025-11-16T08:59:59Z, a Sunday */

/* The options as the API reads them. */
static struct batch_options read_options(const char *json)
{
    static const char *const trunks[] = {"main", "second"};
    const struct options_policy policy = {.trunks = trunks, .n_trunks = 2};
    struct batch_options options;
    struct faults faults, warnings;
    cJSON *value = cJSON_Parse(json);
    assert_non_null(value);
    faults_init(&faults, 10);
    faults_init(&warnings, 10);
    assert_int_equal(options_read(value, &policy, NOW, &options, &faults, &warnings), 0);
    faults_free(&faults);
    faults_free(&warnings);
    cJSON_Delete(value);
    return options;
}

/* The settings as "name=value\n" lines. */
static char *settings_text(const char *json, uint64_t contacts)
{
    struct batch_options options = read_options(json);
    struct batch_settings settings;
    struct redis_arg args[2 * BATCH_SETTINGS_MAX];
    struct buf text;
    buf_init(&text, 1 << 20);
    assert_int_equal(batch_settings_make(&options, "agent 7", "user_456", contacts, NOW, &settings), 0);
    batch_settings_args(&settings, args);
    for (size_t i = 0; i < settings.n; i++) {
        assert_int_equal(buf_append(&text, args[2 * i].data, args[2 * i].len), 0);
        assert_int_equal(buf_append_char(&text, '='), 0);
        assert_int_equal(buf_append(&text, args[2 * i + 1].data, args[2 * i + 1].len), 0);
        assert_int_equal(buf_append_char(&text, '\n'), 0);
    }
    batch_settings_free(&settings);
    batch_options_free(&options);
    char *taken = buf_take(&text, NULL);
    assert_non_null(taken);
    return taken;
}

static void test_defaults_leave_out_what_has_no_value(void **state)
{
    (void)state;
    char *text = settings_text("{}", 1);
    assert_string_equal(text, "agent_id=agent 7\n"
                              "user_id=user_456\n"
                              "priority=5\n"
                              "cps=10\n"
                              "interval_us=100500\n"
                              "life_ms=2592000000\n"
                              "timezone=UTC\n"
                              "max_attempts=3\n"
                              "no_answer_delay_ms=3600000\n"
                              "busy_delay_ms=300000\n"
                              "failed_delay_ms=3600000\n"
                              "on_unknown=retry\n"
                              "ring_s=30\n"
                              "talk_s=1800\n"
                              "summary_wait_ms=120000\n"
                              "seen_shards=1\n");
    free(text);
}

static void test_every_option_has_its_field(void **state)
{
    (void)state;
    char *text = settings_text(
        "{\"priority\":7,\"maxCallsPerSecond\":12,\"maxConcurrentCalls\":40,"
        "\"scheduledStartTime\":\"2025-11-16T09:00:00.000Z\",\"timezone\":\"UTC\","
        "\"callingWindow\":{\"start\":\"08:00\",\"end\":\"10:00\",\"days\":[\"mon\",\"sun\"],"
        "\"timezone\":\"Europe/Berlin\",\"closedDates\":[\"2025-12-25\"]},\"expiresAt\":\"2025-11-17T07:30:00Z\","
        "\"retryStrategy\":{\"maxAttempts\":2,\"noAnswerDelay\":2000,\"busyDelay\":1000,\"voicemailDelay\":4000,"
        "\"failedDelay\":3000},\"onUnknown\":\"hold\",\"ringTimeout\":20,\"maxCallDuration\":60,\"summaryWait\":5,"
        "\"webhooks\":{\"onCallComplete\":\"https://crm.example/c\",\"onBatchComplete\":\"https://crm.example/b\","
        "\"onCallAttempt\":\"https://crm.example/a\",\"onBatchFailed\":\"https://crm.example/f\","
        "\"onEvent\":\"https://crm.example/e\"},\"tags\":[\"Q4\",\"say \\\"hi\\\"\"],"
        "\"callerIds\":[\"+1 (555) 000-1111\",\"+15550002222\"],\"trunk\":\"second\"}",
        100000);
    assert_string_equal(text, "agent_id=agent 7\n"
                              "user_id=user_456\n"
                              "priority=7\n"
                              "cps=12\n"
                              "interval_us=83750\n"
                              "max_concurrent=40\n"
                              "start_ms=1763283600000\n"
                              "expires_ms=1763364600000\n"
                              "timezone=UTC\n"
                              "window={\"start\":\"08:00\",\"end\":\"10:00\",\"days\":[\"mon\",\"sun\"],"
                              "\"timezone\":\"Europe/Berlin\",\"closedDates\":[\"2025-12-25\"]}\n"
                              "hours=1763362800000-1763364600000\n"
                              "hours_until_ms=1763364600000\n"
                              "max_attempts=2\n"
                              "no_answer_delay_ms=2000\n"
                              "busy_delay_ms=1000\n"
                              "failed_delay_ms=3000\n"
                              "voicemail_delay_ms=4000\n"
                              "on_unknown=hold\n"
                              "ring_s=20\n"
                              "talk_s=60\n"
                              "summary_wait_ms=5000\n"
                              "caller_ids=[\"+15550001111\",\"+15550002222\"]\n"
                              "on_call_complete=https://crm.example/c\n"
                              "on_call_attempt=https://crm.example/a\n"
                              "on_batch_complete=https://crm.example/b\n"
                              "on_batch_failed=https://crm.example/f\n"
                              "on_event=https://crm.example/e\n"
                              "tags=[\"Q4\",\"say \\\"hi\\\"\"]\n"
                              "seen_shards=521\n");
    free(text);
}

/* What leads from the one to the other, as "set name=value\n" and "drop name\n" lines. */
static char *diff_text(const char *before_json, const char *after_json)
{
    struct batch_options before = read_options(before_json), after = read_options(after_json);
    struct batch_settings from, to;
    struct redis_arg args[BATCH_SETTINGS_DIFF_ARGS];
    struct buf text;
    buf_init(&text, 1 << 20);
    assert_int_equal(batch_settings_make(&before, "a", "u", 1, NOW, &from), 0);
    assert_int_equal(batch_settings_make(&after, "a", "u", 1, NOW, &to), 0);
    size_t n = batch_settings_diff(&from, &to, args);
    for (size_t i = 0; i < n; i += 3) {
        bool is_set = args[i].len == 3;
        assert_int_equal(buf_printf(&text, "%s %.*s%s%.*s\n", is_set ? "set" : "drop", (int)args[i + 1].len,
                                    args[i + 1].data, is_set ? "=" : "", (int)args[i + 2].len, args[i + 2].data),
                         0);
    }
    batch_settings_free(&from);
    batch_settings_free(&to);
    batch_options_free(&before);
    batch_options_free(&after);
    char *taken = buf_take(&text, NULL);
    return taken ? taken : strdup("");
}

static void test_a_difference_names_what_differs_and_nothing_else(void **state)
{
    (void)state;
    static const char *const window = "{\"callingWindow\":{\"start\":\"08:00\",\"end\":\"10:00\",\"days\":[\"mon\"]},"
                                      "\"expiresAt\":\"2025-11-17T09:30:00Z\"}";
    static const struct {
        const char *before, *after, *diff;
    } cases[] = {
        {"{}", "{}", ""},
        {"{}", "{\"maxCallsPerSecond\":30}", "set cps=30\nset interval_us=33500\n"},
        {"{\"maxConcurrentCalls\":4,\"tags\":[\"a\"]}", "{}", "drop max_concurrent\ndrop tags\n"},
        {"{}", "{\"expiresAt\":\"2025-11-17T09:30:00Z\"}", "set expires_ms=1763371800000\ndrop life_ms\n"},
        {NULL, NULL, ""},
        {NULL, "{\"expiresAt\":\"2025-11-17T09:30:00Z\"}", "drop window\ndrop hours\ndrop hours_until_ms\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = diff_text(cases[i].before ? cases[i].before : window, cases[i].after ? cases[i].after : window);
        assert_string_equal(text, cases[i].diff);
        free(text);
    }
}

static void test_there_is_a_shard_for_192_contacts(void **state)
{
    static const struct {
        uint64_t contacts;
        uint32_t shards;
    } cases[] = {{0, 1}, {1, 1}, {191, 1}, {192, 2}, {100000, 521}, {1000000000, 65536}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(batch_settings_seen_shards(cases[i].contacts), cases[i].shards);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_leave_out_what_has_no_value),
        cmocka_unit_test(test_every_option_has_its_field),
        cmocka_unit_test(test_a_difference_names_what_differs_and_nothing_else),
        cmocka_unit_test(test_there_is_a_shard_for_192_contacts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
