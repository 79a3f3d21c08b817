/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/options.h"

#include <stdio.h>
#include <string.h>

#include "common/json/json.h"
#include "tests/support/faults_fixture.h"
#include "tests/support/json_memory.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

#define NOW INT64_C(1735689600000) /* 2025-01-01T00:00:00Z */

static const char *const TRUNKS[] = {"main", "spare"};
static const struct options_policy POLICY = {.trunks = TRUNKS, .n_trunks = 2};

static struct batch_options options;

static int setup(void **state)
{
    (void)state;
    faults_fixture_open();
    memset(&options, 0, sizeof options);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    faults_fixture_clear();
    batch_options_free(&options);
    return 0;
}

/* Reads `json` (NULL: no options) after forgetting what was read before. */
static int read_with(const struct options_policy *policy, const char *json)
{
    cJSON *tree = NULL;
    faults_fixture_clear();
    batch_options_free(&options);
    if (json)
        assert_int_equal(json_parse(json, strlen(json), &tree, NULL), 0);
    int rc = options_read(tree, policy, NOW, &options, &faults, &warnings);
    assert_int_equal(rc<0, faults_count(&faults)> 0);
    cJSON_Delete(tree);
    return rc;
}

static int read_options(const char *json)
{
    return read_with(&POLICY, json);
}

static void assert_defaults(void)
{
    assert_int_equal(options.priority, 5);
    assert_int_equal(options.max_calls_per_second, 10);
    assert_int_equal(options.max_concurrent_calls, 0);
    assert_false(options.has_start);
    assert_string_equal(options.timezone, "UTC");
    assert_int_equal(options.retry.max_attempts, 3);
    assert_int_equal(options.retry.no_answer_delay_ms, 3600000);
    assert_int_equal(options.retry.busy_delay_ms, 300000);
    assert_int_equal(options.retry.failed_delay_ms, 3600000);
    assert_int_equal(options.retry.voicemail_delay_ms, 0);
    assert_int_equal(options.retry.on_unknown, ON_UNKNOWN_RETRY);
    assert_int_equal(options.ring_timeout_s, 30);
    assert_int_equal(options.max_call_duration_s, 1800);
    assert_int_equal(options.summary_wait_s, 120);
    assert_null(options.on_batch_complete);
    assert_null(options.on_call_complete);
    assert_null(options.on_call_attempt);
    assert_null(options.on_event);
    assert_null(options.on_batch_failed);
    assert_int_equal(options.n_tags, 0);
    assert_int_equal(options.n_caller_ids, 0);
    assert_string_equal(options.trunk, "main");
}

static void test_what_is_not_given_has_its_default(void **state)
{
    static const char *const cases[] = {NULL, "{}",
                                        "{\"retryStrategy\":{},\"webhooks\":{},\"tags\":[],\"callerIds\":[]}"};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(read_options(cases[i]), 0);
        assert_defaults();
        assert_int_equal(faults_count(&warnings), 0);
    }
}

static void test_the_seeds_complete_example_is_read(void **state)
{
    (void)state;
    assert_int_equal(
        read_options("{\"priority\":7,\"maxCallsPerSecond\":12,"
                     "\"scheduledStartTime\":\"2025-11-16T09:00:00.000Z\",\"timezone\":\"America/New_York\","
                     "\"retryStrategy\":{\"maxAttempts\":3,\"noAnswerDelay\":3600000,\"busyDelay\":300000},"
                     "\"webhooks\":{\"onBatchComplete\":\"https://api.yourcompany.com/webhooks/batch-complete\","
                     "\"onCallComplete\":\"https://api.yourcompany.com/webhooks/call-complete\"},"
                     "\"tags\":[\"Q4_2025\",\"lead_qualification\",\"high_value\"]}"),
        0);
    assert_int_equal(options.priority, 7);
    assert_int_equal(options.max_calls_per_second, 12);
    assert_true(options.has_start);
    assert_int_equal(options.start_ms, INT64_C(1763283600000));
    assert_string_equal(options.timezone, "America/New_York");
    assert_string_equal(options.on_batch_complete, "https://api.yourcompany.com/webhooks/batch-complete");
    assert_string_equal(options.on_call_complete, "https://api.yourcompany.com/webhooks/call-complete");
    assert_null(options.on_batch_failed);
    assert_int_equal(options.n_tags, 3);
    assert_string_equal(options.tags[2], "high_value");
    assert_int_equal(warnings.n, 1);
    assert_string_equal(warnings.items[0].code, WARNING_TWO_READINGS);
}

