/* SPDX-License-Identifier: Apache-2.0
 *
 * Request bodies: whether they are JSON, and the small ones as a tree.
 */
#ifndef CARILLON_PRODUCER_BODY_H
#define CARILLON_PRODUCER_BODY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/domain/faults.h"
#include "common/http/server.h"
#include "producer/exchange.h"

/* False where the headers say that the body is something else than JSON, or compressed. Without a Content-Type it is
 * taken for JSON. */
bool body_is_json(const struct http_request *req);
/* Whether the headers say that the body is of that type, in UTF-8, and not compressed. */
bool body_is_type(const struct http_request *req, const char *type);
/* Answers 415. */
void body_refuse_type(struct exchange *x);

/* Reads the gathered body as an object. An empty body is an empty object where `is_optional`. Answers 400 or 415 and
 * gives NULL otherwise; the caller frees it with cJSON_Delete(). */
cJSON *body_read_object(struct exchange *x, bool is_optional);

/* Adds a fault for every member whose name is not among the `n` known ones. */
void body_check_names(const cJSON *object, const char *const *known, size_t n, struct faults *faults);
/* A member that must be a string of 1 to `max_bytes` bytes: NULL where absent, and, with a fault, where it is not. */
const char *body_str(const cJSON *object, const char *name, size_t max_bytes, struct faults *faults);

/* The body is optional and can hold nothing but userId. Answers 400, 403 or 415 and gives false where it holds more. */
bool body_check_user_only(struct exchange *x);
/* Where the object's userId is there and not the tenant's: answers 403 and gives false. */
bool body_check_user(struct exchange *x, const cJSON *object);

#endif
