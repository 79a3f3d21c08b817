/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/resource.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ident.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/cli/out.h"
#include "producer/tenant_settings.h"

bool resource_check_id(const char *id)
{
    if (ident_is_valid(id, strlen(id), LIMIT_ID_LEN))
        return true;
    out_complain("'%s' is no id: 1 to %d letters, digits, _ and -", id, LIMIT_ID_LEN);
    return false;
}

/* ---- changing ---- */

static bool add_list(const struct conf *conf, const char *option, const char *member, cJSON *body)
{
    cJSON *list = cJSON_AddArrayToObject(body, member);
    bool is_whole = list != NULL;
    for (size_t i = 0; i < conf_count(conf, option) && is_whole; i++)
        is_whole = json_add_item(list, conf_str_at(conf, option, i)) != NULL;
    return is_whole;
}

/* One of "NAME=VALUE"; what has no name is left to be refused as such. */
static bool add_pair(cJSON *object, const char *text)
{
    size_t len = strcspn(text, "=");
    char *name = strndup(text, len);
    const char *value = text[len] == '=' ? text + len + 1 : "";
    bool is_added = false;
    if (name) {
        cJSON_DeleteItemFromObjectCaseSensitive(object, name);
        is_added = json_add_str(object, name, value[0] ? value : NULL) != NULL;
    }
    free(name);
    return is_added;
}

static bool add_pairs(const struct conf *conf, const char *option, const char *member, cJSON *body)
{
    cJSON *object = cJSON_AddObjectToObject(body, member);
    bool is_whole = object != NULL;
    for (size_t i = 0; i < conf_count(conf, option) && is_whole; i++)
        is_whole = add_pair(object, conf_str_at(conf, option, i));
    return is_whole;
}

static bool add_json(const char *text, const char *member, cJSON *body)
{
    cJSON *value = NULL;
    if (text[0] == '\0' || json_parse(text, strlen(text), &value, NULL) != 0)
        return json_add_str(body, member, text[0] ? text : NULL) != NULL;
    if (cJSON_AddItemToObject(body, member, value))
        return true;
    cJSON_Delete(value);
    return false;
}

static bool add_option(const struct conf *conf, const struct resource_option *o, cJSON *body)
{
    switch (o->form) {
    case RESOURCE_OPTION_NUMBER: {
        int64_t value = conf_i64(conf, o->option);
        bool is_none = value == 0 && o->zero_is_none;
        return is_none ? cJSON_AddNullToObject(body, o->member) != NULL
                       : cJSON_AddNumberToObject(body, o->member, (double)value) != NULL;
    }
    case RESOURCE_OPTION_TEXT: {
        const char *text = conf_str(conf, o->option);
        return json_add_str(body, o->member, text[0] ? text : NULL) != NULL;
    }
    case RESOURCE_OPTION_JSON:
        return add_json(conf_str(conf, o->option), o->member, body);
    case RESOURCE_OPTION_LIST:
        return add_list(conf, o->option, o->member, body);
    case RESOURCE_OPTION_PAIRS:
        return add_pairs(conf, o->option, o->member, body);
    case RESOURCE_OPTION_SECRET:
        return true;
    }
    return false;
}

cJSON *resource_body(const struct conf *conf, const struct resource_option *options, size_t n)
{
    cJSON *body = cJSON_CreateObject();
    bool is_whole = body != NULL;
    for (size_t i = 0; i < n && is_whole; i++) {
        if (conf_is_set(conf, options[i].option))
            is_whole = add_option(conf, &options[i], body);
    }
    if (is_whole)
        return body;
    cJSON_Delete(body);
    return NULL;
}

/* The option whose member the path begins with. */
static const struct resource_option *option_of(const char *path, const struct resource_option *options, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(options[i].member);
        if (strncmp(path, options[i].member, len) == 0 && strchr(".[", path[len]))
            return &options[i];
    }
    return NULL;
}

void resource_complain(const struct resource_kind *kind, const struct resource_option *options, size_t n,
                       const struct faults *faults)
{
    for (size_t i = 0; i < faults->n; i++) {
        const struct fault *fault = &faults->items[i];
        const struct resource_option *option = option_of(fault->path, options, n);
        const char *rest = option ? fault->path + strlen(option->member) : "";
        if (!option)
            out_complain("%s: %s", fault->path, fault->message);
        else if (strcmp(fault->code, FAULT_REQUIRED) == 0 && rest[0] == '\0')
            out_complain("a %s needs --%s", kind->name, option->option);
        else
            out_complain("--%s%s%s: %s", option->option, rest[0] == '.' ? " " : "", rest[0] == '.' ? rest + 1 : "",
                         fault->message);
    }
}

enum cli_exit resource_apply(struct session *s, const struct resource_kind *kind, const char *id, const char *how,
                             const struct resource_change *c)
{
    struct redis_arg args[RESOURCE_ARGS_MOST];
    size_t n;
    if (resource_change_args(c, kind, id, how, args, &n) != 0) {
        out_complain("out of memory, or too many fields");
        return CLI_FAILED;
    }
    int rc = session_script(s, LUA_RESOURCE_SET, args, n, NULL, NULL);
    if (rc == ERR_EXISTS)
        out_complain("there is a %s %s already: 'carillon %s set %s' changes it", kind->name, id, kind->name, id);
    else if (rc == ERR_NOT_FOUND)
        out_complain("there is no %s %s in cell %s", kind->name, id, session_cell(s));
    else if (rc == ERR_STATE)
        out_complain("%s %s has no limit of credits to add to: 'carillon tenant set %s --credits N' sets one",
                     kind->name, id, id);
    else if (rc == ERR_TOO_LARGE)
        out_complain("%s %s would have more credit than the most that can be kept, %" PRId64 " seconds", kind->name, id,
                     TENANT_CREDITS_MOST_S);
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
