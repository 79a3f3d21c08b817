/* SPDX-License-Identifier: Apache-2.0
 *
 * Retell's call API over the carrier, as its vendor documents it (docs.retellai.com, retell-sdk 5.66.1):
 *
 *     POST /v2/create-phone-call      201, or 400 401 402 422 429 503
 *     GET  /v2/get-call/{call_id}     200, or 401 422 (which is what Retell says where others say 404)
 *     POST /v3/list-calls             200, or 400 401
 *     POST /v2/stop-call/{call_id}    204, or 401 422
 *     GET  /get-concurrency           200, or 401
 *
 * and the webhooks call_started (where somebody picks up), call_ended and call_analyzed, signed with the API key.
 *
 * Two agent ids bring out answers that would else need another account: "agent_unknown" is refused with 422,
 * "agent_unpaid" with 402.
 */
#ifndef CARILLON_CARRIER_RETELL_H
#define CARILLON_CARRIER_RETELL_H

#include "common/base/err.h"
#include "common/http/server.h"
#include "common/loop/loop.h"
#include "tests/carrier/carrier.h"

struct retell;

/* Texts are copied. */
struct retell_config {
    const char *api_key;
    const char *webhook_url; /* the account's; NULL: none */
    const struct carrier_world *world; /* borrowed for the front's life */
};

/* Adds its routes to `server`, which must be freed before it. */
int retell_create(struct loop *loop, struct http_server *server, const struct retell_config *config,
                  struct retell **ret_retell) MUST_CHECK;
/* Answers in Retell's words what no route takes, and limits met: for http_server_on_refuse(). */
void retell_refuse(struct retell *r, struct http_request *req, int status, const char *detail);
/* The process is about to end: nothing hangs any more. */
void retell_drain(struct retell *r);
/* Accepts NULL. */
void retell_free(struct retell *r);

#endif
