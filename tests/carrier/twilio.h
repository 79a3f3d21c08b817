/* SPDX-License-Identifier: Apache-2.0
 *
 * Twilio's call API over the carrier, as its vendor documents it (twilio.com/docs/voice/api/call-resource, OpenAPI of
 * @twilio/cli-core 8.3.2):
 *
 *     POST /2010-04-01/Accounts/{AccountSid}/Calls.json          201, or 400 401 403 429 500 503
 *     GET  /2010-04-01/Accounts/{AccountSid}/Calls.json          200, or 400 401
 *     GET  /2010-04-01/Accounts/{AccountSid}/Calls/{Sid}.json    200, or 401 404
 *     POST /2010-04-01/Accounts/{AccountSid}/Calls/{Sid}.json    200, or 400 401 404: Status=canceled, Status=completed
 *
 * and the status callbacks that a call asks for, signed with the auth token. Calls beyond the account's calls per
 * second wait (queue_time). What the callee hears is not played: Url, Twiml and ApplicationSid are checked and not
 * used.
 *
 * The application AP00000000000000000000000000000000 does not exist (21218); the caller id +15005550001 is none of the
 * account's (21210).
 */
#ifndef CARILLON_CARRIER_TWILIO_H
#define CARILLON_CARRIER_TWILIO_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/http/server.h"
#include "common/loop/loop.h"
#include "tests/carrier/carrier.h"

struct twilio;

/* Texts are copied. */
struct twilio_config {
    const char *account_sid;
    const char *auth_token;
    int64_t interval_us; /* between two calls that begin to ring, at least; 0: none */
    const struct carrier_world *world; /* borrowed for the front's life */
};

/* True for `prefix` and 32 hexadecimal digits. */
bool twilio_is_sid(const char *text, const char *prefix);

/* Adds its routes to `server`, which must be freed before it. */
int twilio_create(struct loop *loop, struct http_server *server, const struct twilio_config *config,
                  struct twilio **ret_twilio) MUST_CHECK;
/* True for a path of this API. */
bool twilio_owns_path(const char *path);
/* Answers in Twilio's words what no route takes, and limits met: for http_server_on_refuse(). */
void twilio_refuse(struct twilio *t, struct http_request *req, int status, const char *detail);
/* The process is about to end: nothing hangs any more. */
void twilio_drain(struct twilio *t);
/* Accepts NULL. */
void twilio_free(struct twilio *t);

#endif
