/* SPDX-License-Identifier: Apache-2.0
 *
 * A session of the dashboard: the SHA-256 of an API key and an end, sealed under the fleet's key (seal.h) as the value
 * of a cookie. It is kept nowhere. Any producer opens it, and asks about its key as about that of any request, so that
 * it ends with its key.
 */
#ifndef CARILLON_PRODUCER_DASHBOARD_SESSION_H
#define CARILLON_PRODUCER_DASHBOARD_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/err.h"
#include "common/base/seal.h"

#define DASHBOARD_SESSION_COOKIE "carillon_session"
#define DASHBOARD_SESSION_S 43200
/* What the dashboard's page sends with each request: no form can, nor can a page of another origin. */
#define DASHBOARD_SESSION_MARK "X-Carillon-Dashboard"

struct dashboard_session {
    uint8_t key[DIGEST_SHA256_LEN];
    int64_t until_ms;
};

/* The cookie's value; the caller frees it. ERR_NOMEM, ERR_IO. */
int dashboard_session_seal(const struct seal_keys *keys, const struct dashboard_session *session,
                           char **ret_value) MUST_CHECK;
/* ERR_AUTH for what was not sealed here, and for a session that is over. */
int dashboard_session_open(const struct seal_keys *keys, const char *value, size_t len, int64_t now_ms,
                           struct dashboard_session *ret_session) MUST_CHECK;

/* The session's value in a Cookie header, borrowed from it; NULL where there is none. Accepts NULL. */
const char *dashboard_session_find(const char *cookies, size_t *ret_len);
/* Whether the dashboard's own page asks: its mark is "1", and a browser that tells where requests come from
 * (Sec-Fetch-Site; NULL where it does not) says from the same origin. */
bool dashboard_session_is_own(const char *mark, const char *fetch_site);

#endif
