/* SPDX-License-Identifier: Apache-2.0
 *
 * A webhook endpoint: a tenant and an origin ("https://crm.example:8443"). All of a tenant's URLs there share its
 * secret, its queue and its health. hook_endpoint.lua keeps it; secrets are sealed before they reach Redis.
 * Source of the secret's form: Standard Webhooks 1.0.0, "whsec_" and base64 of 24 to 64 bytes.
 */
#ifndef CARILLON_DOMAIN_ENDPOINT_H
#define CARILLON_DOMAIN_ENDPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/encode.h"
#include "common/base/err.h"

#define ENDPOINT_ID_LEN 27 /* "ep_" and 24 hexadecimal digits */
#define ENDPOINT_CONTEXT_LEN (ENDPOINT_ID_LEN + 9)
#define ENDPOINT_KEY_MIN 24
#define ENDPOINT_KEY_MAX 64
#define ENDPOINT_SECRET_LEN (6 + ENCODE_BASE64_LEN(ENDPOINT_KEY_MAX))

/* The id of a tenant's endpoint at `origin` (webhook_url.origin): "ep_" and the first 24 digits of
 * SHA-256(tenant "\n" origin). Whoever knows both finds the endpoint without asking. ERR_NOMEM. */
int endpoint_id_make(const char *tenant, const char *origin, char ret_id[ENDPOINT_ID_LEN + 1]) MUST_CHECK;

/* The place that an endpoint's secret is sealed for: "endpoint/<id>". ERR_INVALID where `id` is not an endpoint's. */
int endpoint_seal_context(const char *id, char ret_context[ENDPOINT_CONTEXT_LEN + 1]) MUST_CHECK;

/* A new secret of 32 random bytes, as the tenant is shown it. */
int endpoint_secret_make(char ret_secret[ENDPOINT_SECRET_LEN + 1]) MUST_CHECK;
/* The key in a secret. ERR_INVALID for another form, ERR_RANGE for a key outside 24 to 64 bytes. */
int endpoint_secret_key(const char *secret, size_t len, uint8_t ret_key[ENDPOINT_KEY_MAX], size_t *ret_len) MUST_CHECK;

#endif
