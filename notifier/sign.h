/* SPDX-License-Identifier: Apache-2.0
 *
 * Signatures of webhooks. Source: Standard Webhooks 1.0.0, "v1": base64(HMAC-SHA256(key, "<id>.<timestamp>.<body>")).
 * While a secret is being replaced, each active one signs, the current one first.
 */
#ifndef CARILLON_NOTIFIER_SIGN_H
#define CARILLON_NOTIFIER_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/digest.h"
#include "common/base/err.h"
#include "common/domain/endpoint.h"

struct sign_key {
    uint8_t bytes[ENDPOINT_KEY_MAX];
    size_t len;
};

/* Writes the value of the header webhook-signature, "v1,<base64> v1,<base64>", into `header`, which is cleared first.
 * The id holds no dot. ERR_INVALID without a key. */
int sign_webhook(const struct sign_key *keys, size_t n_keys, const char *id, int64_t timestamp_s, const void *body,
                 size_t body_len, struct buf *header) MUST_CHECK;

#define SIGN_SEED_LEN (2 * DIGEST_SHA256_LEN)

/* The value of the header x-dialgen-signature, which receivers know from before: hex HMAC-SHA256 of the body under the
 * text of the secret, "whsec_...". It knows neither id nor time, so it does not keep a copy from being sent again. */
int sign_seed(const struct sign_key *key, const void *body, size_t body_len,
              char ret_text[SIGN_SEED_LEN + 1]) MUST_CHECK;

#endif
