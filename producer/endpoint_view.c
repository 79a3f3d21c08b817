/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/endpoint_view.h"

#include <string.h>

#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/instant.h"
#include "producer/reply_view.h"

#define ROOM 2 /* lib/hook_health.lua: of an endpoint that has not proved itself */
#define SECOND_MS 1000

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Until when nothing is sent there; 0: now. */
static int64_t paused_until_ms(const struct redisReply *fields)
{
    int64_t until_ms =
        later(reply_view_number(fields, "paused_until_ms", 0), reply_view_number(fields, "open_until_ms", 0));
    return until_ms > reply_view_number(fields, "now_ms", 0) ? until_ms : 0;
}

/* Why the status is not "active". */
static const char *reason_of(const char *status, const struct redisReply *fields)
{
    if (strcmp(status, "disabled") == 0)
        return reply_view_text(fields, "reason");
    if (strcmp(status, "paused") == 0)
        return reply_view_number(fields, "paused_until_ms", 0) > reply_view_number(fields, "now_ms", 0) ? "retry_after"
                                                                                                        : "failing";
    if (strcmp(status, "degraded") == 0)
        return reply_view_number(fields, "failures", 0) > 0 ? "failing" : "slow";
    return NULL;
}

static const char *notice_of(const struct redisReply *fields)
{
    static const char *const words[] = {NULL, "failing_for_a_day", "failing_for_four_days"};
    int64_t notice = reply_view_number(fields, "notice", 0);
    return notice >= 0 && notice < (int64_t)(sizeof words / sizeof words[0]) ? words[notice] : NULL;
}

static bool add_health(cJSON *object, const struct redisReply *fields)
{
    return reply_view_add_instant(object, "lastSuccessAt", fields, "last_success_ms") &&
           reply_view_add_instant(object, "failingSince", fields, "failing_since_ms") &&
           json_add_i64(object, "consecutiveFailures", reply_view_number(fields, "failures", 0)) &&
           instant_add(object, "pausedUntil", paused_until_ms(fields)) &&
           json_add_i64(object, "room", reply_view_number(fields, "room", ROOM)) &&
           reply_view_add_number(object, "latencyMs", fields, "latency_ms") &&
           json_add_str(object, "notice", notice_of(fields));
}

static bool add_waiting(cJSON *object, const struct redisReply *fields)
{
    int64_t oldest_ms = reply_view_number(fields, "oldest_ms", 0);
    int64_t age_ms = oldest_ms > 0 ? reply_view_number(fields, "now_ms", 0) - oldest_ms : 0;
    return json_add_i64(object, "pending", reply_view_number(fields, "pending", 0)) &&
           json_add_i64(object, "oldestPendingSeconds", age_ms > 0 ? age_ms / SECOND_MS : 0);
}

cJSON *endpoint_view(const struct redisReply *pair)
{
    const struct redisReply *fields = reply_at(pair, 1);
    const char *id, *status = reply_view_text(fields, "health"), *signature = reply_view_text(fields, "signature");
    size_t len;
    cJSON *object = cJSON_CreateObject();
    if (status && reply_str(reply_at(pair, 0), &id, &len) == 0 && json_add_str(object, "id", id) &&
        reply_view_add_text(object, "origin", fields, "origin") && json_add_str(object, "status", status) &&
        json_add_str(object, "reason", reason_of(status, fields)) &&
        json_add_str(object, "signature", signature ? signature : "standard") &&
        reply_view_add_instant(object, "createdAt", fields, "created_ms") &&
        reply_view_add_instant(object, "rotatedAt", fields, "rotated_ms") &&
        reply_view_add_instant(object, "disabledAt", fields, "disabled_ms") && add_health(object, fields) &&
        add_waiting(object, fields))
        return object;
    cJSON_Delete(object);
    return NULL;
}
