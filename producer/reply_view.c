/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/reply_view.h"

#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/instant.h"

const char *reply_view_text(const struct redisReply *fields, const char *field)
{
    const char *text;
    size_t len;
    return reply_str(reply_field(fields, field), &text, &len) == 0 ? text : NULL;
}

int64_t reply_view_number(const struct redisReply *fields, const char *field, int64_t otherwise)
{
    int64_t value;
    return reply_i64(reply_field(fields, field), &value) == 0 ? value : otherwise;
}

bool reply_view_add_text(cJSON *object, const char *name, const struct redisReply *fields, const char *field)
{
    return json_add_str(object, name, reply_view_text(fields, field)) != NULL;
}

bool reply_view_add_instant(cJSON *object, const char *name, const struct redisReply *fields, const char *field)
{
    return instant_add(object, name, reply_view_number(fields, field, 0));
}

bool reply_view_add_number(cJSON *object, const char *name, const struct redisReply *fields, const char *field)
{
    int64_t value;
    if (reply_i64(reply_field(fields, field), &value) == 0)
        return json_add_i64(object, name, value) != NULL;
    return json_add_str(object, name, NULL) != NULL;
}