static void test_every_other_option_is_read(void **state)
{
    (void)state;
    assert_int_equal(read_options("{\"maxConcurrentCalls\":10000,\"onUnknown\":\"hold\",\"ringTimeout\":5,"
                                  "\"maxCallDuration\":14400,\"summaryWait\":0,\"trunk\":\"spare\","
                                  "\"retryStrategy\":{\"failedDelay\":1000,\"voicemailDelay\":604800000},"
                                  "\"callerIds\":[\"+1 555 000 1111\",\"+15550001112\"],"
                                  "\"webhooks\":{\"onBatchFailed\":\"https://x.example/f\","
                                  "\"onCallAttempt\":\"https://x.example/a\",\"onEvent\":\"https://x.example/e\"}}"),
                     0);
    assert_int_equal(options.max_concurrent_calls, 10000);
    assert_int_equal(options.retry.on_unknown, ON_UNKNOWN_HOLD);
    assert_int_equal(options.ring_timeout_s, 5);
    assert_int_equal(options.max_call_duration_s, 14400);
    assert_int_equal(options.summary_wait_s, 0);
    assert_string_equal(options.trunk, "spare");
    assert_int_equal(options.retry.failed_delay_ms, 1000);
    assert_int_equal(options.retry.voicemail_delay_ms, 604800000);
    assert_int_equal(options.n_caller_ids, 2);
    assert_int_equal(options.caller_ids[1], 15550001112);
    assert_string_equal(options.on_batch_failed, "https://x.example/f");
    assert_string_equal(options.on_call_attempt, "https://x.example/a");
    assert_string_equal(options.on_event, "https://x.example/e");
}

static void test_a_failed_attempt_waits_as_after_no_answer_unless_told_otherwise(void **state)
{
    (void)state;
    assert_int_equal(read_options("{\"retryStrategy\":{\"noAnswerDelay\":5000}}"), 0);
    assert_int_equal(options.retry.failed_delay_ms, 5000);
    assert_int_equal(read_options("{\"retryStrategy\":{\"failedDelay\":7000,\"noAnswerDelay\":5000}}"), 0);
    assert_int_equal(options.retry.failed_delay_ms, 7000);
}

static void test_ranges_include_their_ends_and_nothing_beyond(void **state)
{
    static const struct {
        const char *before; /* the number */
        const char *after;
        const char *path;
        long long min;
        long long max;
    } cases[] = {
        {"{\"priority\":", "}", "options.priority", 1, 10},
        {"{\"maxCallsPerSecond\":", "}", "options.maxCallsPerSecond", 1, 30},
        {"{\"maxConcurrentCalls\":", "}", "options.maxConcurrentCalls", 1, 10000},
        {"{\"ringTimeout\":", "}", "options.ringTimeout", 5, 120},
        {"{\"maxCallDuration\":", "}", "options.maxCallDuration", 10, 14400},
        {"{\"summaryWait\":", "}", "options.summaryWait", 0, 600},
        {"{\"retryStrategy\":{\"maxAttempts\":", "}}", "options.retryStrategy.maxAttempts", 1, 5},
        {"{\"retryStrategy\":{\"noAnswerDelay\":", "}}", "options.retryStrategy.noAnswerDelay", 1000, 604800000},
        {"{\"retryStrategy\":{\"busyDelay\":", "}}", "options.retryStrategy.busyDelay", 1000, 604800000},
        {"{\"retryStrategy\":{\"voicemailDelay\":", "}}", "options.retryStrategy.voicemailDelay", 1000, 604800000},
        {"{\"retryStrategy\":{\"failedDelay\":", "}}", "options.retryStrategy.failedDelay", 1000, 604800000},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char good[4][32], bad[7][32];
        (void)snprintf(good[0], 32, "%lld", cases[i].min);
        (void)snprintf(good[1], 32, "%lld", cases[i].max);
        (void)snprintf(good[2], 32, "%lld.0", cases[i].max);
        (void)snprintf(good[3], 32, "%llde0", cases[i].max);
        (void)snprintf(bad[0], 32, "%lld", cases[i].min - 1);
        (void)snprintf(bad[1], 32, "%lld", cases[i].max + 1);
        (void)snprintf(bad[2], 32, "%lld.5", cases[i].min);
        (void)snprintf(bad[3], 32, "1e300");
        (void)snprintf(bad[4], 32, "\"%lld\"", cases[i].min);
        (void)snprintf(bad[5], 32, "null");
        (void)snprintf(bad[6], 32, "true");
        char json[128], message[128];
        for (size_t g = 0; g < COUNT(good); g++) {
            (void)snprintf(json, sizeof json, "%s%s%s", cases[i].before, good[g], cases[i].after);
            if (read_options(json) != 0)
                fail_msg("%s", json);
        }
        (void)snprintf(message, sizeof message, "must be an integer from %lld to %lld", cases[i].min, cases[i].max);
        for (size_t b = 0; b < COUNT(bad); b++) {
            (void)snprintf(json, sizeof json, "%s%s%s", cases[i].before, bad[b], cases[i].after);
            if (read_options(json) != ERR_INVALID)
                fail_msg("%s", json);
            assert_string_equal(faults_only_code(&faults), b < 4 ? FAULT_RANGE : FAULT_TYPE);
            assert_string_equal(faults.items[0].path, cases[i].path);
            assert_string_equal(faults.items[0].message, message);
        }
    }
}

