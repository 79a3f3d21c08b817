/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hiredis/hiredis.h>

#include "common/json/json.h"

/* An array reply of the words in `text`, which are separated by spaces ("_" stands for an empty one). */
static redisReply *make_reply(const char *text)
{
    struct buf wire;
    size_t n = 0;
    buf_init(&wire, 1 << 16);
    struct buf body;
    buf_init(&body, 1 << 16);
    for (const char *at = text + strspn(text, " "); *at; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");
        bool is_empty = len == 1 && *at == '_';
        assert_int_equal(buf_printf(&body, "$%zu\r\n%.*s\r\n", is_empty ? 0 : len, is_empty ? 0 : (int)len, at), 0);
        at += len;
        n++;
    }
    assert_int_equal(buf_printf(&wire, "*%zu\r\n%s", n, buf_str(&body)), 0);
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    assert_int_equal(redisReaderFeed(reader, buf_str(&wire), buf_len(&wire)), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    buf_free(&wire);
    buf_free(&body);
    return reply;
}

#define COMMON                                                                                                         \
    "tenant acme agent_id agent_7 user_id user_456 priority 5 cps 10 created_ms 1763283600000 sealed 1 trunk main "    \
    "timezone UTC "

/* The status of a batch with these fields besides the common ones. */
static cJSON *status_of(const char *fields, const struct batch_pulse *pulse, bool is_full)
{
    char text[2048];
    struct batch_report report;
    (void)snprintf(text, sizeof text, COMMON "%s", fields);
    redisReply *reply = make_reply(text);
    assert_int_equal(batch_report_read(reply, "batch_c0_1", &report), 0);
    cJSON *json = batch_report_status_json(&report, pulse);
    assert_non_null(json);
    if (is_full)
        assert_int_equal(batch_report_add_more(&report, json), 0);
    freeReplyObject(reply);
    return json;
}

static void assert_json(cJSON *json, const char *expected)
{
    struct buf text;
    buf_init(&text, 1 << 16);
    assert_int_equal(json_print(json, &text), 0);
    assert_string_equal(buf_str(&text), expected);
    buf_free(&text);
    cJSON_Delete(json);
}

static void test_a_completed_batch_as_the_seed_tells_it(void **state)
{
    const struct batch_pulse pulse = {.now_ms = 1763290000000};
    (void)state;
    assert_json(status_of("state completed total 3 cursor 3 succeeded 2 failed 1 attempts 4 started_ms 1763283601000 "
                          "completed_ms 1763283673000 on_call_complete https://crm.example/c "
                          "on_call_attempt https://crm.example/a on_event https://crm.example/e",
                          &pulse, false),
                "{\"batchId\":\"batch_c0_1\",\"status\":\"completed\",\"priority\":5,"
                "\"statistics\":{\"total\":3,\"processed\":3,\"succeeded\":2,\"failed\":1,\"pending\":0,"
                "\"percentComplete\":100,\"successRate\":66.67},"
                "\"performance\":{\"callsPerSecond\":0.06,\"estimatedTimeRemaining\":null,\"elapsedTime\":72},"
                "\"timestamps\":{\"createdAt\":\"2025-11-16T09:00:00.000Z\",\"startedAt\":\"2025-11-16T09:00:01.000Z\","
                "\"completedAt\":\"2025-11-16T09:01:13.000Z\"},"
                "\"webhooks\":{\"onCallComplete\":\"https://crm.example/c\","
                "\"onCallAttempt\":\"https://crm.example/a\",\"onEvent\":\"https://crm.example/e\"},"
                "\"agentId\":\"agent_7\",\"userId\":\"user_456\"}");
}

static void test_a_fresh_batch_divides_nothing_by_nothing(void **state)
{
    const struct batch_pulse pulse = {.now_ms = 1763283600500};
    (void)state;
    assert_json(status_of("state pending total 25 cursor 0", &pulse, false),
                "{\"batchId\":\"batch_c0_1\",\"status\":\"pending\",\"priority\":5,"
                "\"statistics\":{\"total\":25,\"processed\":0,\"succeeded\":0,\"failed\":0,\"pending\":25,"
                "\"percentComplete\":0,\"successRate\":0},"
                "\"performance\":{\"callsPerSecond\":0,\"estimatedTimeRemaining\":3,\"elapsedTime\":0},"
                "\"timestamps\":{\"createdAt\":\"2025-11-16T09:00:00.000Z\",\"startedAt\":null,\"completedAt\":null},"
                "\"webhooks\":null,\"agentId\":\"agent_7\",\"userId\":\"user_456\"}");
}

/* -1 for null. */
static double remaining(const char *fields, const struct batch_pulse *pulse)
{
    cJSON *built = status_of(fields, pulse, false);
    char *text = cJSON_PrintUnformatted(built);
    cJSON *json = cJSON_Parse(text);
    const cJSON *performance = cJSON_GetObjectItem(json, "performance");
    const cJSON *eta = cJSON_GetObjectItem(performance, "estimatedTimeRemaining");
    double value = cJSON_IsNull(eta) ? -1.0 : eta->valuedouble;
    cJSON_Delete(json);
    cJSON_Delete(built);
    cJSON_free(text);
    return value;
}

static void test_the_time_left_follows_from_fresh_contacts_and_waiting_retries(void **state)
{
    const struct batch_pulse none = {.now_ms = 1000}, slow = {.now_ms = 1000, .calls_per_second = 2.0},
                             retries = {.now_ms = 1000, .calls_per_second = 2.0, .last_retry_ms = 61500};
    (void)state;
    assert_true(remaining("state processing total 100 cursor 40", &none) == 6.0); /* at its limit */
    assert_true(remaining("state processing total 100 cursor 40", &slow) == 30.0);
    assert_true(remaining("state processing total 100 cursor 40", &retries) == 61.0);
    assert_true(remaining("state processing total 100 cursor 100", &slow) == 0.0);
    assert_true(remaining("state processing total 100 cursor 40 expired_ms 900", &slow) == 0.0);
    assert_true(remaining("state paused total 100 cursor 40", &slow) == -1.0);
    assert_true(remaining("state scheduled total 100 cursor 0", &none) == -1.0);
}

static double rate(const char *begins, int64_t now_us)
{
    redisReply *reply = make_reply(begins);
    double value = batch_report_rate(reply, now_us);
    freeReplyObject(reply);
    return value;
}

static void test_the_rate_is_of_the_last_begins(void **state)
{
    (void)state;
    assert_true(rate("", 5000000) == 0.0);
    assert_true(rate("4900000", 5000000) == 1.0);
    assert_true(rate("4100000 4200000 4300000 4400000 4500000 4600000 4700000 4800000 4900000 5000000", 5000000) ==
                10.0);
    assert_true(rate("1000000 3000000 5000000", 5000000) == 0.5); /* sparse: over the time they took */
    assert_true(rate("1000000 1500000 2000000 2500000", 2500000) == 2.0); /* at a limit of 2/s, just behind a begin */
    assert_true(rate("5100000", 5000000) == 1.0); /* reserved ahead */
    assert_true(rate("x", 5000000) == 0.0);
}

static void test_what_the_seed_does_not_tell_is_added_apart(void **state)
{
    const struct batch_pulse pulse = {.now_ms = 1763283600500};
    (void)state;
    cJSON *json = status_of(
        "state paused reason poison refusal refused total 25 cursor 9 live 2 ended 1 attempts 12 max_concurrent 40 "
        "start_ms 1763283600000 expires_ms 1763283610000 window {\"start\":\"09:00\"} tags "
        "[\"Q4\"] outcome:BUSY 2 outcome:COMPLETED 4 outcome:FAILED 0",
        &pulse, true);
    struct buf text;
    buf_init(&text, 1 << 16);
    assert_int_equal(json_print(json, &text), 0);
    assert_non_null(strstr(buf_str(&text),
                           "\"reason\":\"poison\",\"refusal\":\"refused\",\"redialOf\":null,\"tags\":[\"Q4\"],"
                           "\"trunk\":\"main\",\"maxCallsPerSecond\":10,"
                           "\"maxConcurrentCalls\":40,\"timezone\":\"UTC\",\"startsAt\":\"2025-11-16T09:00:00.000Z\","
                           "\"callingWindow\":{\"start\":\"09:00\"},\"expiresAt\":\"2025-11-16T09:00:10.000Z\","
                           "\"expiredAt\":null,\"attempts\":12,\"ongoing\":3,\"outcomes\":{\"COMPLETED\":4,\"BUSY\":2},"
                           "\"rejected\":0,\"duplicates\":0"));
    buf_free(&text);
    cJSON_Delete(json);
}

static void test_refuses_a_hash_that_makes_no_sense(void **state)
{
    static const struct {
        const char *hash;
        int err;
    } cases[] = {
        {"", ERR_NOT_FOUND},
        {COMMON, ERR_PROTOCOL},
        {COMMON "state asleep", ERR_PROTOCOL},
        {COMMON "state pending total many", ERR_PROTOCOL},
        {"state pending total 1", ERR_PROTOCOL},
        {COMMON "state pending total 9223372036854775807", ERR_PROTOCOL},
        {COMMON "state pending completed_ms 253402300800000", ERR_PROTOCOL},
        {COMMON "state paused reason \xC0\xAF", ERR_PROTOCOL},
        {COMMON "state pending tags [\"a\"", ERR_PROTOCOL},
        {COMMON "state pending tags {}", ERR_PROTOCOL},
        {COMMON "state pending window []", ERR_PROTOCOL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct batch_report report;
        redisReply *reply = make_reply(cases[i].hash);
        assert_int_equal(batch_report_read(reply, "batch_c0_1", &report), cases[i].err);
        freeReplyObject(reply);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_completed_batch_as_the_seed_tells_it),
        cmocka_unit_test(test_a_fresh_batch_divides_nothing_by_nothing),
        cmocka_unit_test(test_the_time_left_follows_from_fresh_contacts_and_waiting_retries),
        cmocka_unit_test(test_the_rate_is_of_the_last_begins),
        cmocka_unit_test(test_what_the_seed_does_not_tell_is_added_apart),
        cmocka_unit_test(test_refuses_a_hash_that_makes_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
