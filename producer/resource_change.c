/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/resource_change.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/json/json.h"
#include "producer/answer.h"

#define FIELDS_MOST ((RESOURCE_ARGS_MOST - 3) / 2) /* of resource_set.lua */
#define JSON_MOST 65536

const struct resource_kind resource_tenant = {"tenant",        "t",        CODE_TENANT_NOT_FOUND,
                                              "TENANT_EXISTS", key_tenant, key_tenant_index};
const struct resource_kind resource_trunk = {"trunk",        "k",       CODE_TRUNK_NOT_FOUND,
                                             "TRUNK_EXISTS", key_trunk, key_trunk_index};

struct resource_change {
    char *texts[2 * FIELDS_MOST]; /* field, value, ... */
    size_t n;
    bool is_broken; /* memory ran out, or there are too many fields */
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

static void put_i64(struct resource_change *c, const char *field, int64_t value)
{
    char text[REDIS_I64_LEN];
    (void)redis_arg_i64(value, text);
    resource_put_str(c, field, text);
}

void resource_put_json(struct resource_change *c, const char *field, const cJSON *value)
{
    struct buf text;
    buf_init(&text, JSON_MOST);
    if (json_print(value, &text) == 0)
        resource_put_str(c, field, buf_str(&text));
    else
        c->is_broken = true;
    buf_free(&text);
}

void resource_put_stopped(struct resource_change *c, bool is_stopped, int64_t now_ms)
{
    resource_put_str(c, "state", is_stopped ? "stopped" : "active");
    resource_put_str(c, "reason", is_stopped ? "operator" : "");
    if (is_stopped)
        put_i64(c, "stopped_ms", now_ms);
    else
        resource_put_str(c, "stopped_ms", "");
}

int resource_change_args(const struct resource_change *c, const struct resource_kind *kind, const char *id,
                         const char *how, struct redis_arg ret_args[RESOURCE_ARGS_MOST], size_t *ret_n)
{
    if (c->is_broken)
        return ERR_NOMEM;
    size_t n = 0;
    ret_args[n++] = redis_arg_str(kind->letter);
    ret_args[n++] = redis_arg_str(id);
    ret_args[n++] = redis_arg_str(how);
    for (size_t i = 0; i < c->n; i++)
        ret_args[n++] = redis_arg_str(c->texts[i]);
    *ret_n = n;
    return 0;
}

/* ---- members of a body ---- */

void resource_read_number(struct resource_change *c, const cJSON *body, const struct resource_number *rule,
                          struct faults *faults)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(body, rule->member);
    if (!member)
        return;
    if (cJSON_IsNull(member) && rule->is_optional) {
        resource_put_str(c, rule->field, "");
        return;
    }
    if (!cJSON_IsNumber(member)) {
        faults_add(faults, rule->member, FAULT_TYPE, "must be an integer");
        return;
    }
    double value = member->valuedouble;
    if (value != floor(value) || value < (double)rule->min || value > (double)rule->max)
        faults_add(faults, rule->member, FAULT_RANGE, "must be an integer from %" PRId64 " to %" PRId64, rule->min,
                   rule->max);
    else
        put_i64(c, rule->field, (int64_t)value);
}

void resource_require(const cJSON *body, const char *const *members, size_t n, struct faults *faults)
{
    for (size_t i = 0; i < n; i++) {
        if (!cJSON_GetObjectItemCaseSensitive(body, members[i]))
            faults_add(faults, members[i], FAULT_REQUIRED, "is required");
    }
}