static void test_an_operator_can_raise_or_lower_the_rate(void **state)
{
    struct options_policy policy = POLICY;
    (void)state;
    policy.max_calls_per_second = 200;
    assert_int_equal(read_with(&policy, "{\"maxCallsPerSecond\":200}"), 0);
    assert_int_equal(read_with(&policy, "{\"maxCallsPerSecond\":201}"), ERR_INVALID);
    policy.max_calls_per_second = 4;
    assert_int_equal(read_with(&policy, NULL), 0);
    assert_int_equal(options.max_calls_per_second, 4);
}

static void test_one_thing_wrong_is_told_by_path_and_code(void **state)
{
    static const struct {
        const char *json;
        const char *path;
        const char *code;
    } cases[] = {
        {"[]", "options", FAULT_TYPE},
        {"null", "options", FAULT_TYPE},
        {"{\"retryStrategy\":{\"foo\":1}}", "options.retryStrategy.foo", FAULT_UNKNOWN_FIELD},
        {"{\"maxCallPerSecond\":1}", "options.maxCallPerSecond", FAULT_UNKNOWN_FIELD},
        {"{\"Priority\":1}", "options.Priority", FAULT_UNKNOWN_FIELD},
        {"{\"callingWindow\":null}", "options.callingWindow", FAULT_TYPE},
        {"{\"callingWindow\":{\"start\":\"09:00\"}}", "options.callingWindow.end", FAULT_REQUIRED},
        {"{\"callingWindow\":{\"start\":\"09:00\",\"end\":\"17:00\",\"timezone\":\"contact\"}}",
         "options.callingWindow.timezone", FAULT_NOT_ALLOWED},
        {"{\"callingWindow\":{\"start\":\"09:00\",\"end\":\"17:00\"},\"expiresAt\":\"2025-01-01T08:59:59Z\"}",
         "options.callingWindow", FAULT_NEVER_OPEN},
        {"{\"callingWindow\":{\"start\":\"09:00\",\"end\":\"17:00\",\"days\":[\"sat\"]},"
         "\"scheduledStartTime\":\"2025-01-05T00:00:00Z\",\"expiresAt\":\"2025-01-11T09:00:00Z\"}",
         "options.callingWindow", FAULT_NEVER_OPEN},
        {"{\"expiresAt\":1763283600}", "options.expiresAt", FAULT_TYPE},
        {"{\"expiresAt\":\"soon\"}", "options.expiresAt", FAULT_TIME},
        {"{\"expiresAt\":\"2025-01-01T00:00:00Z\"}", "options.expiresAt", FAULT_EXPIRY_EARLY},
        {"{\"expiresAt\":\"2025-11-16T09:00:00Z\",\"scheduledStartTime\":\"2025-11-16T09:00:00Z\"}",
         "options.expiresAt", FAULT_EXPIRY_EARLY},
        {"{\"expiresAt\":\"2036-01-01T00:00:00Z\"}", "options.expiresAt", FAULT_RANGE},
        {"{\"expiresAt\":\"2025-11-16T09:00:00\",\"timezone\":\"Mars/Base\"}", "options.timezone", FAULT_TIMEZONE},
        {"{\"webhooks\":{\"onCallAttempt\":7}}", "options.webhooks.onCallAttempt", FAULT_TYPE},
        {"{\"webhooks\":{\"onCallAttempt\":\"x.example\"}}", "options.webhooks.onCallAttempt", FAULT_URL},
        {"{\"webhooks\":{\"onCallAttempt\":\"https://[::1]/\"}}", "options.webhooks.onCallAttempt", FAULT_URL_REFUSED},
        {"{\"webhooks\":{\"onAttempt\":\"https://x.example/\"}}", "options.webhooks.onAttempt", FAULT_UNKNOWN_FIELD},
        {"{\"webhooks\":{\"onEvent\":[]}}", "options.webhooks.onEvent", FAULT_TYPE},
        {"{\"webhooks\":{\"onEvent\":\"\"}}", "options.webhooks.onEvent", FAULT_URL},
        {"{\"webhooks\":{\"onEvent\":\"https://127.0.0.1/\"}}", "options.webhooks.onEvent", FAULT_URL_REFUSED},
        {"{\"webhooks\":{\"onEvents\":\"https://x.example/\"}}", "options.webhooks.onEvents", FAULT_UNKNOWN_FIELD},
        {"{\"retryStrategy\":null}", "options.retryStrategy", FAULT_TYPE},
        {"{\"webhooks\":[]}", "options.webhooks", FAULT_TYPE},
        {"{\"webhooks\":{\"onCallComplete\":null}}", "options.webhooks.onCallComplete", FAULT_TYPE},
        {"{\"webhooks\":{\"onCallComplete\":\"ftp://x.example/\"}}", "options.webhooks.onCallComplete", FAULT_URL},
        {"{\"webhooks\":{\"onCallComplete\":\"http://x.example/\"}}", "options.webhooks.onCallComplete",
         FAULT_URL_REFUSED},
        {"{\"webhooks\":{\"onCallComplete\":\"https://10.0.0.1/\"}}", "options.webhooks.onCallComplete",
         FAULT_URL_REFUSED},
        {"{\"scheduledStartTime\":null}", "options.scheduledStartTime", FAULT_TYPE},
        {"{\"scheduledStartTime\":1763283600}", "options.scheduledStartTime", FAULT_TYPE},
        {"{\"scheduledStartTime\":\"soon\"}", "options.scheduledStartTime", FAULT_TIME},
        {"{\"scheduledStartTime\":\"2024-01-01T00:00:00Z\"}", "options.scheduledStartTime", FAULT_START_PAST},
        {"{\"timezone\":\"+02:00\"}", "options.timezone", FAULT_TIMEZONE},
        {"{\"timezone\":\"\"}", "options.timezone", FAULT_TIMEZONE},
        {"{\"timezone\":2}", "options.timezone", FAULT_TYPE},
        {"{\"timezone\":\"Mars/Base\",\"scheduledStartTime\":\"2025-11-16T09:00:00\"}", "options.timezone",
         FAULT_TIMEZONE},
        {"{\"onUnknown\":\"redial\"}", "options.onUnknown", FAULT_RANGE},
        {"{\"onUnknown\":1}", "options.onUnknown", FAULT_TYPE},
        {"{\"tags\":\"a\"}", "options.tags", FAULT_TYPE},
        {"{\"tags\":[\"a\",1]}", "options.tags[1]", FAULT_TYPE},
        {"{\"tags\":[\"\"]}", "options.tags[0]", FAULT_LENGTH},
        {"{\"tags\":[\"a\\u0007\"]}", "options.tags[0]", FAULT_CHARACTERS},
        {"{\"callerIds\":{}}", "options.callerIds", FAULT_TYPE},
        {"{\"callerIds\":[\"5550001111\"]}", "options.callerIds[0]", FAULT_NUMBER},
        {"{\"callerIds\":[15550001111]}", "options.callerIds[0]", FAULT_NUMBER},
        {"{\"trunk\":\"other\"}", "options.trunk", FAULT_NOT_ALLOWED},
        {"{\"trunk\":\"\"}", "options.trunk", FAULT_NOT_ALLOWED},
        {"{\"trunk\":1}", "options.trunk", FAULT_TYPE},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        options.priority = 42;
        if (read_options(cases[i].json) != ERR_INVALID)
            fail_msg("%s", cases[i].json);
        assert_only_fault(cases[i].json, cases[i].path, cases[i].code);
        assert_int_equal(options.n_tags, 0);
    }
}

