/* SPDX-License-Identifier: Apache-2.0 */
#include "common/daemon/daemon_internal.h"

#include "common/base/log.h"
#include "common/redis/script.h"

#define SCHEMA_VERSION 1
#define OPEN_DEADLINE_MS 5000

static void open_next(struct daemon *d);

static void on_opened(const struct redisReply *reply, int err, void *arg)
{
    struct daemon *d = arg;
    if (err)
        return; /* the connection went away: it is begun anew when it is ready again */
    if (reply_to_err(reply)) {
        log_error("cell.refused", log_str("cell", d->cells[d->n_opened]), log_err(reply_to_err(reply)),
                  log_str("detail", reply_error(reply)));
        daemon_end(d, DAEMON_EXIT_CONFIGURATION);
        return;
    }
    d->n_opened++;
    open_next(d);
}

static void open_next(struct daemon *d)
{
    if (d->n_opened == d->n_cells) {
        daemon_usable(d);
        return;
    }
    char schema[REDIS_I64_LEN];
    struct key prefix = key_cell_prefix(d->cells[d->n_opened]);
    const struct redis_arg args[] = {redis_arg_i64(SCHEMA_VERSION, schema), redis_arg_str(redis_run_id(d->redis))};
    int err = script_run(d->redis, LUA_CELL_OPEN, prefix.text, args, 2, OPEN_DEADLINE_MS, on_opened, d);
    if (err)
        log_warn("cell.not_opened", log_str("cell", d->cells[d->n_opened]), log_err(err));
}

void daemon_open_cells(struct daemon *d)
{
    d->n_opened = 0;
    open_next(d);
}
