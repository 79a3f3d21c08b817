/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/admin_tenants.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/admin.h"
#include "producer/admin_list.h"
#include "producer/body.h"
#include "producer/tenant_settings.h"

/* A tenant that is being made or changed, from its body to the last reply. */
struct writing {
    bool is_new;
    const char *cell;
    const char *id; /* of the path, or the body's */
    cJSON *body;
    struct resource_change *change;
    const cJSON *trunk; /* the next of those that the body names to be looked for */
    size_t trunk_index;
    struct faults faults;
    struct admin_one shown;
};

static void writing_free(void *state)
{
    struct writing *w = state;
    resource_change_free(w->change);
    cJSON_Delete(w->body);
    faults_free(&w->faults);
    free(w);
}

/* Not done, or not known. */
static void fail(struct exchange *x, const struct writing *w, int err)
{
    admin_log(x, w->is_new ? "tenant.create" : "tenant.change", w->id, w->cell, w->body, err);
    exchange_fail(x, err);
}

/* ---- the last steps ---- */

static void finish(struct exchange *x, struct writing *w)
{
    admin_log(x, w->is_new ? "tenant.create" : "tenant.change", w->id, w->cell, w->body, 0);
    w->shown = (struct admin_one){&admin_view_tenants, w->cell, w->id, w->is_new ? 201 : 200};
    admin_show(x, &w->shown);
}

static void on_alias(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)reply;
    if (err)
        fail(x, arg, err);
    else
        finish(x, arg);
}

/* The directory holds the alias too: it is what a key's tenant is read from. */
static void write_alias(struct exchange *x, struct writing *w)
{
    const char *alias = tenant_settings_alias(w->body);
    if (!alias) {
        finish(x, w);
        return;
    }
    struct key key = key_dir_tenant(w->id);
    const struct redis_arg args[] = {redis_arg_str(alias[0] ? "HSET" : "HDEL"), key_arg(&key), redis_arg_str("alias"),
                                     redis_arg_str(alias)};
    int err = exchange_command(x, args, alias[0] ? 4 : 3, on_alias, w);
    if (err)
        fail(x, w, err);
}

static void on_written(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct writing *w = arg;
    (void)reply;
    if (err == ERR_EXISTS)
        admin_answer_exists(x, resource_tenant.exists_code);
    else if (err == ERR_NOT_FOUND)
        admin_answer_missing(x, resource_tenant.missing_code);
    else if (err)
        fail(x, w, err);
    else
        write_alias(x, w);
}

static void write_hash(struct exchange *x, struct writing *w)
{
    struct redis_arg args[RESOURCE_ARGS_MOST];
    size_t n = 0;
    int err = resource_change_args(w->change, &resource_tenant, w->id, w->is_new ? "create" : "set", args, &n);
    if (!err)
        err = exchange_script_in(x, w->cell, LUA_RESOURCE_SET, args, n, on_written, w);
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
    if (err)
        fail(x, w, err);
    else if (strcmp(cell, w->cell) != 0)
        exchange_error(x, 409, resource_tenant.exists_code, "There is one of that id already, in another cell.", NULL);
    else
        write_hash(x, w);
}

static void on_claimed(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct writing *w = arg;
    (void)reply;
    struct key key = key_dir_tenant(w->id);
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
    struct key key = key_dir_tenant(w->id);
    const struct redis_arg args[] = {redis_arg_str("HSETNX"), key_arg(&key), redis_arg_str("cell"),
                                     redis_arg_str(w->cell)};
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
        faults_add_path(&w->faults, FAULT_NOT_ALLOWED, "is no trunk of this cell", "trunks[%zu]", w->trunk_index);
    w->trunk = w->trunk->next;
    w->trunk_index++;
    look_for_trunks(x, w);
}

/* Every trunk that is named must be there: a typo would leave the tenant without one. */
static void look_for_trunks(struct exchange *x, struct writing *w)
{
    if (!w->trunk && faults_count(&w->faults) > 0) {
        exchange_faults(x, &w->faults);
    } else if (!w->trunk && w->is_new) {
        claim(x, w);
    } else if (!w->trunk) {
        write_hash(x, w);
    } else {
        struct key key = key_trunk(w->cell, w->trunk->valuestring);
        const struct redis_arg args[] = {redis_arg_str("EXISTS"), key_arg(&key)};
        int err = exchange_command(x, args, 2, on_trunk, w);
        if (err)
            exchange_fail(x, err);
    }
}

/* ---- the body ---- */

static void judge(struct writing *w)
{
    static const char id[] = "id";
    const char *known[TENANT_MEMBERS + 1] = {id};
    memcpy(known + 1, tenant_members, sizeof tenant_members);
    if (w->is_new)
        body_check_names(w->body, known, TENANT_MEMBERS + 1, &w->faults);
    else
        body_check_names(w->body, tenant_members, TENANT_MEMBERS, &w->faults);
    if (w->is_new && admin_read_id(w->body, id, &w->faults))
        w->id = cJSON_GetObjectItemCaseSensitive(w->body, id)->valuestring;
    tenant_settings_read(w->body, w->is_new, w->change, &w->faults);
}

static struct writing *begin(struct exchange *x)
{
    struct writing *w = calloc(1, sizeof *w);
    if (!w || resource_change_create(&w->change) != 0) {
        free(w);
        exchange_fail(x, ERR_NOMEM);
        return NULL;
    }
    faults_init(&w->faults, LIMIT_FAULTS);
    exchange_keep(x, w, writing_free);
    return w;
}

static void run_writing(struct exchange *x, bool is_new)
{
    struct writing *w = begin(x);
    if (!w)
        return;
    w->is_new = is_new;
    w->cell = admin_cell(x, NULL, 0);
    if (w->cell && !is_new)
        w->id = admin_path_id(x, resource_tenant.missing_code);
    if (!w->cell || (!is_new && !w->id) || !(w->body = body_read_object(x, false)))
        return;
    judge(w);
    if (faults_count(&w->faults) > 0) {
        exchange_faults(x, &w->faults);
        return;
    }
    const cJSON *trunks = cJSON_GetObjectItemCaseSensitive(w->body, "trunks");
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
    (void)exchange_begin(arg, req, ACCESS_OPERATOR, run_create);
}

void admin_tenants_change(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_OPERATOR, run_change);
}
