/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/resource.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/ident.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/cli/out.h"

#define FIELDS_MOST 50 /* of resource_set.lua */
#define LIST_MOST 16384

const struct resource_kind resource_tenant = {"tenant", "t", key_tenant, key_tenant_index};
const struct resource_kind resource_trunk = {"trunk", "k", key_trunk, key_trunk_index};

bool resource_check_id(const char *id)
{
    if (ident_is_valid(id, strlen(id), LIMIT_ID_LEN))
        return true;
    out_complain("'%s' is no id: 1 to %d letters, digits, _ and -", id, LIMIT_ID_LEN);
    return false;
}

/* ---- changing ---- */

struct resource_change {
    char *texts[2 * FIELDS_MOST]; /* field, value, ... */
    size_t n;
    bool is_broken; /* memory ran out */
};

int resource_change_create(struct resource_change **ret_change)
{
    struct resource_change *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    *ret_change = c;
    return 0;
}

void resource_change_free(struct resource_change *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++)
        free(c->texts[i]);
    free(c);
}

bool resource_change_is_empty(const struct resource_change *c)
{
    return c->n == 0;
}

void resource_put_str(struct resource_change *c, const char *field, const char *text)
{
    if (c->n + 2 > sizeof c->texts / sizeof c->texts[0]) {
        c->is_broken = true;
        return;
    }
    c->texts[c->n] = strdup(field);
    c->texts[c->n + 1] = strdup(text);
    c->is_broken = c->is_broken || !c->texts[c->n] || !c->texts[c->n + 1];
    c->n += 2;
}

void resource_put_i64(struct resource_change *c, const char *field, int64_t value)
{
    char text[REDIS_I64_LEN];
    (void)redis_arg_i64(value, text);
    resource_put_str(c, field, text);
}

void resource_put_list(struct resource_change *c, const char *field, const char *const *texts, size_t n)
{
    struct buf text;
    cJSON *array = cJSON_CreateArray();
    buf_init(&text, LIST_MOST);
    bool is_whole = array != NULL;
    for (size_t i = 0; i < n && is_whole; i++)
        is_whole = cJSON_AddItemToArray(array, cJSON_CreateString(texts[i]));
    if (is_whole && json_print(array, &text) == 0)
        resource_put_str(c, field, buf_str(&text));
    else
        c->is_broken = true;
    cJSON_Delete(array);
    buf_free(&text);
}

void resource_put_option(struct resource_change *c, const struct conf *conf, const char *option, const char *field,
                         bool zero_is_none)
{
    if (!conf_is_set(conf, option))
        return;
    int64_t value = conf_i64(conf, option);
    if (value == 0 && zero_is_none)
        resource_put_str(c, field, "");
    else
        resource_put_i64(c, field, value);
}

enum cli_exit resource_apply(struct session *s, const struct resource_kind *kind, const char *id, const char *how,
                             const struct resource_change *c)
{
    struct redis_arg args[3 + 2 * FIELDS_MOST] = {redis_arg_str(kind->letter), redis_arg_str(id), redis_arg_str(how)};
    size_t n = 3;
    if (c->is_broken) {
        out_complain("out of memory, or more than %d fields", FIELDS_MOST);
        return CLI_FAILED;
    }
    for (size_t i = 0; i < c->n; i++)
        args[n++] = redis_arg_str(c->texts[i]);
    int rc = session_script(s, LUA_RESOURCE_SET, args, n, NULL, NULL);
    if (rc == ERR_EXISTS)
        out_complain("there is a %s %s already: 'carillon %s set %s' changes it", kind->name, id, kind->name, id);
    else if (rc == ERR_NOT_FOUND)
        out_complain("there is no %s %s in cell %s", kind->name, id, session_cell(s));
    return rc == 0 ? CLI_DONE : CLI_FAILED;
}

enum cli_exit resource_say(struct session *s, const struct resource_kind *kind, const char *id, const char *done)
{
    if (!session_is_json(s)) {
        out_line("%s %s %s", kind->name, id, done);
        return CLI_DONE;
    }
    cJSON *object = cJSON_CreateObject();
    json_add_str(object, kind->name, id);
    json_add_str(object, "done", done);
    return out_json_take(object);
}

/* ---- looking ---- */

static int take_integer(const struct redisReply *reply, void *arg)
{
    return reply_i64(reply, arg);
}

int resource_exists(struct session *s, const struct resource_kind *kind, const char *id, bool *ret_exists)
{
    struct key key = kind->key(session_cell(s), id);
    const struct redis_arg args[] = {redis_arg_str("EXISTS"), key_arg(&key)};
    int64_t exists = 0;
    int rc = session_command(s, args, 2, take_integer, &exists);
    if (rc == 0)
        *ret_exists = exists == 1;
    return rc;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int take_ids(const struct redisReply *reply, void *arg)
{
    struct resource_ids *ids = arg;
    size_t n = reply_len(reply);
    ids->items = calloc(n > 0 ? n : 1, sizeof *ids->items);
    if (!ids->items)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const char *text;
        size_t len;
        if (reply_str(reply_at(reply, i), &text, &len) != 0 || !ident_is_valid(text, len, LIMIT_ID_LEN))
            return ERR_PROTOCOL;
        memcpy(ids->items[ids->n++], text, len + 1);
    }
    qsort(ids->items, ids->n, sizeof *ids->items, compare_ids);
    return 0;
}

int resource_ids_read(struct session *s, const struct redis_arg *args, size_t n_args, struct resource_ids *ret_ids)
{
    struct resource_ids ids = {.n = 0};
    int rc = session_command(s, args, n_args, take_ids, &ids);
    if (rc == 0)
        *ret_ids = ids;
    else
        resource_ids_clear(&ids);
    return rc;
}

int resource_ids_of(struct session *s, const struct resource_kind *kind, struct resource_ids *ret_ids)
{
    struct key key = kind->index(session_cell(s));
    const struct redis_arg args[] = {redis_arg_str("SMEMBERS"), key_arg(&key)};
    return resource_ids_read(s, args, 2, ret_ids);
}

void resource_ids_clear(struct resource_ids *ids)
{
    free(ids->items);
    *ids = (struct resource_ids){.n = 0};
}
