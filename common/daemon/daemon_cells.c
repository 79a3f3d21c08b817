/* SPDX-License-Identifier: Apache-2.0 */
#include "common/daemon/daemon_internal.h"

#include <stdio.h>
#include <string.h>

#include "common/base/ident.h"
#include "common/base/log.h"
#include "common/redis/keys.h"
#include "common/redis/schema.h"
#include "common/redis/script.h"
#include "version.h"

#define OPEN_DEADLINE_MS 5000
#define LEAVE_DEADLINE_MS 1000
#define RETRY_US 1000000
#define PRESENCE_US 10000000 /* a process is forgotten 35 s after it was heard of (cell_open.lua) */

static void on_timer(void *arg)
{
    struct daemon *d = arg;
    if (!redis_is_ready(d->redis))
        return;
    if (d->n_answered == d->n_asked)
        daemon_open_cells(d);
    else
        loop_timer_arm_us(d->cells_timer, RETRY_US);
}

/* Redis answers, but not this: it is full, or busy. */
static void not_opened(struct daemon *d, const char *cell, int err, const char *detail)
{
    log_warn("cell.not_opened", log_str("cell", cell), log_err(err), log_str("detail", detail));
    snprintf(d->refusal_detail, sizeof d->refusal_detail, "cell %s: %s", cell, detail ? detail : err_name(err));
    loop_timer_arm_us(d->cells_timer, RETRY_US);
}

/* What the user may not do in a cell it will not be permitted by waiting. */
static bool refuse_permission(struct daemon *d, const char *cell, const char *error)
{
    const char *user = conf_str(d->conf, "redis-user");
    char detail[sizeof d->refusal_detail];
    snprintf(detail, sizeof detail, "the user %s lacks a permission for cell_open in cell %s (ACL LOG tells which): %s",
             user ? user : "default", cell, error);
    return daemon_refuse(d, REDIS_REFUSAL_PERMISSION, detail);
}

static void all_opened(struct daemon *d)
{
    loop_timer_arm_us(d->cells_timer, PRESENCE_US);
    if (!d->is_redis_usable)
        daemon_usable(d);
}

static void on_opened(const struct redisReply *reply, int err, void *arg)
{
    struct daemon *d = arg;
    if (err)
        return; /* the connection went away: all is begun anew when it is ready again */
    size_t index = d->n_answered++;
    const char *cell = d->cells[index];
    int refused = reply_to_err(reply);
    if (!refused)
        refused = reply_i64(reply, &d->schemas[index]);
    if (refused == ERR_STATE) {
        log_error("cell.refused", log_str("cell", cell), log_err(refused), log_str("detail", reply_error(reply)));
        daemon_end(d, DAEMON_EXIT_CONFIGURATION);
        return;
    }
    if (refused == ERR_AUTH && refuse_permission(d, cell, reply_error(reply)))
        return;
    if (refused)
        not_opened(d, cell, refused, reply_error(reply));
    else if (++d->n_opened == d->n_cells)
        all_opened(d);
}

int64_t daemon_cell_schema(const struct daemon *d, const char *cell)
{
    for (size_t i = 0; i < d->n_cells; i++) {
        if (strcmp(d->cells[i], cell) == 0)
            return d->schemas[i];
    }
    return 0;
}

bool daemon_make_cells_timer(struct daemon *d)
{
    return loop_timer_create(d->loop, on_timer, d, &d->cells_timer) == 0;
}

/* Who this is, as the cells list it. A version is free text where somebody builds with one of his own. */
static void presence_text(const struct daemon *d, char ret_text[PRESENCE_CAP])
{
    snprintf(ret_text, PRESENCE_CAP, "%s/%s/%d/%d/", d->spec->name, d->id, SCHEMA_OLDEST, SCHEMA_NEWEST);
    size_t len = strlen(ret_text);
    for (const char *c = CARILLON_VERSION; *c && len + 1 < PRESENCE_CAP; c++)
        ret_text[len++] = ident_is_valid(c, 1, 1) || *c == '.' || *c == '+' ? *c : '-';
    ret_text[len] = '\0';
}

/* All at once: whatever the process asks Redis from now on comes behind them, so that nothing is asked of a cell that
 * has not noticed another Redis. */
void daemon_open_cells(struct daemon *d)
{
    char oldest[REDIS_I64_LEN], newest[REDIS_I64_LEN], closed[REDIS_I64_LEN], presence[PRESENCE_CAP];
    presence_text(d, presence);
    loop_timer_disarm(d->cells_timer);
    d->n_asked = d->n_answered = d->n_opened = 0;
    for (size_t i = 0; i < d->n_cells; i++) {
        struct key prefix = key_cell_prefix(d->cells[i]);
        const struct redis_arg args[] = {redis_arg_i64(SCHEMA_OLDEST, oldest), redis_arg_i64(SCHEMA_NEWEST, newest),
                                         redis_arg_str(redis_run_id(d->redis)),
                                         redis_arg_i64(LIMIT_CELL_CLOSED_MS, closed), redis_arg_str(presence)};
        int err = script_run(d->redis, LUA_CELL_OPEN, prefix.text, args, 5, OPEN_DEADLINE_MS, on_opened, d);
        if (err) {
            not_opened(d, d->cells[i], err, NULL);
            return;
        }
        d->n_asked++;
    }
}

void daemon_look_at_cells(struct daemon *d)
{
    if (d->n_answered == d->n_asked)
        daemon_open_cells(d);
}

static void on_left(const struct redisReply *reply, int err, void *arg)
{
    struct daemon *d = arg;
    (void)reply;
    (void)err; /* it is forgotten after a while anyway */
    d->n_leaving--;
}

void daemon_leave_cells(struct daemon *d)
{
    char presence[PRESENCE_CAP];
    presence_text(d, presence);
    if (!d->redis || !redis_is_ready(d->redis))
        return;
    loop_timer_disarm(d->cells_timer);
    for (size_t i = 0; i < d->n_cells; i++) {
        struct key key = key_processes(d->cells[i]);
        const struct redis_arg args[] = {redis_arg_str("ZREM"), key_arg(&key), redis_arg_str(presence)};
        if (redis_command(d->redis, args, 3, LEAVE_DEADLINE_MS, on_left, d) == 0)
            d->n_leaving++;
    }
}
