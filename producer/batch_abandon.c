/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_abandon.h"

static void on_abandoned(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)x;
    (void)reply;
    (void)err;
    (void)arg;
}

void batch_abandon(struct exchange *x, const char *batch_id)
{
    const struct redis_arg args[] = {redis_arg_str(batch_id), redis_arg_str(exchange_identity(x)->tenant)};
    (void)!exchange_script(x, LUA_BATCH_ABANDON, args, 2, on_abandoned, NULL);
}
