/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/admin_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/ident.h"
#include "common/base/limits.h"
#include "common/json/json.h"
#include "producer/admin.h"
#include "producer/admin_list.h"
#include "producer/body.h"

static const char *const names[] = {"cell", "tenant", "trunk"};
#define KINDS (sizeof names / sizeof names[0])

struct changing {
    bool is_stop;
    size_t kind; /* of `names` */
    const char *cell;
    const char *id;
    cJSON *body;
    struct resource_change *change;
    struct admin_one shown;
};

static void changing_free(void *state)
{
    struct changing *c = state;
    resource_change_free(c->change);
    cJSON_Delete(c->body);
    free(c);
}

/* Of a tenant or trunk. */
static const struct admin_view *view_of(const struct changing *c)
{
    return c->kind == 1 ? &admin_view_tenants : &admin_view_trunks;
}

#define ACTION_CAP 32

static const char *action_of(const struct changing *c, char buffer[ACTION_CAP])
{
    (void)snprintf(buffer, ACTION_CAP, "%s.%s", names[c->kind], c->is_stop ? "stop" : "start");
    return buffer;
}

static void log_change(const struct exchange *x, const struct changing *c, int err)
{
    char action[ACTION_CAP];
    admin_log(x, action_of(c, action), c->id, c->cell, NULL, err);
}

static void answer_cell(struct exchange *x, const struct changing *c)
{
    cJSON *body = cJSON_CreateObject();
    if (!json_add_str(body, "cell", c->id) || !json_add_str(body, "state", c->is_stop ? "stopped" : "active")) {
        cJSON_Delete(body);
        body = NULL;
    }
    exchange_answer(x, 200, body);
}

static void on_changed(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct changing *c = arg;
    (void)reply;
    log_change(x, c, err);
    if (err == ERR_NOT_FOUND && c->kind > 0) {
        admin_answer_missing(x, view_of(c)->kind->missing_code);
    } else if (err) {
        exchange_fail(x, err);
    } else if (c->kind == 0) {
        answer_cell(x, c);
    } else {
        c->shown = (struct admin_one){.view = view_of(c), .cell = c->cell, .id = c->id, .status = 200};
        admin_show(x, &c->shown);
    }
}

static int send_change(struct exchange *x, struct changing *c)
{
    if (c->kind == 0) {
        const struct redis_arg args[] = {redis_arg_str(c->is_stop ? "stop" : "start")};
        return exchange_script_in(x, c->id, LUA_CELL_STOP, args, 1, on_changed, c);
    }
    struct redis_arg args[RESOURCE_ARGS_MOST];
    size_t n = 0;
    int err = resource_change_create(&c->change);
    if (err)
        return err;
    resource_put_stopped(c->change, c->is_stop, clock_wall_ms());
    err = resource_change_args(c->change, view_of(c)->kind, c->id, "set", args, &n);
    return err ? err : exchange_script_in(x, c->cell, LUA_RESOURCE_SET, args, n, on_changed, c);
}

/* ---- the body ---- */

/* Exactly one of the three; false where there is a fault. */
static bool judge(const struct exchange *x, struct changing *c, struct faults *faults)
{
    const cJSON *member = c->body->child;
    size_t kind = 0;
    body_check_names(c->body, names, KINDS, faults);
    if (cJSON_GetArraySize(c->body) != 1) {
        faults_add(faults, "", FAULT_REQUIRED, "must name one cell, one tenant or one trunk");
        return false;
    }
    while (kind < KINDS && strcmp(names[kind], member->string) != 0)
        kind++;
    if (kind == KINDS || !admin_read_id(c->body, member->string, faults))
        return false;
    c->kind = kind;
    c->id = member->valuestring;
    if (kind > 0 || api_serves_cell(exchange_api(x), c->id))
        return true;
    faults_add(faults, "cell", FAULT_NOT_ALLOWED, "must be a cell that this server serves");
    return false;
}

static bool read_body(struct exchange *x, struct changing *c)
{
    struct faults faults;
    c->body = body_read_object(x, false);
    if (!c->body)
        return false;
    faults_init(&faults, LIMIT_FAULTS);
    bool is_good = judge(x, c, &faults);
    if (!is_good)
        exchange_faults(x, &faults);
    faults_free(&faults);
    return is_good;
}

static void run(struct exchange *x, bool is_stop)
{
    struct changing *c = calloc(1, sizeof *c);
    if (!c) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    c->is_stop = is_stop;
    exchange_keep(x, c, changing_free);
    c->cell = admin_cell(x, NULL, 0);
    if (!c->cell || !read_body(x, c))
        return;
    if (c->kind == 0)
        c->cell = c->id;
    char action[ACTION_CAP];
    admin_log_asked(x, action_of(c, action), c->id, c->cell, NULL);
    int err = send_change(x, c);
    if (err) {
        log_change(x, c, err);
        exchange_fail(x, err);
    }
}

static void run_stop(struct exchange *x)
{
    run(x, true);
}

static void run_start(struct exchange *x)
{
    run(x, false);
}

void admin_state_stop(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_OPERATOR, run_stop);
}

void admin_state_start(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_OPERATOR, run_start);
}
