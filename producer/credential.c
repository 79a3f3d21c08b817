/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/credential.h"

#include "common/base/clock.h"
#include "producer/bearer.h"

bool credential_is_own_page(const struct http_request *req)
{
    return dashboard_session_is_own(http_request_header(req, DASHBOARD_SESSION_MARK),
                                    http_request_header(req, "Sec-Fetch-Site"));
}

int credential_read(const struct http_request *req, const struct seal_keys *keys, struct dashboard_session *ret_session)
{
    const char *authorization = http_request_header(req, "Authorization");
    size_t len;
    if (authorization) {
        ret_session->until_ms = 0;
        return bearer_read(authorization, ret_session->key);
    }
    const char *value = dashboard_session_find(http_request_header(req, "Cookie"), &len);
    if (!value || !credential_is_own_page(req))
        return ERR_AUTH;
    return dashboard_session_open(keys, value, len, clock_wall_ms(), ret_session);
}