static void test_a_window_and_an_expiry_are_read_in_the_batchs_zone(void **state)
{
    (void)state;
    assert_int_equal(read_options("{\"callingWindow\":{\"start\":\"09:00\",\"end\":\"17:30\",\"days\":[\"mon\"]},"
                                  "\"expiresAt\":\"2025-07-01T09:00:00\",\"timezone\":\"America/New_York\"}"),
                     0);
    assert_true(options.has_window && options.has_expiry);
    assert_string_equal(options.window.timezone, "America/New_York");
    assert_int_equal(options.window.start_min, 540);
    assert_int_equal(options.window.end_min, 1050);
    assert_int_equal(options.window.days, 1);
    assert_int_equal(options.expires_ms, INT64_C(1751374800000));
    /* The window's own zone goes before it. */
    assert_int_equal(
        read_options("{\"callingWindow\":{\"start\":\"09:00\",\"end\":\"17:30\",\"timezone\":\"Asia/Tokyo\"},"
                     "\"timezone\":\"America/New_York\"}"),
        0);
    assert_string_equal(options.window.timezone, "Asia/Tokyo");
    assert_false(options.has_expiry);
}

static void test_a_window_must_open_between_the_start_and_the_expiry(void **state)
{
    (void)state;
    /* 2025-01-01 is a Wednesday; the first instant of the window counts, its last does not. */
    assert_int_equal(read_options("{\"callingWindow\":{\"start\":\"09:00\",\"end\":\"17:00\"},"
                                  "\"expiresAt\":\"2025-01-01T09:00:00.001Z\"}"),
                     0);
    assert_int_equal(read_options("{\"callingWindow\":{\"start\":\"09:00\",\"end\":\"17:00\",\"days\":[\"wed\"]},"
                                  "\"scheduledStartTime\":\"2025-01-01T16:59:59.999Z\","
                                  "\"expiresAt\":\"2025-01-02T00:00:00Z\"}"),
                     0);
    assert_int_equal(read_options("{\"callingWindow\":{\"start\":\"09:00\",\"end\":\"17:00\",\"days\":[\"wed\"]},"
                                  "\"scheduledStartTime\":\"2025-01-01T17:00:00Z\","
                                  "\"expiresAt\":\"2025-01-02T00:00:00Z\"}"),
                     ERR_INVALID);
    assert_string_equal(faults.items[0].message, "does not open between the start (2025-01-01T17:00:00.000Z) and the "
                                                 "expiry (2025-01-02T00:00:00.000Z)");
    /* Without an expiry, while a batch lives. */
    struct buf json;
    buf_init(&json, 1 << 16);
    for (int day = 1; day <= 31; day++)
        assert_int_equal(buf_printf(&json, "%s\"2025-01-%02d\"", day > 1 ? "," : "", day), 0);
    char text[1024];
    (void)snprintf(text, sizeof text,
                   "{\"callingWindow\":{\"start\":\"09:00\",\"end\":\"17:00\",\"closedDates\":[%s]}}", buf_str(&json));
    assert_int_equal(read_options(text), ERR_INVALID);
    assert_string_equal(faults_only_code(&faults), FAULT_NEVER_OPEN);
    buf_free(&json);
}

