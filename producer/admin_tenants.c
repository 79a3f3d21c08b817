/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/admin_tenants.h"

#include <stdlib.h>
#include <string.h>

#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/admin_list.h"
#include "producer/admin_write.h"
#include "producer/idempotency.h"
#include "producer/tenant_settings.h"

/* A tenant that is being made or changed. */
struct writing {
    struct admin_write write;
    const cJSON *trunk; /* the next of those that the body names to be looked for */
    size_t trunk_index;
    size_t place; /* the next of what the directory is to hold */
};

static void writing_free(void *state)
{
    struct writing *w = state;
    admin_write_clear(&w->write);
    cJSON_Delete(w->write.body);
    free(w);
}

static void fail(struct exchange *x, const struct writing *w, int err)
{
    admin_write_fail(x, &w->write, err);
}

/* ---- what the directory holds too: it is what a key's tenant is read from ---- */

static void write_places(struct exchange *x);

static void on_place(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)reply;
    if (err)
        fail(x, arg, err);
    else
        write_places(x);
}

static void write_places(struct exchange *x)
{
    struct writing *w = exchange_kept(x);
    const char *field;
    char value[TENANT_PLACE_CAP];
    while (w->place < TENANT_PLACES && !tenant_settings_place(w->write.body, w->place, &field, value))
        w->place++;
    if (w->place >= TENANT_PLACES) {
        admin_write_finish(x, &w->write);
        return;
    }
    w->place++;
    struct key key = key_dir_tenant(w->write.id);
    const struct redis_arg args[] = {redis_arg_str(value[0] ? "HSET" : "HDEL"), key_arg(&key), redis_arg_str(field),
                                     redis_arg_str(value)};
    int err = exchange_command(x, args, value[0] ? 4 : 3, on_place, w);
    if (err)
        fail(x, w, err);
}

/* ---- the cell of a new one ---- */

static void on_cell(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct writing *w = arg;
    const char *cell = "";
    size_t len = 0;
    if (!err)
        err = reply_str(reply, &cell, &len);
    if (err) {
        fail(x, w, err);
    } else if (strcmp(cell, w->write.cell) != 0) {
        admin_write_note_not_done(x, &w->write, ERR_EXISTS);
        exchange_error(x, 409, resource_tenant.exists_code, "There is one of that id already, in another cell.", NULL);
    } else {
        admin_write_apply(x, &w->write);
    }
}

static void on_claimed(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct writing *w = arg;
    (void)reply;
    struct key key = key_dir_tenant(w->write.id);
    const struct redis_arg args[] = {redis_arg_str("HGET"), key_arg(&key), redis_arg_str("cell")};
    if (!err)
        err = exchange_command(x, args, 3, on_cell, w);
    if (err)
        fail(x, w, err);
}

/* Writes down first that the tenant lives in this cell: it never moves by accident, and a creation that broke off can
 * be repeated. */
static void claim(struct exchange *x, struct writing *w)
{
    struct key key = key_dir_tenant(w->write.id);
    const struct redis_arg args[] = {redis_arg_str("HSETNX"), key_arg(&key), redis_arg_str("cell"),
                                     redis_arg_str(w->write.cell)};
    int err = exchange_command(x, args, 4, on_claimed, w);
    if (err)
        fail(x, w, err);
}

/* ---- its trunks ---- */

static void look_for_trunks(struct exchange *x, struct writing *w);

static void on_trunk(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct writing *w = arg;
    int64_t exists = 0;
    if (!err)
        err = reply_i64(reply, &exists);
    if (err) {
        exchange_fail(x, err);
        return;
    }
    if (!exists)
        faults_add_path(&w->write.faults, FAULT_NOT_ALLOWED, "is no trunk of this cell", "trunks[%zu]", w->trunk_index);
    w->trunk = w->trunk->next;
    w->trunk_index++;
    look_for_trunks(x, w);
}

/* Every trunk that is named must be there: a typo would leave the tenant without one. */
static void look_for_trunks(struct exchange *x, struct writing *w)
{
    if (!w->trunk && admin_write_is_refused(x, &w->write))
        return;
    if (!w->trunk)
        admin_write_note_asked(x, &w->write);
    if (!w->trunk && w->write.is_new) {
        claim(x, w);
    } else if (!w->trunk) {
        admin_write_apply(x, &w->write);
    } else {
        struct key key = key_trunk(w->write.cell, w->trunk->valuestring);
        const struct redis_arg args[] = {redis_arg_str("EXISTS"), key_arg(&key)};
        int err = exchange_command(x, args, 2, on_trunk, w);
        if (err)
            exchange_fail(x, err);
    }
}

/* ---- the body ---- */

static void run_writing(struct exchange *x, bool is_new)
{
    struct writing *w = calloc(1, sizeof *w);
    if (!w) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    exchange_keep(x, w, writing_free);
    w->write.on_written = write_places;
    if (!admin_write_begin(x, &w->write, &admin_view_tenants, is_new, tenant_members, TENANT_MEMBERS))
        return;
    tenant_settings_read(w->write.body, is_new, w->write.change, &w->write.faults);
    if (admin_write_is_refused(x, &w->write))
        return;
    const cJSON *trunks = cJSON_GetObjectItemCaseSensitive(w->write.body, "trunks");
    w->trunk = trunks ? trunks->child : NULL;
    look_for_trunks(x, w);
}

/* ---- routes ---- */

static void run_list(struct exchange *x)
{
    admin_run_list(x, &admin_view_tenants);
}

static void run_show(struct exchange *x)
{
    admin_run_show(x, &admin_view_tenants);
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

void admin_tenants_list(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_OPERATOR, run_list);
}

void admin_tenants_show(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_OPERATOR, run_show);
}

void admin_tenants_create(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_OPERATOR, admitted_create);
}

void admin_tenants_change(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_OPERATOR, run_change);
}
