/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/answer.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/limits.h"
#include "common/base/parse.h"
#include "common/domain/schedule.h"
#include "common/json/json.h"

#define RETRY_AFTER "Retry-After"
#define RETRY_AFTER_S "2"
#define CONTENT_JSON "application/json"

static const char OUT_OF_MEMORY[] = "{\"error\":\"Internal Server Error\",\"code\":\"" CODE_INTERNAL "\","
                                    "\"message\":\"The answer could not be made. Nothing more is known here.\"}";

/* The seed's words. */
static const char *status_error(int status)
{
    static const struct {
        int status;
        const char *error;
    } words[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Insufficient call minutes"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Payload Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].status == status)
            return words[i].error;
    }
    return "Internal Server Error";
}

/* `own`: a header of the route's, or NULL. */
static void reply(struct http_request *req, int status, const struct http_header *own, const void *body, size_t len)
{
    struct http_header headers[4];
    size_t n = 0;
    headers[n++] = (struct http_header){"Cache-Control", "no-store"}; /* a cookie may have opened it */
    if (own)
        headers[n++] = *own;
    bool knows_when = own && strcmp(own->name, RETRY_AFTER) == 0;
    if ((status == 429 || status == 503) && !knows_when)
        headers[n++] = (struct http_header){RETRY_AFTER, RETRY_AFTER_S};
    if (status == 401)
        headers[n++] = (struct http_header){"WWW-Authenticate", "Bearer"};
    /* Where it fails the server closes the connection: there is nothing else to be done about it. */
    (void)http_request_reply(req, status, CONTENT_JSON, headers, n, body, len);
}

static void reply_json(struct http_request *req, int status, const struct http_header *own, cJSON *body)
{
    struct buf text;
    buf_init(&text, LIMIT_ANSWER_BYTES);
    if (body && json_print(body, &text) == 0)
        reply(req, status, own, buf_str(&text), buf_len(&text));
    else
        reply(req, 500, NULL, OUT_OF_MEMORY, sizeof OUT_OF_MEMORY - 1);
    buf_free(&text);
    cJSON_Delete(body);
}

void answer_json(struct http_request *req, int status, cJSON *body)
{
    reply_json(req, status, NULL, body);
}

void answer_json_with(struct http_request *req, int status, cJSON *body, struct http_header header)
{
    reply_json(req, status, &header, body);
}

void answer_text_with(struct http_request *req, int status, const char *json, size_t len, struct http_header header)
{
    reply(req, status, &header, json, len);
}

/* `own` as in reply(). `details` is taken. */
static void reply_error(struct http_request *req, int status, const struct http_header *own, const char *error,
                        const char *code, const char *message, cJSON *details)
{
    cJSON *body = cJSON_CreateObject();
    bool is_whole = json_add_str(body, "error", error) && json_add_str(body, "code", code) &&
                    (!message || json_add_str(body, "message", message));
    if (is_whole && details && cJSON_AddItemToObject(body, "details", details))
        details = NULL; /* now the body's */
    else
        is_whole = is_whole && !details;
    cJSON_Delete(details);
    if (!is_whole) {
        cJSON_Delete(body);
        body = NULL;
    }
    reply_json(req, status, own, body);
}

void answer_error(struct http_request *req, int status, const char *code, const char *message, cJSON *details)
{
    reply_error(req, status, NULL, status_error(status), code, message, details);
}

void answer_error_again(struct http_request *req, int status, const char *code, const char *message, cJSON *details)
{
    const struct http_header again = {"Retry-After", RETRY_AFTER_S};
    reply_error(req, status, &again, status_error(status), code, message, details);
}

void answer_too_many(struct http_request *req, const char *code, const char *message, cJSON *details,
                     int64_t retry_after_s)
{
    char seconds[24];
    snprintf(seconds, sizeof seconds, "%" PRId64, retry_after_s);
    reply_error(req, 429, &(struct http_header){RETRY_AFTER, seconds}, status_error(429), code, message, details);
}

void answer_error_named(struct http_request *req, int status, const char *error, const char *code, const char *message)
{
    reply_error(req, status, NULL, error, code, message, NULL);
}

void answer_faults(struct http_request *req, const struct faults *faults)
{
    answer_faults_kept(req, faults, "Nothing was kept. details.fieldErrors names each fault by its path.");
}

void answer_faults_kept(struct http_request *req, const struct faults *faults, const char *message)
{
    const char *only = faults_only_code(faults);
    bool is_past_start = only && strcmp(only, FAULT_START_PAST) == 0;
    cJSON *details = cJSON_CreateObject();
    if (!details || faults_add_field_errors(faults, details) != 0) {
        cJSON_Delete(details);
        answer_internal(req);
        return;
    }
    reply_error(req, 400, NULL, is_past_start ? SCHEDULE_PAST_MESSAGE : "Validation failed", CODE_INVALID_REQUEST,
                message, details);
}

void answer_bad_argument(struct http_request *req, const char *name, const char *message)
{
    struct faults faults;
    faults_init(&faults, 1);
    faults_add(&faults, name, FAULT_REQUIRED, "%s", message);
    answer_faults(req, &faults);
    faults_free(&faults);
}

void answer_unavailable(struct http_request *req)
{
    answer_error(req, 503, CODE_UNAVAILABLE, "Redis is not available now. Ask again after Retry-After seconds.", NULL);
}

void answer_internal(struct http_request *req)
{
    answer_error(req, 500, CODE_INTERNAL, "An unexpected error occurred.", NULL);
}

/* `limit` is the route's, in bytes. */
static void refuse_size(struct http_request *req, const char *limit)
{
    static const char chunked[] =
        "The body is over this route's limit. Send contacts in chunks: POST /api/v1/batch?draft=true, then "
        "POST /api/v1/batch/{id}/contacts; or split them over several batches.";
    uint64_t bytes = 0;
    (void)!parse_u64(limit, strlen(limit), UINT64_MAX, &bytes);
    cJSON *details = cJSON_CreateObject();
    (void)json_add_i64(details, "maxBytes", (int64_t)bytes);
    answer_error(req, 413, "BODY_TOO_LARGE",
                 bytes == LIMIT_BODY_BYTES ? chunked : "The body is over this route's limit, details.maxBytes.",
                 details);
}

void answer_refusal(struct http_request *req, int status, const char *detail, void *arg)
{
    (void)arg;
    switch (status) {
    case 404:
        answer_error(req, 404, "ROUTE_NOT_FOUND", "There is no such route.", NULL);
        return;
    case 405:
        answer_error(req, 405, "METHOD_NOT_ALLOWED", "The header Allow lists the methods of this route.", NULL);
        return;
    case 413:
        refuse_size(req, detail);
        return;
    case 414:
        answer_error(req, 414, "URI_TOO_LONG", "Path and query together are over 8192 bytes.", NULL);
        return;
    case 417:
        answer_error(req, 417, "EXPECTATION_FAILED", detail, NULL);
        return;
    case 501:
        answer_error(req, 501, "NOT_IMPLEMENTED", detail, NULL);
        return;
    default:
        answer_error(req, status, CODE_INVALID_REQUEST, detail, NULL);
        return;
    }
}