static void test_all_faults_are_found_at_once(void **state)
{
    (void)state;
    assert_int_equal(
        read_options("{\"priority\":0,\"maxCallsPerSecond\":31,\"scheduledStartTime\":\"never\",\"x\":1,"
                     "\"retryStrategy\":{\"maxAttempts\":6,\"y\":1},\"webhooks\":{\"onBatchComplete\":\"z\"},"
                     "\"tags\":[1,2],\"trunk\":\"other\",\"timezone\":\"UTC\"}"),
        ERR_INVALID);
    assert_int_equal(faults.n, 10);
}

/* {"<key>":[...]} with `n` items: `start` and their place in the list, written with `width` digits. */
static int read_list(const char *key, const char *start, int width, int n)
{
    struct buf json;
    buf_init(&json, 1 << 16);
    assert_int_equal(buf_printf(&json, "{\"%s\":[", key), 0);
    for (int i = 0; i < n; i++)
        assert_int_equal(buf_printf(&json, "%s\"%s%0*d\"", i > 0 ? "," : "", start, width, i), 0);
    assert_int_equal(buf_append_str(&json, "]}"), 0);
    int rc = read_options(buf_str(&json));
    buf_free(&json);
    return rc;
}

static void test_lists_are_bounded_and_hold_each_thing_once(void **state)
{
    (void)state;
    assert_int_equal(read_list("tags", "tag", 1, LIMIT_TAGS), 0);
    assert_int_equal(options.n_tags, LIMIT_TAGS);
    assert_int_equal(read_list("tags", "tag", 1, LIMIT_TAGS + 1), ERR_INVALID);
    assert_string_equal(faults_only_code(&faults), FAULT_TOO_MANY);
    assert_int_equal(read_list("tags", "", 64, 1), 0);
    assert_int_equal(read_list("tags", "", 65, 1), ERR_INVALID);
    assert_int_equal(read_list("callerIds", "+1555000", 4, LIMIT_CALLER_IDS), 0);
    assert_int_equal(options.n_caller_ids, LIMIT_CALLER_IDS);
    assert_int_equal(read_list("callerIds", "+1555000", 4, LIMIT_CALLER_IDS + 1), ERR_INVALID);

    assert_int_equal(read_options("{\"tags\":[\"a\",\"b\",\"a\"],\"callerIds\":[\"+15550001111\",\"+1 5550001111\"]}"),
                     0);
    assert_int_equal(options.n_tags, 2);
    assert_int_equal(options.n_caller_ids, 1);
    assert_int_equal(warnings.n, 2);
    assert_string_equal(warnings.items[0].path, "options.tags[2]");
    assert_string_equal(warnings.items[1].path, "options.callerIds[1]");
}

