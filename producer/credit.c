/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/credit.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"

int credit_read(struct exchange *x, exchange_reply_fn fn, void *arg)
{
    const struct identity *identity = exchange_identity(x);
    struct key key = key_tenant(identity->cell, identity->tenant);
    const struct redis_arg args[] = {redis_arg_str("HGET"), key_arg(&key), redis_arg_str(CREDIT_FIELD)};
    return exchange_command(x, args, 3, fn, arg);
}

static void refuse(struct exchange *x, int64_t required, int64_t available)
{
    char message[128];
    snprintf(message, sizeof message, "Estimated %" PRId64 " minutes required, but only %" PRId64 " available",
             required, available);
    cJSON *details = cJSON_CreateObject();
    (void)(json_add_i64(details, "estimatedMinutesRequired", required) &&
           json_add_i64(details, "availableMinutes", available));
    exchange_error(x, 402, "INSUFFICIENT_CREDITS", message, details);
}

static int64_t required_minutes(uint64_t contacts)
{
    return (int64_t)contacts * CREDIT_MINUTES_PER_CONTACT;
}

bool credit_suffices(const struct redisReply *available_s, uint64_t contacts)
{
    int64_t left_s;
    return reply_is_nil(available_s) ||
           (reply_i64(available_s, &left_s) == 0 && left_s / 60 >= required_minutes(contacts));
}

bool credit_covers(struct exchange *x, const struct redisReply *available_s, uint64_t contacts)
{
    int64_t left_s;
    if (credit_suffices(available_s, contacts))
        return true;
    int err = reply_i64(available_s, &left_s);
    if (err)
        exchange_fail(x, err);
    else
        refuse(x, required_minutes(contacts), left_s / 60);
    return false;
}
