/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/admin_agents.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/encode.h"
#include "common/base/ident.h"
#include "common/base/limits.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/admin.h"
#include "producer/agent_list.h"
#include "producer/answer.h"
#include "producer/body.h"
#include "producer/list_query.h"

#define ID_FAULT "must have 1 to 128 characters, none of them a control character"
#define CHANGE_ARGS 2 /* of agent_set.lua, before the agents */

/* ---- GET: a page ---- */

struct page {
    const char *tenant;
    uint64_t limit;
    char after[BATCH_REQUEST_AGENT_BYTES + 1]; /* "": from the beginning */
};

static bool add_agent(cJSON *list, const struct agent *agent)
{
    cJSON *object = cJSON_CreateObject();
    if (json_add_str(object, "id", agent->id) && cJSON_AddBoolToObject(object, "active", agent->is_active) &&
        cJSON_AddItemToArray(list, object))
        return true;
    cJSON_Delete(object);
    return false;
}

/* Adds what lies behind page->after; `ret_next`: the first that has no place any more, or the list's end. */
static bool add_agents(const struct page *page, const struct agent_list *agents, cJSON *body, size_t *ret_next)
{
    cJSON *list = cJSON_AddArrayToObject(body, "agents");
    size_t i = 0;
    while (i < agents->n && strcmp(agents->items[i].id, page->after) <= 0)
        i++;
    for (uint64_t shown = 0; list && i < agents->n && shown < page->limit; shown++) {
        if (!add_agent(list, &agents->items[i++]))
            return false;
    }
    *ret_next = i;
    return list != NULL;
}

static cJSON *page_json(const struct page *page, const struct agent_list *agents)
{
    char cursor[2 * BATCH_REQUEST_AGENT_BYTES + 1] = "";
    size_t next = 0;
    cJSON *body = cJSON_CreateObject();
    bool is_whole = json_add_str(body, "tenant", page->tenant) && json_add_i64(body, "total", (int64_t)agents->n) &&
                    add_agents(page, agents, body, &next);
    if (is_whole && next < agents->n)
        encode_hex(agents->items[next - 1].id, strlen(agents->items[next - 1].id), cursor);
    if (is_whole && json_add_str(body, "nextCursor", cursor[0] ? cursor : NULL))
        return body;
    cJSON_Delete(body);
    return NULL;
}

static void on_agents(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    const struct page *page = arg;
    struct agent_list agents;
    if (!err)
        err = agent_list_read(reply, &agents);
    if (err) {
        exchange_fail(x, err);
        return;
    }
    exchange_answer(x, 200, page_json(page, &agents));
    agent_list_clear(&agents);
}

/* Answers 400 and gives false where it finds a fault. */
static bool read_query(struct exchange *x, struct page *page)
{
    const struct http_request *req = exchange_request(x);
    struct faults faults;
    faults_init(&faults, LIMIT_FAULTS);
    page->tenant = http_request_query(req, "tenant");
    if (!page->tenant || !ident_is_valid(page->tenant, strlen(page->tenant), LIMIT_ID_LEN))
        faults_add(&faults, "tenant", FAULT_REQUIRED, "must be the id of a tenant");
    list_limit_read(req, LIMIT_LIST, &page->limit, &faults);
    (void)list_place_read(req, sizeof page->after - 1, page->after, &faults);
    return exchange_take_faults(x, &faults);
}

static void run_list(struct exchange *x)
{
    static const char *const names[] = {"tenant", "limit", "cursor"};
    const char *cell = admin_cell(x, names, 3);
    struct page *page = cell ? calloc(1, sizeof *page) : NULL;
    if (!page) {
        if (cell)
            exchange_fail(x, ERR_NOMEM);
        return;
    }
    exchange_keep(x, page, free);
    if (!read_query(x, page))
        return;
    struct key key = key_tenant_agents(cell, page->tenant);
    const struct redis_arg args[] = {redis_arg_str("HGETALL"), key_arg(&key)};
    int err = exchange_command(x, args, 2, on_agents, page);
    if (err)
        exchange_fail(x, err);
}

/* ---- PUT, DELETE ---- */

struct change {
    bool is_put;
    const char *cell;
    const char *tenant; /* the body's */
    cJSON *body;
    struct faults faults;
    size_t n;
    struct redis_arg args[CHANGE_ARGS + 2 * LIMIT_AGENTS_CHANGED];
};

static void change_free(void *state)
{
    struct change *change = state;
    cJSON_Delete(change->body);
    faults_free(&change->faults);
    free(change);
}

static const char *action_of(const struct change *change)
{
    return change->is_put ? "agents.put" : "agents.delete";
}

static void log_change(const struct exchange *x, const struct change *change, int err)
{
    admin_log(x, action_of(change), change->tenant, change->cell, NULL, err);
}