static void test_private_webhooks_pass_where_the_operator_permits_them(void **state)
{
    static struct cidr_list loopback;
    struct options_policy policy = POLICY;
    const char *json = "{\"webhooks\":{\"onCallComplete\":\"http://127.0.0.1:9000/hook\"}}";
    (void)state;
    assert_int_equal(read_with(&policy, json), ERR_INVALID);
    assert_int_equal(cidr_list_add(&loopback, "127.0.0.0/8", 11), 0);
    policy.private_webhooks = &loopback;
    assert_int_equal(read_with(&policy, json), 0);
    assert_string_equal(options.on_call_complete, "http://127.0.0.1:9000/hook");
}

static void test_a_tenant_without_a_trunk_can_run_nothing(void **state)
{
    const struct options_policy policy = {0};
    (void)state;
    assert_int_equal(read_with(&policy, NULL), ERR_INVALID);
    assert_string_equal(faults_only_code(&faults), FAULT_NOT_ALLOWED);
    assert_string_equal(faults.items[0].path, "options.trunk");
}

static void test_what_is_written_reads_the_same(void **state)
{
    static const char *const cases[] = {
        "{}",
        "{\"priority\":7,\"maxConcurrentCalls\":3,\"scheduledStartTime\":\"2025-11-16T09:00:00\",\"timezone\":"
        "\"Asia/Kolkata\",\"retryStrategy\":{\"voicemailDelay\":2000},\"webhooks\":{\"onBatchComplete\":"
        "\"https://x.example/a\",\"onCallComplete\":\"https://x.example/b\",\"onBatchFailed\":\"https://x.example/c\","
        "\"onCallAttempt\":\"https://x.example/d\",\"onEvent\":\"https://x.example/e\"},"
        "\"tags\":[\"\xC3\xBC\"],\"callerIds\":[\"+15550001111\"],\"onUnknown\":\"hold\",\"trunk\":\"spare\"}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf first, second;
        cJSON *written;
        buf_init(&first, 1 << 16);
        buf_init(&second, 1 << 16);
        assert_int_equal(read_options(cases[i]), 0);
        written = cJSON_CreateObject();
        assert_int_equal(options_add_json(&options, written), 0);
        assert_int_equal(json_print(written, &first), 0);
        cJSON_Delete(written);

        assert_int_equal(read_options(buf_str(&first)), 0);
        written = cJSON_CreateObject();
        assert_int_equal(options_add_json(&options, written), 0);
        assert_int_equal(json_print(written, &second), 0);
        cJSON_Delete(written);
        assert_string_equal(buf_str(&first), buf_str(&second));
        buf_free(&first);
        buf_free(&second);
    }
    assert_int_equal(options.start_ms, INT64_C(1763263800000));
    assert_int_equal(options.retry.voicemail_delay_ms, 2000);
}

/* ---- options that stand, changed ---- */

#define STANDING                                                                                                       \
    "{\"priority\":7,\"maxConcurrentCalls\":3,\"scheduledStartTime\":\"2025-12-01T09:00:00Z\",\"expiresAt\":"          \
    "\"2025-12-20T09:00:00Z\",\"callingWindow\":{\"start\":\"09:00\",\"end\":\"17:00\"},\"retryStrategy\":"            \
    "{\"voicemailDelay\":2000},\"webhooks\":{\"onCallComplete\":\"https://x.example/a\",\"onEvent\":"                  \
    "\"https://x.example/b\"},\"tags\":[\"one\",\"two\"],\"callerIds\":[\"+15550001111\"]}"

static int change(const char *path, const char *json)
{
    static const char *const trunks[] = {"main"};
    const struct options_policy policy = {.trunks = trunks, .n_trunks = 1, .keeps_trunk = true};
    cJSON *tree = NULL;
    assert_int_equal(read_options(STANDING), 0);
    assert_int_equal(json_parse(json, strlen(json), &tree, NULL), 0);
    int rc = options_change(&options, tree, path, &policy, NOW, &faults, &warnings);
    cJSON_Delete(tree);
    return rc;
}

static void test_a_change_leaves_what_it_does_not_name(void **state)
{
    (void)state;
    assert_int_equal(change("", "{\"priority\":2,\"tags\":[\"three\"],\"webhooks\":{\"onEvent\":"
                                "\"https://x.example/c\"}}"),
                     0);
    assert_int_equal(options.priority, 2);
    assert_int_equal(options.max_concurrent_calls, 3);
    assert_int_equal(options.n_tags, 1);
    assert_string_equal(options.tags[0], "three");
    assert_string_equal(options.on_call_complete, "https://x.example/a");
    assert_string_equal(options.on_event, "https://x.example/c");
    assert_int_equal(options.retry.voicemail_delay_ms, 2000);
    assert_true(options.has_start && options.has_expiry && options.has_window);
    assert_int_equal(options.n_caller_ids, 1);
}

