/* SPDX-License-Identifier: Apache-2.0
 *
 * Retell's webhook signature, as retell-sdk 5.66.1 makes it (lib/webhook_auth): the header x-retell-signature is
 * "v=<ms>,d=<hex>", d being HMAC-SHA256 under the API key of the raw body followed by the decimal milliseconds.
 */
#ifndef CARILLON_CARRIER_RETELL_SIGN_H
#define CARILLON_CARRIER_RETELL_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/* Appends the header's value to `out`. */
int retell_sign(const char *api_key, const char *body, size_t len, int64_t at_ms, struct buf *out) MUST_CHECK;

#endif
