/* SPDX-License-Identifier: Apache-2.0
 *
 * The answers' common forms: JSON bodies, and the one shape of every error, {error, code, message, details}. All texts
 * of errors that more than one route gives live here.
 */
#ifndef CARILLON_PRODUCER_ANSWER_H
#define CARILLON_PRODUCER_ANSWER_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "common/domain/faults.h"
#include "common/http/server.h"

/* Codes that more than one route gives; docs/api.md lists them all. */
#define CODE_INVALID_REQUEST "INVALID_REQUEST"
#define CODE_UNAUTHORIZED "UNAUTHORIZED"
#define CODE_FORBIDDEN "FORBIDDEN"
#define CODE_BATCH_NOT_FOUND "BATCH_NOT_FOUND"
#define CODE_CALL_NOT_FOUND "CALL_NOT_FOUND"
#define CODE_TENANT_NOT_FOUND "TENANT_NOT_FOUND"
#define CODE_TRUNK_NOT_FOUND "TRUNK_NOT_FOUND"
#define CODE_UNAVAILABLE "UNAVAILABLE"
#define CODE_BUSY "BUSY"
#define CODE_RATE_LIMITED "RATE_LIMITED"
#define CODE_QUOTA_EXCEEDED "QUOTA_EXCEEDED"
#define CODE_INTERNAL "INTERNAL"

/* Answers with `body`, which is taken; NULL (memory ran out while it was built) answers 500. */
void answer_json(struct http_request *req, int status, cJSON *body);
/* The same with a header of the route's own. */
void answer_json_with(struct http_request *req, int status, cJSON *body, struct http_header header);

/* The same of text that is JSON already. */
void answer_text_with(struct http_request *req, int status, const char *json, size_t len, struct http_header header);

/* Answers an error. `error` follows from the status; `details` is taken and may be NULL. 429 and 503 carry Retry-After,
 * 401 WWW-Authenticate. */
void answer_error(struct http_request *req, int status, const char *code, const char *message, cJSON *details);
/* 429, with the seconds after which it is worth asking again. */
void answer_too_many(struct http_request *req, const char *code, const char *message, cJSON *details,
                     int64_t retry_after_s);

/* The same of another status with Retry-After: it passes by itself. */
void answer_error_again(struct http_request *req, int status, const char *code, const char *message, cJSON *details);

/* The same with words of its own for `error`, without details. */
void answer_error_named(struct http_request *req, int status, const char *error, const char *code, const char *message);

/* 400 with every fault by its path. */
void answer_faults(struct http_request *req, const struct faults *faults);
/* The same of a body of which something was kept: `message` says what, and what is to be done. */
void answer_faults_kept(struct http_request *req, const struct faults *faults, const char *message);
/* 400 for one fault of a query argument. */
void answer_bad_argument(struct http_request *req, const char *name, const char *message);
/* 503: Redis is away, or did not answer. */
void answer_unavailable(struct http_request *req);
/* 500: memory ran out, or Redis holds something that makes no sense. */
void answer_internal(struct http_request *req);

/* An http_refuse_fn: what no route takes, and limits that the server met. */
void answer_refusal(struct http_request *req, int status, const char *detail, void *arg);

#endif
