/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/redis_view.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/parse.h"
#include "common/json/json.h"
#include "common/redis/reply.h"

#define TEXT_CAP 64

/* "unknown" where INFO does not tell it, or at such length that it makes no sense. */
static void read_text(const struct redisReply *info, const char *name, char ret[TEXT_CAP])
{
    const char *text;
    size_t len;
    if (reply_info(info, name, &text, &len) != 0 || len >= TEXT_CAP) {
        text = "unknown";
        len = strlen(text);
    }
    memcpy(ret, text, len);
    ret[len] = '\0';
}

static bool add_text(cJSON *object, const char *member, const struct redisReply *info, const char *name)
{
    char text[TEXT_CAP];
    read_text(info, name, text);
    return json_add_str(object, member, text) != NULL;
}

/* `least`: what is below it means "none". */
static bool add_number(cJSON *object, const char *member, const struct redisReply *info, const char *name,
                       int64_t least)
{
    const char *text;
    size_t len;
    int64_t number;
    if (reply_info(info, name, &text, &len) != 0 || parse_i64(text, len, least, INT64_MAX, &number) != 0)
        return cJSON_AddNullToObject(object, member) != NULL;
    return json_add_i64(object, member, number) != NULL;
}

/* Redis's words are older than ours. */
static bool add_role(cJSON *object, const struct redisReply *info)
{
    char role[TEXT_CAP];
    read_text(info, "role", role);
    bool is_primary = strcmp(role, "master") == 0, is_replica = strcmp(role, "slave") == 0;
    return json_add_str(object, "role", is_primary ? "primary" : is_replica ? "replica" : role) != NULL;
}

/* Whether what is written now outlives Redis. */
static bool add_aof(cJSON *object, const struct redisReply *info)
{
    char enabled[TEXT_CAP], write[TEXT_CAP];
    read_text(info, "aof_enabled", enabled);
    read_text(info, "aof_last_write_status", write);
    const char *state = strcmp(enabled, "1") != 0 ? "off" : strcmp(write, "ok") == 0 ? "ok" : "failing";
    return json_add_str(object, "appendOnlyFile", state) != NULL;
}

int redis_view_json(const struct redisReply *info, int64_t round_trip_us, cJSON **ret_json)
{
    cJSON *object = cJSON_CreateObject();
    bool is_whole = add_text(object, "version", info, "redis_version") && add_role(object, info) &&
                    add_number(object, "uptimeSeconds", info, "uptime_in_seconds", 0) &&
                    json_add_i64(object, "roundTripUs", round_trip_us) &&
                    add_number(object, "commandsPerSecond", info, "instantaneous_ops_per_sec", 0) &&
                    add_number(object, "clients", info, "connected_clients", 0) &&
                    add_number(object, "replicas", info, "connected_slaves", 0) &&
                    add_number(object, "memoryUsedBytes", info, "used_memory", 0) &&
                    add_number(object, "memoryMaxBytes", info, "maxmemory", 1) &&
                    add_text(object, "evictionPolicy", info, "maxmemory_policy") && add_aof(object, info);
    if (!is_whole) {
        cJSON_Delete(object);
        return ERR_NOMEM;
    }
    *ret_json = object;
    return 0;
}
