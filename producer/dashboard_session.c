/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/dashboard_session.h"

#include <stdlib.h>
#include <string.h>

#define CONTEXT "dashboard/session"
#define INSTANT_LEN 8u
#define PLAIN_LEN (DIGEST_SHA256_LEN + INSTANT_LEN)

int dashboard_session_seal(const struct seal_keys *keys, const struct dashboard_session *session, char **ret_value)
{
    uint8_t plain[PLAIN_LEN];
    memcpy(plain, session->key, DIGEST_SHA256_LEN);
    for (size_t i = 0; i < INSTANT_LEN; i++)
        plain[DIGEST_SHA256_LEN + i] = (uint8_t)((uint64_t)session->until_ms >> (8 * (INSTANT_LEN - 1 - i)));
    return seal_secret(keys, CONTEXT, plain, sizeof plain, ret_value);
}

int dashboard_session_open(const struct seal_keys *keys, const char *value, size_t len, int64_t now_ms,
                           struct dashboard_session *ret_session)
{
    char *plain;
    size_t plain_len;
    int err = seal_open(keys, CONTEXT, value, len, &plain, &plain_len);
    if (err)
        return err;
    uint64_t until_ms = 0;
    if (plain_len == PLAIN_LEN) {
        for (size_t i = DIGEST_SHA256_LEN; i < PLAIN_LEN; i++)
            until_ms = until_ms << 8 | (uint8_t)plain[i];
    }
    if ((int64_t)until_ms > now_ms) {
        memcpy(ret_session->key, plain, DIGEST_SHA256_LEN);
        ret_session->until_ms = (int64_t)until_ms;
    } else {
        err = ERR_AUTH;
    }
    seal_secret_free(plain, plain_len);
    return err;
}

const char *dashboard_session_find(const char *cookies, size_t *ret_len)
{
    static const char name[] = DASHBOARD_SESSION_COOKIE "=";
    const char *at = cookies;
    while (at) {
        at += strspn(at, "; \t");
        size_t len = strcspn(at, "; \t");
        if (len > sizeof name - 1 && strncmp(at, name, sizeof name - 1) == 0) {
            *ret_len = len - (sizeof name - 1);
            return at + sizeof name - 1;
        }
        at = strchr(at, ';');
    }
    return NULL;
}

bool dashboard_session_is_own(const char *mark, const char *fetch_site)
{
    return mark && strcmp(mark, "1") == 0 && (!fetch_site || strcmp(fetch_site, "same-origin") == 0);
}
