/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/instant.h"

#include "common/base/limits.h"
#include "common/base/timestamp.h"
#include "common/json/json.h"
#include "common/redis/reply.h"

bool instant_add(cJSON *object, const char *name, int64_t ms)
{
    char text[TIMESTAMP_LEN + 1];
    if (ms == 0)
        return json_add_str(object, name, NULL) != NULL;
    timestamp_format(ms, text);
    return json_add_str(object, name, text) != NULL;
}

int instant_read(const struct redisReply *reply, int64_t *ret_ms)
{
    const char *text;
    size_t len;
    int err = reply_str(reply, &text, &len);
    if (err || len == 0) {
        *ret_ms = 0;
        return err;
    }
    err = reply_i64(reply, ret_ms);
    return !err && (*ret_ms < 0 || *ret_ms > LIMIT_INSTANT_MS) ? ERR_PROTOCOL : err;
}