static void test_null_takes_away_what_may_be_absent_and_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(change("", "{\"maxConcurrentCalls\":null,\"scheduledStartTime\":null,\"expiresAt\":null,"
                                "\"callingWindow\":null,\"retryStrategy\":{\"voicemailDelay\":null},"
                                "\"webhooks\":{\"onEvent\":null},\"callerIds\":[]}"),
                     0);
    assert_int_equal(options.max_concurrent_calls, 0);
    assert_false(options.has_start || options.has_expiry || options.has_window);
    assert_int_equal(options.retry.voicemail_delay_ms, 0);
    assert_null(options.on_event);
    assert_int_equal(options.n_caller_ids, 0);
    static const char *const fixed[] = {"priority", "maxCallsPerSecond", "timezone",  "onUnknown", "ringTimeout",
                                        "tags",     "retryStrategy",     "callerIds", "webhooks"};
    for (size_t i = 0; i < COUNT(fixed); i++) {
        char json[64];
        (void)snprintf(json, sizeof json, "{\"%s\":null}", fixed[i]);
        assert_int_equal(change("", json), ERR_INVALID);
        assert_string_equal(faults.items[0].path, fixed[i]);
    }
}

static void test_the_delay_after_a_failure_follows_until_it_has_its_own(void **state)
{
    (void)state;
    assert_int_equal(change("", "{\"retryStrategy\":{\"noAnswerDelay\":5000}}"), 0);
    assert_int_equal(options.retry.failed_delay_ms, 5000);
    assert_int_equal(change("", "{\"retryStrategy\":{\"noAnswerDelay\":5000,\"failedDelay\":7000}}"), 0);
    assert_int_equal(options.retry.failed_delay_ms, 7000);
    options.retry.no_answer_delay_ms = 5000;
    assert_int_equal(change("", "{\"retryStrategy\":{\"failedDelay\":null}}"), 0);
    assert_int_equal(options.retry.failed_delay_ms, 3600000);
}

static void test_the_faults_of_a_change_are_all_told_where_they_stand(void **state)
{
    (void)state;
    static const struct {
        const char *json, *path, *code;
    } cases[] = {
        {"{\"priority\":11}", "priority", FAULT_RANGE},
        {"{\"novel\":1}", "novel", FAULT_UNKNOWN_FIELD},
        {"{\"retryStrategy\":{\"novel\":1}}", "retryStrategy.novel", FAULT_UNKNOWN_FIELD},
        {"{\"trunk\":\"spare\"}", "trunk", FAULT_NOT_ALLOWED},
        {"{\"scheduledStartTime\":\"2025-12-21T09:00:00Z\"}", "expiresAt", FAULT_EXPIRY_EARLY},
        {"{\"scheduledStartTime\":\"2024-01-01T09:00:00Z\"}", "scheduledStartTime", FAULT_START_PAST},
        {"{\"expiresAt\":\"2025-11-30T09:00:00Z\"}", "expiresAt", FAULT_EXPIRY_EARLY},
        {"{\"expiresAt\":\"2025-12-01T09:00:00.001Z\",\"callingWindow\":{\"start\":\"10:00\",\"end\":\"11:00\"}}",
         "callingWindow", FAULT_NEVER_OPEN},
        {"{\"scheduledStartTime\":\"2025-12-20T08:00:00Z\",\"callingWindow\":{\"start\":\"10:00\",\"end\":\"11:00\"}}",
         "callingWindow", FAULT_NEVER_OPEN},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(change("", cases[i].json), ERR_INVALID);
        assert_int_equal(faults_count(&faults), 1);
        assert_string_equal(faults.items[0].path, cases[i].path);
        assert_string_equal(faults.items[0].code, cases[i].code);
    }
    assert_int_equal(change(OPTIONS_PATH, "{\"priority\":0,\"tags\":[7],\"expiresAt\":\"soon\"}"), ERR_INVALID);
    assert_int_equal(faults_count(&faults), 3);
    assert_string_equal(faults.items[0].path, "options.priority");
    assert_string_equal(faults.items[1].path, "options.tags[0]");
    assert_string_equal(faults.items[2].path, "options.expiresAt");
}

static void test_a_batch_that_has_started_lives_from_now(void **state)
{
    (void)state;
    static const char *const trunks[] = {"main"};
    const struct options_policy policy = {.trunks = trunks, .n_trunks = 1, .keeps_trunk = true};
    cJSON *tree = cJSON_Parse("{\"expiresAt\":\"2024-12-31T23:00:00Z\"}");
    assert_int_equal(read_options("{}"), 0);
    options.has_start = true;
    options.start_ms = NOW - 86400000;
    assert_int_equal(options_change(&options, tree, "", &policy, NOW, &faults, &warnings), ERR_INVALID);
    assert_string_equal(faults.items[0].code, FAULT_EXPIRY_EARLY);
    cJSON_Delete(tree);
}

