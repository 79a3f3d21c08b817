/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/cli/out.h"
#include "producer/cli/resource.h"
#include "producer/cli/table.h"

#define COLUMNS_MOST 12

/* Reading one hash into an object. */
struct view {
    const struct resource_field *fields;
    size_t n_fields;
    cJSON *object; /* owned by the caller */
};

static int take_hash(const struct redisReply *reply, void *arg)
{
    struct view *view = arg;
    return resource_view_add(reply, view->fields, view->n_fields, view->object);
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
