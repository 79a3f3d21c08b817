/* SPDX-License-Identifier: Apache-2.0
 *
 * What the operators' routes, /api/v1/admin/..., have in common.
 */
#ifndef CARILLON_PRODUCER_ADMIN_H
#define CARILLON_PRODUCER_ADMIN_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "producer/exchange.h"
#include "producer/resource_change.h"

/* The cell that is meant: the query's `cell`, or the first that this process serves. Answers 400 and gives NULL where
 * it is none of those, or where the query holds an argument that is neither `cell` nor one of `names`. Borrowed from
 * the exchange. */
const char *admin_cell(struct exchange *x, const char *const *names, size_t n);

/* The path's {id}. Answers 404 with `code` and gives NULL where it cannot be one. */
const char *admin_path_id(struct exchange *x, const char *code);
/* Whether `member` of the body holds an id, which it must; a fault where not. */
bool admin_read_id(const cJSON *body, const char *member, struct faults *faults);

/* A 404 or 409 about a tenant, trunk or key. */
void admin_answer_missing(struct exchange *x, const char *code);
void admin_answer_exists(struct exchange *x, const char *code);

/* The log of what operators do: who (the id of the key), what ("tenant.create"), to what, where. The names of `body`'s
 * members are written too (NULL: none), never what they say. Each action is told twice: before anything of it is sent,
 * since whoever asked may be gone before it is done; and once it is (`err` 0), or is not, or nobody knows. */
void admin_log_asked(const struct exchange *x, const char *action, const char *id, const char *cell, const cJSON *body);
void admin_log(const struct exchange *x, const char *action, const char *id, const char *cell, const cJSON *body,
               int err);

#endif
