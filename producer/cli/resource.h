/* SPDX-License-Identifier: Apache-2.0
 *
 * What tenants and trunks have in common: a hash in their cell that resource_set.lua writes, and an index of their ids.
 */
#ifndef CARILLON_PRODUCER_CLI_RESOURCE_H
#define CARILLON_PRODUCER_CLI_RESOURCE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/limits.h"
#include "common/redis/keys.h"
#include "producer/cli/session.h"

struct resource_kind {
    const char *name; /* "trunk" */
    const char *letter; /* what resource_set.lua calls it: "k" */
    struct key (*key)(const char *cell, const char *id);
    struct key (*index)(const char *cell);
};

extern const struct resource_kind resource_tenant, resource_trunk;

#define RESOURCE_CPS_MOST 100000
#define RESOURCE_CONCURRENT_MOST 10000000

/* Complains where it is none. */
bool resource_check_id(const char *id);

/* ---- changing ---- */

/* The fields of one resource_set. */
struct resource_change;

int resource_change_create(struct resource_change **ret_change) MUST_CHECK;
/* Accepts NULL. */
void resource_change_free(struct resource_change *c);
/* Everything is copied; memory that runs out is told by resource_apply(). An empty text takes the field away. */
void resource_put_str(struct resource_change *c, const char *field, const char *text);
void resource_put_i64(struct resource_change *c, const char *field, int64_t value);
/* A JSON array of the `n` texts. */
void resource_put_list(struct resource_change *c, const char *field, const char *const *texts, size_t n);
/* An option that was given becomes a field; with `zero_is_none`, 0 takes it away. */
void resource_put_option(struct resource_change *c, const struct conf *conf, const char *option, const char *field,
                         bool zero_is_none);
bool resource_change_is_empty(const struct resource_change *c);

/* Makes the change: "create" or "set". Says on stderr where the resource is there already, or is not. */
enum cli_exit resource_apply(struct session *s, const struct resource_kind *kind, const char *id, const char *how,
                             const struct resource_change *c) MUST_CHECK;
/* "trunk main created" */
enum cli_exit resource_say(struct session *s, const struct resource_kind *kind, const char *id,
                           const char *done) MUST_CHECK;

/* ---- looking ---- */

/* Whether there is one of that id. */
int resource_exists(struct session *s, const struct resource_kind *kind, const char *id, bool *ret_exists) MUST_CHECK;

/* A set of ids in Redis, sorted. Freed by resource_ids_clear(). */
struct resource_ids {
    char (*items)[LIMIT_ID_LEN + 1];
    size_t n;
};

/* What SMEMBERS or ZRANGE gives, sorted. */
int resource_ids_read(struct session *s, const struct redis_arg *args, size_t n_args,
                      struct resource_ids *ret_ids) MUST_CHECK;
/* All of a kind in the cell. */
int resource_ids_of(struct session *s, const struct resource_kind *kind, struct resource_ids *ret_ids) MUST_CHECK;
void resource_ids_clear(struct resource_ids *ids);

/* ---- showing ---- */

enum resource_form {
    RESOURCE_TEXT,
    RESOURCE_NUMBER,
    RESOURCE_LIST, /* a JSON array */
    RESOURCE_INSTANT, /* Unix ms */
    RESOURCE_SEALED, /* never shown; "sealed" where there is one */
};

/* How a field of the hash is shown. */
struct resource_field {
    const char *field; /* as stored */
    const char *name; /* as shown */
    enum resource_form form;
    const char *heading; /* of its column in a list; NULL: not there */
};

/* Prints one, and all of them as a table. Fields "var:<name>" are shown as "variables". */
enum cli_exit resource_show(struct session *s, const struct resource_kind *kind, const struct resource_field *fields,
                            size_t n_fields) MUST_CHECK;
enum cli_exit resource_list(struct session *s, const struct resource_kind *kind, const struct resource_field *fields,
                            size_t n_fields) MUST_CHECK;

#endif
