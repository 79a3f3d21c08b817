/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_lookup.h"

#include <string.h>

#include "common/redis/keys.h"

static void on_hash(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct batch_lookup *lookup = arg;
    struct batch_report report;
    if (!err)
        err = batch_report_read(reply, lookup->id, &report);
    if (err && err != ERR_NOT_FOUND) {
        exchange_fail(x, err);
        return;
    }
    bool is_visible = !err && (report.is_sealed || report.state == BATCH_STATE_DRAFT);
    bool is_theirs = is_visible && strcmp(report.tenant, exchange_identity(x)->tenant) == 0;
    lookup->fn(x, is_theirs ? &report : NULL, lookup->arg);
}

void batch_lookup_ask(struct batch_lookup *lookup, struct exchange *x, batch_lookup_fn fn, void *arg)
{
    struct key key = key_batch(exchange_identity(x)->cell, lookup->id);
    const struct redis_arg args[] = {redis_arg_str("HGETALL"), key_arg(&key)};
    lookup->fn = fn;
    lookup->arg = arg;
    int err = exchange_command(x, args, 2, on_hash, lookup);
    if (err)
        exchange_fail(x, err);
}