static void on_changed(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    const struct change *change = arg;
    int64_t changed = 0, total = 0;
    if (!err)
        err = reply_i64(reply_at(reply, 0), &changed);
    if (!err)
        err = reply_i64(reply_at(reply, 1), &total);
    log_change(x, change, err);
    if (err == ERR_NOT_FOUND)
        admin_answer_missing(x, CODE_TENANT_NOT_FOUND);
    else if (err == ERR_STATE)
        exchange_error(x, 409, "TOO_MANY_AGENTS", "The tenant would have more agents than can be listed.", NULL);
    else if (err)
        exchange_fail(x, err);
    if (err)
        return;
    cJSON *body = cJSON_CreateObject();
    if (!cJSON_AddTrueToObject(body, "success") || !json_add_str(body, "tenant", change->tenant) ||
        !json_add_i64(body, "changed", changed) || !json_add_i64(body, "total", total)) {
        cJSON_Delete(body);
        body = NULL;
    }
    exchange_answer(x, 200, body);
}

static void put_agent(struct change *change, const char *id, const char *state)
{
    change->args[change->n++] = redis_arg_str(id);
    change->args[change->n++] = redis_arg_str(state);
}

static void read_removed(struct change *change, const cJSON *item, size_t i)
{
    if (!cJSON_IsString(item) || !agent_id_is_good(item->valuestring))
        faults_add_path(&change->faults, FAULT_LENGTH, ID_FAULT, "agentIds[%zu]", i);
    else
        put_agent(change, item->valuestring, "");
}

static void read_listed(struct change *change, const cJSON *item, size_t i)
{
    static const char *const known[] = {"id", "active"};
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(item, "id");
    const cJSON *active = cJSON_GetObjectItemCaseSensitive(item, "active");
    uint64_t before = faults_count(&change->faults);
    faults_at(&change->faults, "agents[%zu]", i);
    if (!cJSON_IsObject(item))
        faults_add(&change->faults, "", FAULT_TYPE, "must be an object");
    else if (!cJSON_IsString(id) || !agent_id_is_good(id->valuestring))
        faults_add(&change->faults, "id", FAULT_LENGTH, ID_FAULT);
    if (active && !cJSON_IsBool(active))
        faults_add(&change->faults, "active", FAULT_TYPE, "must be true or false");
    if (cJSON_IsObject(item))
        body_check_names(item, known, 2, &change->faults);
    faults_at(&change->faults, "%s", "");
    if (faults_count(&change->faults) == before)
        put_agent(change, id->valuestring, cJSON_IsFalse(active) ? "inactive" : "active");
}

static void judge(struct change *change)
{
    const char *member = change->is_put ? "agents" : "agentIds";
    const char *const known[] = {"tenant", member};
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(change->body, member), *item;
    size_t i = 0;
    body_check_names(change->body, known, 2, &change->faults);
    if (admin_read_id(change->body, "tenant", &change->faults))
        change->tenant = cJSON_GetObjectItemCaseSensitive(change->body, "tenant")->valuestring;
    if (!cJSON_IsArray(list)) {
        faults_add(&change->faults, member, list ? FAULT_TYPE : FAULT_REQUIRED, "must be a list of agents");
        return;
    }
    if (cJSON_GetArraySize(list) < 1 || cJSON_GetArraySize(list) > LIMIT_AGENTS_CHANGED) {
        faults_add(&change->faults, member, FAULT_LENGTH, "must hold 1 to %d agents", LIMIT_AGENTS_CHANGED);
        return;
    }
    cJSON_ArrayForEach(item, list)
    {
        if (change->is_put)
            read_listed(change, item, i++);
        else
            read_removed(change, item, i++);
    }
}

static void send_change(struct exchange *x, struct change *change)
{
    char most[REDIS_I64_LEN];
    admin_log_asked(x, action_of(change), change->tenant, change->cell, NULL);
    change->args[0] = redis_arg_str(change->tenant);
    change->args[1] = redis_arg_i64(LIMIT_AGENTS, most);
    int err = exchange_script_in(x, change->cell, LUA_AGENT_SET, change->args, change->n, on_changed, change);
    if (err) {
        log_change(x, change, err);
        exchange_fail(x, err);
    }
}

static void run_change(struct exchange *x, bool is_put)
{
    const char *cell = admin_cell(x, NULL, 0);
    struct change *change = cell ? calloc(1, sizeof *change) : NULL;
    if (!change) {
        if (cell)
            exchange_fail(x, ERR_NOMEM);
        return;
    }
    change->is_put = is_put;
    change->cell = cell;
    change->n = CHANGE_ARGS;
    faults_init(&change->faults, LIMIT_FAULTS);
    exchange_keep(x, change, change_free);
    change->body = body_read_object(x, false);
    if (!change->body)
        return;
    judge(change);
    if (faults_count(&change->faults) > 0)
        exchange_faults(x, &change->faults);
    else
        send_change(x, change);
}

/* ---- routes ---- */

static void run_put(struct exchange *x)
{
    run_change(x, true);
}

static void run_delete(struct exchange *x)
{
    run_change(x, false);
}

void admin_agents_list(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_OPERATOR, run_list);
}

void admin_agents_put(struct http_request *req, void *arg)
{
    exchange_begin_early(arg, req, ACCESS_OPERATOR, run_put);
}

void admin_agents_delete(struct http_request *req, void *arg)
{
    exchange_begin_early(arg, req, ACCESS_OPERATOR, run_delete);
}
