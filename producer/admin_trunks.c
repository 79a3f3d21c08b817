/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/admin_trunks.h"

#include <stdlib.h>

#include "common/redis/keys.h"
#include "producer/admin.h"
#include "producer/admin_list.h"
#include "producer/admin_write.h"
#include "producer/idempotency.h"
#include "producer/trunk_settings.h"

/* A trunk that is being made or changed. */
struct writing {
    struct admin_write write;
    struct trunk_settings has; /* before */
};

static void writing_free(void *state)
{
    struct writing *w = state;
    admin_write_clear(&w->write);
    trunk_settings_delete_body(w->write.body);
    trunk_settings_clear(&w->has);
    free(w);
}

/* Holds all that the trunk has and is given against its profile. */
static void judge(struct exchange *x, struct writing *w)
{
    int err = trunk_settings_judge(&w->has, w->write.body, &w->write.faults);
    if (!err && admin_write_is_refused(x, &w->write))
        return;
    admin_write_note_asked(x, &w->write);
    if (!err)
        err = trunk_settings_seal(w->write.body, w->write.id, exchange_api(x)->keys, w->write.change);
    if (err)
        admin_write_fail(x, &w->write, err);
    else
        admin_write_apply(x, &w->write);
}

static void on_settings(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct writing *w = arg;
    if (!err)
        err = trunk_settings_load(reply, &w->has);
    if (err == ERR_NOT_FOUND)
        admin_answer_missing(x, resource_trunk.missing_code);
    else if (err)
        exchange_fail(x, err);
    else
        judge(x, w);
}

static void ask_settings(struct exchange *x, struct writing *w)
{
    struct key key = key_trunk(w->write.cell, w->write.id);
    const struct redis_arg args[] = {redis_arg_str("HGETALL"), key_arg(&key)};
    int err = exchange_command(x, args, 2, on_settings, w);
    if (err)
        exchange_fail(x, err);
}

static void run_writing(struct exchange *x, bool is_new)
{
    struct writing *w = calloc(1, sizeof *w);
    if (!w) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    exchange_keep(x, w, writing_free);
    if (!admin_write_begin(x, &w->write, &admin_view_trunks, is_new, trunk_members, TRUNK_MEMBERS))
        return;
    trunk_settings_read(w->write.body, is_new, w->write.change, &w->write.faults);
    if (admin_write_is_refused(x, &w->write))
        return;
    if (is_new)
        judge(x, w);
    else
        ask_settings(x, w);
}

/* ---- routes ---- */

static void run_list(struct exchange *x)
{
    admin_run_list(x, &admin_view_trunks);
}

static void run_show(struct exchange *x)
{
    admin_run_show(x, &admin_view_trunks);
}

static void run_create(struct exchange *x)
{
    run_writing(x, true);
}

static void admitted_create(struct exchange *x)
{
    idempotency_claim(x, run_create);
}

static void run_change(struct exchange *x)
{
    run_writing(x, false);
}

void admin_trunks_list(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_OPERATOR, run_list);
}

void admin_trunks_show(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_OPERATOR, run_show);
}

void admin_trunks_create(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_OPERATOR, admitted_create);
}

void admin_trunks_change(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_OPERATOR, run_change);
}
