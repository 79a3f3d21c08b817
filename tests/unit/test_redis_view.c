/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/redis_view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "common/base/buf.h"
#include "common/json/json.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* The answer of INFO is `text`. */
static void assert_shown(const char *text, const char *expected)
{
    char copy[2048];
    struct buf out;
    cJSON *json;
    assert_true(strlen(text) < sizeof copy);
    memcpy(copy, text, strlen(text) + 1);
    redisReply info = {.type = REDIS_REPLY_STRING, .str = copy, .len = strlen(copy)};
    assert_int_equal(redis_view_json(&info, 250, &json), 0);
    buf_init(&out, 4096);
    assert_int_equal(json_print(json, &out), 0);
    assert_string_equal(buf_str(&out), expected);
    buf_free(&out);
    cJSON_Delete(json);
}

static void test_what_redis_tells_is_shown_in_our_words(void **state)
{
    (void)state;
    assert_shown(
        "# Server\r\nredis_version:7.0.15\r\nuptime_in_seconds:86400\r\n\r\n# Clients\r\nconnected_clients:7\r\n"
        "# Memory\r\nused_memory:734003200\r\nused_memory_human:700M\r\nmaxmemory:4294967296\r\n"
        "maxmemory_policy:noeviction\r\n# Persistence\r\naof_enabled:1\r\naof_last_write_status:ok\r\n"
        "# Stats\r\ninstantaneous_ops_per_sec:2140\r\n# Replication\r\nrole:master\r\nconnected_slaves:1\r\n",
        "{\"version\":\"7.0.15\",\"role\":\"primary\",\"uptimeSeconds\":86400,\"roundTripUs\":250,"
        "\"commandsPerSecond\":2140,\"clients\":7,\"replicas\":1,\"memoryUsedBytes\":734003200,"
        "\"memoryMaxBytes\":4294967296,\"evictionPolicy\":\"noeviction\",\"appendOnlyFile\":\"ok\"}");
}

static void test_no_limit_is_null_and_a_file_that_fails_is_told(void **state)
{
    (void)state;
    assert_shown("role:slave\nmaxmemory:0\nmaxmemory_policy:allkeys-lru\naof_enabled:1\naof_last_write_status:err\n",
                 "{\"version\":\"unknown\",\"role\":\"replica\",\"uptimeSeconds\":null,\"roundTripUs\":250,"
                 "\"commandsPerSecond\":null,\"clients\":null,\"replicas\":null,\"memoryUsedBytes\":null,"
                 "\"memoryMaxBytes\":null,\"evictionPolicy\":\"allkeys-lru\",\"appendOnlyFile\":\"failing\"}");
}

static void test_what_makes_no_sense_is_not_known(void **state)
{
    (void)state;
    static const char nothing[] = "{\"version\":\"unknown\",\"role\":\"unknown\",\"uptimeSeconds\":null,"
                                  "\"roundTripUs\":250,\"commandsPerSecond\":null,\"clients\":null,"
                                  "\"replicas\":null,\"memoryUsedBytes\":null,\"memoryMaxBytes\":null,"
                                  "\"evictionPolicy\":\"unknown\",\"appendOnlyFile\":\"off\"}";
    static const char *const texts[] = {
        "",
        "\r\n",
        "xrole:master\r\nuptime_in_seconds:-1\r\nconnected_clients:seven\r\nused_memory:\r\n",
        "role\r\nused_memory:99999999999999999999\r\naof_enabled:10\r\n",
        "redis_version:0123456789012345678901234567890123456789012345678901234567890123456789\r\n",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_shown(texts[i], nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_redis_tells_is_shown_in_our_words),
        cmocka_unit_test(test_no_limit_is_null_and_a_file_that_fails_is_told),
        cmocka_unit_test(test_what_makes_no_sense_is_not_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
