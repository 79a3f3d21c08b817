/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/admin_write.h"

#include <stdio.h>
#include <string.h>

#include "common/base/limits.h"
#include "producer/admin.h"
#include "producer/body.h"
#include "producer/idempotency.h"

#define ACTION_CAP 32

static const char *action_of(const struct admin_write *w, char buffer[ACTION_CAP])
{
    (void)snprintf(buffer, ACTION_CAP, "%s.%s", w->view->kind->name, w->is_new ? "create" : "change");
    return buffer;
}

void admin_write_note_not_done(const struct exchange *x, const struct admin_write *w, int err)
{
    char action[ACTION_CAP];
    admin_log(x, action_of(w, action), w->id, w->cell, w->body, err);
}

void admin_write_note_asked(const struct exchange *x, const struct admin_write *w)
{
    char action[ACTION_CAP];
    admin_log_asked(x, action_of(w, action), w->id, w->cell, w->body);
}

void admin_write_fail(struct exchange *x, const struct admin_write *w, int err)
{
    admin_write_note_not_done(x, w, err);
    exchange_fail(x, err);
}

void admin_write_finish(struct exchange *x, struct admin_write *w)
{
    char action[ACTION_CAP];
    admin_log(x, action_of(w, action), w->id, w->cell, w->body, 0);
    w->shown = (struct admin_one){.view = w->view, .cell = w->cell, .id = w->id, .status = w->is_new ? 201 : 200};
    admin_show(x, &w->shown);
}

void admin_write_clear(struct admin_write *w)
{
    resource_change_free(w->change);
    faults_free(&w->faults);
}

bool admin_write_is_refused(struct exchange *x, const struct admin_write *w)
{
    if (faults_count(&w->faults) == 0)
        return false;
    exchange_faults(x, &w->faults);
    return true;
}

/* ---- the body ---- */

static void check_names(struct admin_write *w, const char *const *members, size_t n_members)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, w->body)
    {
        size_t i = 0;
        while (i < n_members && strcmp(members[i], member->string) != 0)
            i++;
        if (i == n_members && !(w->is_new && strcmp(member->string, "id") == 0))
            faults_add(&w->faults, member->string, FAULT_UNKNOWN_FIELD, "is not a known field");
    }
}

bool admin_write_begin(struct exchange *x, struct admin_write *w, const struct admin_view *view, bool is_new,
                       const char *const *members, size_t n_members)
{
    w->view = view;
    w->is_new = is_new;
    faults_init(&w->faults, LIMIT_FAULTS);
    if (resource_change_create(&w->change) != 0) {
        exchange_fail(x, ERR_NOMEM);
        return false;
    }
    w->cell = admin_cell(x, NULL, 0);
    if (w->cell && !is_new)
        w->id = admin_path_id(x, view->kind->missing_code);
    if (w->cell && (is_new || w->id))
        w->body = body_read_object(x, false);
    if (!w->body)
        return false;
    check_names(w, members, n_members);
    if (is_new && admin_read_id(w->body, "id", &w->faults))
        w->id = cJSON_GetObjectItemCaseSensitive(w->body, "id")->valuestring;
    return true;
}

/* ---- writing ---- */

static void refuse(struct exchange *x, const struct admin_write *w, int err)
{
    if (err == ERR_EXISTS)
        admin_answer_exists(x, w->view->kind->exists_code);
    else if (err == ERR_NOT_FOUND)
        admin_answer_missing(x, w->view->kind->missing_code);
    else if (err == ERR_STATE)
        exchange_error(x, 409, "NO_CREDIT_LIMIT", "The tenant has no limit of credits to add to: credits sets one.",
                       NULL);
    else if (err == ERR_TOO_LARGE)
        exchange_bad_argument(x, "addCredits", "would give the tenant more than can be kept: 1000000000000");
    else
        exchange_fail(x, err);
}

static void on_written(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct admin_write *w = arg;
    (void)reply;
    if (err == ERR_EXISTS && w->is_new && idempotency_is_resumed(x))
        err = 0; /* written by the try before this one */
    if (err) {
        admin_write_note_not_done(x, w, err);
        refuse(x, w, err);
    } else if (w->on_written) {
        w->on_written(x);
    } else {
        admin_write_finish(x, w);
    }
}

void admin_write_apply(struct exchange *x, struct admin_write *w)
{
    struct redis_arg args[RESOURCE_ARGS_MOST];
    size_t n = 0;
    int err = resource_change_args(w->change, w->view->kind, w->id, w->is_new ? "create" : "set", args, &n);
    if (!err)
        err = exchange_script_in(x, w->cell, LUA_RESOURCE_SET, args, n, on_written, w);
    if (err)
        admin_write_fail(x, w, err);
}
