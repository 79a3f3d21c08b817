/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/twilio_error.h"

#include <stdio.h>

#include "common/base/buf.h"
#include "common/json/json.h"

#define MESSAGE_BYTES_MAX 1024
#define ANSWER_BYTES_MAX (8u << 10)

struct row {
    enum twilio_error code;
    int status;
    const char *message;
};

static const struct row ROWS[] = {
    {TWILIO_CONCURRENCY, 429, "Call concurrency limit exceeded"},
    {TWILIO_AUTHENTICATE, 401, "Authenticate"},
    {TWILIO_METHOD, 405, "Method not allowed"},
    {TWILIO_NOT_ACTIVE, 403, "Account not active"},
    {TWILIO_NOT_FOUND, 404, "The requested resource was not found"},
    {TWILIO_TOO_LARGE, 413, "Request entity too large"},
    {TWILIO_TOO_MANY, 429, "Too Many Requests"},
    {TWILIO_INTERNAL, 500, "An internal server error has occurred"},
    {TWILIO_UNAVAILABLE, 503, "Service unavailable"},
    {TWILIO_BAD_REQUEST, 400, "Calls resource"},
    {TWILIO_NO_TO, 400, "No 'To' number is specified"},
    {TWILIO_BAD_URL, 400, "Invalid URL"},
    {TWILIO_BAD_TIMEOUT, 400, "Invalid Timeout"},
    {TWILIO_UNVERIFIED_FROM, 400, "'From' phone number not verified"},
    {TWILIO_BAD_TO, 400, "Invalid 'To' Phone Number"},
    {TWILIO_BAD_FROM, 400, "Invalid 'From' Phone Number"},
    {TWILIO_NO_FROM, 400, "Caller phone number is required"},
    {TWILIO_BAD_APPLICATION, 400, "Invalid ApplicationSid"},
    {TWILIO_CALL_STATE, 400, "Invalid call state"},
    {TWILIO_BAD_CALLBACK, 400, "Invalid 'StatusCallback' URL"},
    {TWILIO_BAD_EVENTS, 400, "Invalid StatusCallbackEvent"},
};

static const struct row *find(enum twilio_error code)
{
    size_t i = 0;
    while (ROWS[i].code != code)
        i++;
    return &ROWS[i];
}

int twilio_error_status(enum twilio_error code)
{
    return find(code)->status;
}

static int print(const struct row *row, const char *detail, struct buf *out)
{
    struct buf message;
    char more_info[64];
    buf_init(&message, MESSAGE_BYTES_MAX);
    (void)snprintf(more_info, sizeof more_info, "https://www.twilio.com/docs/errors/%d", (int)row->code);
    int err = detail ? buf_printf(&message, "%s: %s", row->message, detail) : buf_append_str(&message, row->message);
    cJSON *error = cJSON_CreateObject();
    if (!err && json_add_i64(error, "code", row->code) && json_add_str(error, "message", buf_str(&message)) &&
        json_add_str(error, "more_info", more_info) && json_add_i64(error, "status", row->status))
        err = json_print(error, out);
    else
        err = ERR_NOMEM;
    cJSON_Delete(error);
    buf_free(&message);
    return err;
}

void twilio_error_reply(struct http_request *req, enum twilio_error code, const char *detail)
{
    const struct row *row = find(code);
    struct buf json;
    buf_init(&json, ANSWER_BYTES_MAX);
    if (print(row, detail, &json))
        http_request_reset(req);
    else
        (void)http_request_reply(req, row->status, "application/json", NULL, 0, buf_str(&json), buf_len(&json));
    buf_free(&json);
}
