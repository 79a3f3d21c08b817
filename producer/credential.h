/* SPDX-License-Identifier: Apache-2.0
 *
 * Which API key a request brings: as a bearer token, or in the cookie of a dashboard's session. The cookie counts only
 * where the dashboard's own page asks, as a browser sends it along with whatever any page makes it ask for.
 */
#ifndef CARILLON_PRODUCER_CREDENTIAL_H
#define CARILLON_PRODUCER_CREDENTIAL_H

#include <stdbool.h>

#include "common/http/server.h"
#include "producer/dashboard_session.h"

/* A bearer token comes first; its until_ms is 0. ERR_AUTH where there is neither, ERR_NOMEM. */
int credential_read(const struct http_request *req, const struct seal_keys *keys,
                    struct dashboard_session *ret_session) MUST_CHECK;
/* Whether the dashboard's own page asks. */
bool credential_is_own_page(const struct http_request *req);

#endif
