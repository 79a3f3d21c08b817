/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cells.h"

#include <stdlib.h>

#include "common/base/log.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "common/redis/script.h"

#define OPEN_MS 5000

struct cells {
    struct daemon *daemon;
    size_t n_open;
};

int cells_create(struct daemon *d, struct cells **ret_cells)
{
    struct cells *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    c->daemon = d;
    *ret_cells = c;
    return 0;
}

void cells_free(struct cells *c)
{
    free(c);
}

static void on_open(const struct redisReply *reply, int err, void *arg)
{
    struct cells *c = arg;
    if (err)
        return; /* the connection is gone: they are opened when it is back */
    err = reply_to_err(reply);
    if (!err) {
        c->n_open++;
        return;
    }
    log_error("cell.refused", log_str("answer", reply_error(reply)), log_err(err));
    if (err == ERR_STATE)
        daemon_fail(c->daemon, "cell.schema", err);
}

void cells_open(struct cells *c)
{
    struct redis *redis = daemon_redis(c->daemon);
    c->n_open = 0;
    for (size_t i = 0; i < daemon_cell_count(c->daemon); i++) {
        struct key prefix = key_cell_prefix(daemon_cell(c->daemon, i));
        const struct redis_arg args[] = {redis_arg_str(KEY_SCHEMA), redis_arg_str(redis_run_id(redis))};
        int err = script_run(redis, LUA_CELL_OPEN, prefix.text, args, 2, OPEN_MS, on_open, c);
        if (err)
            log_warn("cell.not_opened", log_str("cell", daemon_cell(c->daemon, i)), log_err(err));
    }
}

bool cells_are_open(const struct cells *c)
{
    return c->n_open == daemon_cell_count(c->daemon);
}
