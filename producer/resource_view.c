/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/resource_view.h"

#include <string.h>

#include "common/base/parse.h"
#include "common/base/timestamp.h"
#include "common/json/json.h"
#include "common/redis/reply.h"

#define VARIABLE_PREFIX "var:"

static cJSON *add_number(cJSON *object, const char *name, const char *text, size_t len)
{
    int64_t number;
    if (parse_i64(text, len, INT64_MIN, INT64_MAX, &number) != 0)
        return json_add_str(object, name, text);
    return json_add_i64(object, name, number);
}

static cJSON *add_json(cJSON *object, const char *name, const char *text, size_t len)
{
    cJSON *value = NULL;
    if (json_parse(text, len, &value, NULL) != 0)
        return json_add_str(object, name, text);
    if (cJSON_AddItemToObject(object, name, value))
        return value;
    cJSON_Delete(value);
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
    case RESOURCE_JSON:
        return add_json(object, field->name, text, len);
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

int resource_view_add(const struct redisReply *hash, const struct resource_field *fields, size_t n_fields,
                      cJSON *object)
{
    if (reply_len(hash) == 0)
        return ERR_NOT_FOUND;
    for (size_t i = 0; i < n_fields; i++) {
        const char *text = "";
        size_t len = 0;
        const struct redisReply *value = reply_field(hash, fields[i].field);
        int rc = value ? reply_str(value, &text, &len) : 0;
        if (rc != 0)
            return rc;
        cJSON *added = value ? add_field(object, &fields[i], text, len) : json_add_str(object, fields[i].name, NULL);
        if (!added)
            return ERR_NOMEM;
    }
    return add_variables(hash, object);
}
