/* SPDX-License-Identifier: Apache-2.0
 *
 * Tenants and trunks, as the verbs about them change and show them.
 */
#ifndef CARILLON_PRODUCER_CLI_RESOURCE_H
#define CARILLON_PRODUCER_CLI_RESOURCE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/limits.h"
#include "common/redis/keys.h"
#include "producer/cli/session.h"
#include "producer/resource_change.h"
#include "producer/resource_view.h"

/* Complains where it is none. */
bool resource_check_id(const char *id);

/* ---- changing ---- */

enum resource_option_form {
    RESOURCE_OPTION_NUMBER,
    RESOURCE_OPTION_TEXT, /* "": null */
    RESOURCE_OPTION_JSON, /* "": null; what is none is left as a text */
    RESOURCE_OPTION_LIST,
    RESOURCE_OPTION_PAIRS, /* NAME=VALUE: members of an object; "NAME=": null */
    RESOURCE_OPTION_SECRET, /* the caller puts it in */
};

/* An option as the member of a body (resource_change.h) that it stands for. */
struct resource_option {
    const char *option; /* "max-concurrent" */
    const char *member; /* "maxConcurrent" */
    enum resource_option_form form;
    bool zero_is_none; /* of a number: 0 is null */
};

/* The options that were given, as a body. NULL where memory ran out. The caller deletes it. */
cJSON *resource_body(const struct conf *conf, const struct resource_option *options, size_t n) MUST_CHECK;
/* Complains about each fault by the option that it is about. */
void resource_complain(const struct resource_kind *kind, const struct resource_option *options, size_t n,
                       const struct faults *faults);

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

/* Prints one, and all of them as a table. Fields "var:<name>" are shown as "variables". */
enum cli_exit resource_show(struct session *s, const struct resource_kind *kind, const struct resource_field *fields,
                            size_t n_fields) MUST_CHECK;
enum cli_exit resource_list(struct session *s, const struct resource_kind *kind, const struct resource_field *fields,
                            size_t n_fields) MUST_CHECK;

#endif
