/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_begun.h"

#include <string.h>

#include "common/domain/batch_state.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/idempotency.h"

/* {state, sealed, total}; nothing is written where there is no such batch. */
static int read_begun(const struct redisReply *reply, struct batch_begun *ret, bool *ret_is_whole)
{
    const char *state;
    size_t len;
    int64_t is_sealed, total;
    if (reply_is_nil(reply_at(reply, 0)))
        return 0;
    int err = reply_str(reply_at(reply, 0), &state, &len);
    if (!err)
        err = reply_i64(reply_at(reply, 1), &is_sealed);
    if (!err)
        err = reply_i64(reply_at(reply, 2), &total);
    if (err || len > BATCH_BEGUN_STATE_LEN)
        return ERR_PROTOCOL;
    memcpy(ret->state, state, len);
    ret->total = (uint64_t)total;
    *ret_is_whole = is_sealed || strcmp(ret->state, batch_state_name(BATCH_STATE_DRAFT)) == 0;
    /* Given up long ago, and just being removed. */
    bool is_going = !*ret_is_whole && strcmp(ret->state, batch_state_name(BATCH_STATE_FAILED)) == 0;
    return is_going ? ERR_UNAVAILABLE : 0;
}

static void on_begun(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct batch_begun *begun = arg;
    bool is_whole = false;
    if (!err)
        err = read_begun(reply, begun, &is_whole);
    if (err)
        exchange_fail(x, err);
    else
        begun->fn(x, is_whole ? begun : NULL, begun->arg);
}

void batch_begun_ask(struct batch_begun *begun, struct exchange *x, batch_begun_fn fn, void *arg)
{
    if (!idempotency_is_resumed(x)) {
        fn(x, NULL, arg);
        return;
    }
    *begun = (struct batch_begun){.fn = fn, .arg = arg};
    struct key key = key_batch(exchange_identity(x)->cell, idempotency_batch_id(x));
    const struct redis_arg args[] = {redis_arg_str("HMGET"), key_arg(&key), redis_arg_str("state"),
                                     redis_arg_str("sealed"), redis_arg_str("total")};
    int err = exchange_command(x, args, 5, on_begun, begun);
    if (err)
        exchange_fail(x, err);
}
