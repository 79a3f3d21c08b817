/* SPDX-License-Identifier: Apache-2.0
 *
 * Twilio's error answers: {"code":..,"message":..,"more_info":..,"status":..}, with the codes and sentences of
 * twilio.com/docs/api/errors. The status of 10004, which the page leaves open, is taken to be 429.
 */
#ifndef CARILLON_CARRIER_TWILIO_ERROR_H
#define CARILLON_CARRIER_TWILIO_ERROR_H

#include "common/http/server.h"

enum twilio_error {
    TWILIO_CONCURRENCY = 10004,
    TWILIO_AUTHENTICATE = 20003,
    TWILIO_METHOD = 20004,
    TWILIO_NOT_ACTIVE = 20005,
    TWILIO_NOT_FOUND = 20404,
    TWILIO_TOO_LARGE = 20413,
    TWILIO_TOO_MANY = 20429,
    TWILIO_INTERNAL = 20500,
    TWILIO_UNAVAILABLE = 20503,
    TWILIO_BAD_REQUEST = 21200,
    TWILIO_NO_TO = 21201,
    TWILIO_BAD_URL = 21205,
    TWILIO_BAD_TIMEOUT = 21208,
    TWILIO_UNVERIFIED_FROM = 21210,
    TWILIO_BAD_TO = 21211,
    TWILIO_BAD_FROM = 21212,
    TWILIO_NO_FROM = 21213,
    TWILIO_BAD_APPLICATION = 21218,
    TWILIO_CALL_STATE = 21220,
    TWILIO_BAD_CALLBACK = 21609,
    TWILIO_BAD_EVENTS = 21626,
};

/* The HTTP status that comes with it. */
int twilio_error_status(enum twilio_error code);

/* Answers with it. `detail` follows the code's own sentence; NULL: nothing does. */
void twilio_error_reply(struct http_request *req, enum twilio_error code, const char *detail);

#endif