static void test_wherever_memory_runs_out_options_are_not_half_written(void **state)
{
    int rc = ERR_NOMEM;
    size_t n = 0;
    (void)state;
    assert_int_equal(read_options("{\"maxConcurrentCalls\":3,\"scheduledStartTime\":\"2025-11-16T09:00:00Z\","
                                  "\"retryStrategy\":{\"voicemailDelay\":2000},\"tags\":[\"a\",\"b\"],"
                                  "\"callerIds\":[\"+15550001111\"],"
                                  "\"callingWindow\":{\"start\":\"09:00\",\"end\":\"24:00\",\"days\":[\"sun\"],"
                                  "\"closedDates\":[\"2025-12-25\"]},\"expiresAt\":\"2025-12-16T09:00:00Z\","
                                  "\"webhooks\":{\"onBatchComplete\":\"https://x.example/\"}}"),
                     0);
    for (; rc != 0 && n < JSON_MEMORY_MAX; n++) {
        json_memory_limit(n + 1);
        cJSON *object = cJSON_CreateObject();
        rc = options_add_json(&options, object);
        assert_true(rc == 0 || rc == ERR_NOMEM);
        cJSON_Delete(object);
        json_memory_restore();
    }
    assert_true(n > 20);
    assert_int_equal(rc, 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static void test_what_an_operator_set_for_the_tenant_stands_where_a_batch_says_nothing(void **state)
{
    static const uint64_t numbers[] = {15550001111u, 15550002222u};
    struct options_policy policy = POLICY;
    cJSON *window = cJSON_Parse("{\"start\":\"09:00\",\"end\":\"17:30\"}");
    (void)state;
    policy.timezone = "Asia/Tokyo";
    policy.window = window;
    policy.caller_ids = numbers;
    policy.n_caller_ids = 2;
    assert_int_equal(read_with(&policy, NULL), 0);
    assert_string_equal(options.timezone, "Asia/Tokyo");
    assert_true(options.has_window && options.window.start_min == 540);
    assert_string_equal(options.window.timezone, "Asia/Tokyo");
    assert_int_equal(options.n_caller_ids, 0);
    assert_int_equal(
        read_with(&policy, "{\"timezone\":\"UTC\",\"callingWindow\":{\"start\":\"00:00\",\"end\":\"24:00\"}}"), 0);
    assert_true(options.has_window && options.window.end_min == 1440);
    assert_string_equal(options.window.timezone, "UTC");
    assert_int_equal(read_with(&policy, "{\"callerIds\":[\"+15550002222\",\"+15550003333\"]}"), ERR_INVALID);
    assert_int_equal(faults.n, 1);
    assert_string_equal(faults.items[0].path, "options.callerIds[1]");
    policy.timezone = "Mars/Base"; /* a zone that this machine lost */
    assert_int_equal(read_with(&policy, NULL), 0);
    assert_string_equal(options.timezone, "UTC");
    cJSON_Delete(window);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_what_is_not_given_has_its_default),
        CASE(test_the_seeds_complete_example_is_read),
        CASE(test_every_other_option_is_read),
        CASE(test_a_failed_attempt_waits_as_after_no_answer_unless_told_otherwise),
        CASE(test_ranges_include_their_ends_and_nothing_beyond),
        CASE(test_an_operator_can_raise_or_lower_the_rate),
        CASE(test_one_thing_wrong_is_told_by_path_and_code),
        CASE(test_a_window_and_an_expiry_are_read_in_the_batchs_zone),
        CASE(test_a_window_must_open_between_the_start_and_the_expiry),
        CASE(test_all_faults_are_found_at_once),
        CASE(test_lists_are_bounded_and_hold_each_thing_once),
        CASE(test_private_webhooks_pass_where_the_operator_permits_them),
        CASE(test_a_tenant_without_a_trunk_can_run_nothing),
        CASE(test_what_is_written_reads_the_same),
        CASE(test_a_change_leaves_what_it_does_not_name),
        CASE(test_null_takes_away_what_may_be_absent_and_nothing_else),
        CASE(test_the_delay_after_a_failure_follows_until_it_has_its_own),
        CASE(test_the_faults_of_a_change_are_all_told_where_they_stand),
        CASE(test_a_batch_that_has_started_lives_from_now),
        CASE(test_what_an_operator_set_for_the_tenant_stands_where_a_batch_says_nothing),
        CASE(test_wherever_memory_runs_out_options_are_not_half_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
