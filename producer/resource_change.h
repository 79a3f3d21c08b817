/* SPDX-License-Identifier: Apache-2.0
 *
 * What tenants and trunks have in common: a hash in their cell that resource_set.lua writes, and an index of their ids.
 * A change is the fields of one such writing, read from a body {"cps":5,"maxConcurrent":null}: the API's, or what the
 * command line tool makes of its options, so that both are judged by the same rules.
 */
#ifndef CARILLON_PRODUCER_RESOURCE_CHANGE_H
#define CARILLON_PRODUCER_RESOURCE_CHANGE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/domain/faults.h"
#include "common/redis/keys.h"

struct resource_kind {
    const char *name; /* "trunk" */
    const char *letter; /* what resource_set.lua calls it: "k" */
    const char *missing_code; /* of the 404: "TRUNK_NOT_FOUND" */
    const char *exists_code; /* of the 409 */
    struct key (*key)(const char *cell, const char *id);
    struct key (*index)(const char *cell);
};

extern const struct resource_kind resource_tenant, resource_trunk;

#define RESOURCE_CPS_MOST 100000
#define RESOURCE_CONCURRENT_MOST 10000000

/* The fields of one resource_set. */
struct resource_change;

int resource_change_create(struct resource_change **ret_change) MUST_CHECK;
/* Accepts NULL. */
void resource_change_free(struct resource_change *c);
/* Everything is copied; memory that runs out is told by resource_change_args(). An empty text takes the field away. */
void resource_put_str(struct resource_change *c, const char *field, const char *text);
/* `value` as JSON text. */
void resource_put_json(struct resource_change *c, const char *field, const cJSON *value);
bool resource_change_is_empty(const struct resource_change *c);
/* The fields of "stop" and of "start". */
void resource_put_stopped(struct resource_change *c, bool is_stopped, int64_t now_ms);

#define RESOURCE_ARGS_MOST 103
/* The arguments of resource_set.lua, borrowed from all that is given; `how` is "create" or "set". ERR_NOMEM where
 * memory ran out before, or there are too many fields. */
int resource_change_args(const struct resource_change *c, const struct resource_kind *kind, const char *id,
                         const char *how, struct redis_arg ret_args[RESOURCE_ARGS_MOST], size_t *ret_n) MUST_CHECK;

/* ---- members of a body ---- */

struct resource_number {
    const char *member; /* "maxConcurrent" */
    const char *field; /* "max_concurrent" */
    int64_t min;
    int64_t max;
    bool is_optional; /* null takes it away */
};

/* Each adds a fault where the member is there and is not as it should be. */
void resource_read_number(struct resource_change *c, const cJSON *body, const struct resource_number *rule,
                          struct faults *faults);
/* Faults for those of the `n` members that are not there. */
void resource_require(const cJSON *body, const char *const *members, size_t n, struct faults *faults);

#endif
