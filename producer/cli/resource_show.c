/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/parse.h"
#include "common/base/timestamp.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/cli/out.h"
#include "producer/cli/resource.h"
#include "producer/cli/table.h"

#define VARIABLE_PREFIX "var:"
#define COLUMNS_MOST 12

/* Reading one hash into an object. */
struct view {
    const struct resource_field *fields;
    size_t n_fields;
    cJSON *object; /* owned by the caller */
};

static cJSON *add_number(cJSON *object, const char *name, const char *text, size_t len)
{
    int64_t number;
    if (parse_i64(text, len, INT64_MIN, INT64_MAX, &number) != 0)
        return json_add_str(object, name, text);
    return json_add_i64(object, name, number);
}

static cJSON *add_list(cJSON *object, const char *name, const char *text, size_t len)
{
    cJSON *list = NULL;
    if (json_parse(text, len, &list, NULL) != 0)
        return json_add_str(object, name, text);
    if (cJSON_AddItemToObject(object, name, list))
        return list;
    cJSON_Delete(list);
    return NULL;
}

static cJSON *add_instant(cJSON *object, const char *name, const char *text, size_t len)
{
    char instant[TIMESTAMP_LEN + 1];
    int64_t ms;
    if (parse_i64(text, len, INT64_MIN, INT64_MAX, &ms) != 0)
        return json_add_str(object, name, text);
    timestamp_format(ms, instant);
    return json_add_str(object, name, instant);
}

static cJSON *add_field(cJSON *object, const struct resource_field *field, const char *text, size_t len)
{
    switch (field->form) {
    case RESOURCE_TEXT:
        return json_add_str(object, field->name, text);
    case RESOURCE_NUMBER:
        return add_number(object, field->name, text, len);
    case RESOURCE_LIST:
        return add_list(object, field->name, text, len);
    case RESOURCE_INSTANT:
        return add_instant(object, field->name, text, len);
    case RESOURCE_SEALED:
        return json_add_str(object, field->name, "sealed");
    }
    return NULL;
}

/* A profile's variables, where there are any. */
static int add_variables(const struct redisReply *reply, cJSON *object)
{
    cJSON *variables = NULL;
    for (size_t i = 0; i + 1 < reply_len(reply); i += 2) {
        const char *name, *value;
        size_t len;
        int rc = reply_str(reply_at(reply, i), &name, &len);
        if (rc == 0)
            rc = reply_str(reply_at(reply, i + 1), &value, &len);
        if (rc != 0)
            return rc;
        if (strncmp(name, VARIABLE_PREFIX, sizeof VARIABLE_PREFIX - 1) != 0)
            continue;
        if (!variables)
            variables = cJSON_AddObjectToObject(object, "variables");
        if (!json_add_str(variables, name + sizeof VARIABLE_PREFIX - 1, value))
            return ERR_NOMEM;
    }
    return 0;
}

static int take_hash(const struct redisReply *reply, void *arg)
{
    struct view *view = arg;
    if (reply_len(reply) == 0)
        return ERR_NOT_FOUND;
    for (size_t i = 0; i < view->n_fields; i++) {
        const char *text = "";
        size_t len = 0;
        const struct redisReply *value = reply_field(reply, view->fields[i].field);
        int rc = value ? reply_str(value, &text, &len) : 0;
        if (rc != 0)
            return rc;
        cJSON *added = value ? add_field(view->object, &view->fields[i], text, len)
                             : json_add_str(view->object, view->fields[i].name, NULL);
        if (!added)
            return ERR_NOMEM;
    }
    return add_variables(reply, view->object);
}

/* ERR_NOT_FOUND where there is none. The caller deletes the object. */
static int read_one(struct session *s, const struct resource_kind *kind, const char *id,
                    const struct resource_field *fields, size_t n_fields, cJSON **ret_object)
{
    struct view view = {.fields = fields, .n_fields = n_fields, .object = cJSON_CreateObject()};
    struct key key = kind->key(session_cell(s), id);
    const struct redis_arg args[] = {redis_arg_str("HGETALL"), key_arg(&key)};
    int rc = json_add_str(view.object, "id", id) ? session_command(s, args, 2, take_hash, &view) : ERR_NOMEM;
    if (rc == 0)
        *ret_object = view.object;
    else
        cJSON_Delete(view.object);
    return rc;
}

enum cli_exit resource_show(struct session *s, const struct resource_kind *kind, const struct resource_field *fields,
                            size_t n_fields)
{
    const char *id = conf_rest(session_conf(s), 0);
    cJSON *object;
    if (!resource_check_id(id))
        return CLI_USAGE;
    enum cli_exit status = session_open_cell(s, false);
    if (status != CLI_DONE)
        return status;
    int rc = read_one(s, kind, id, fields, n_fields, &object);
    if (rc == ERR_NOT_FOUND)
        out_complain("there is no %s %s in cell %s", kind->name, id, session_cell(s));
    if (rc != 0)
        return CLI_FAILED;
    if (session_is_json(s))
        return out_json_take(object);
    rc = table_print_one(object);
    cJSON_Delete(object);
    return rc == 0 ? CLI_DONE : CLI_FAILED;
}

static int read_all(struct session *s, const struct resource_kind *kind, const struct resource_field *fields,
                    size_t n_fields, cJSON *list)
{
    struct resource_ids ids;
    int rc = resource_ids_of(s, kind, &ids);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < ids.n && rc == 0; i++) {
        cJSON *object;
        rc = read_one(s, kind, ids.items[i], fields, n_fields, &object);
        if (rc == 0 && !cJSON_AddItemToArray(list, object)) {
            cJSON_Delete(object);
            rc = ERR_NOMEM;
        }
        rc = rc == ERR_NOT_FOUND ? 0 : rc; /* gone meanwhile */
    }
    resource_ids_clear(&ids);
    return rc;
}

static int print_list(const cJSON *list, const struct resource_field *fields, size_t n_fields)
{
    struct table_column columns[COLUMNS_MOST] = {{"id", "ID"}};
    size_t n = 1;
    for (size_t i = 0; i < n_fields && n < COLUMNS_MOST; i++) {
        if (fields[i].heading)
            columns[n++] = (struct table_column){fields[i].name, fields[i].heading};
    }
    return table_print(list, columns, n);
}

enum cli_exit resource_list(struct session *s, const struct resource_kind *kind, const struct resource_field *fields,
                            size_t n_fields)
{
    enum cli_exit status = session_open_cell(s, false);
    if (status != CLI_DONE)
        return status;
    cJSON *list = cJSON_CreateArray();
    int rc = list ? read_all(s, kind, fields, n_fields, list) : ERR_NOMEM;
    if (rc == 0 && session_is_json(s))
        status = out_json(list);
    else if (rc == 0)
        rc = print_list(list, fields, n_fields);
    cJSON_Delete(list);
    return rc == 0 ? status : CLI_FAILED;
}
