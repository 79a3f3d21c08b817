/* SPDX-License-Identifier: Apache-2.0
 *
 * Twilio's webhook signature, as twilio.com/docs/usage/security describes it: the header X-Twilio-Signature is the
 * base64 of HMAC-SHA1 under the auth token of the whole URL (with its query, without its fragment) followed, for a POST
 * of a form, by every parameter's name and value, sorted by name.
 */
#ifndef CARILLON_CARRIER_TWILIO_SIGN_H
#define CARILLON_CARRIER_TWILIO_SIGN_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/* Appends the header's value to `out`. `form` is the body of `len` bytes, 0 for a GET. ERR_INVALID where it is no form.
 */
int twilio_sign(const char *auth_token, const char *url, const char *form, size_t len, struct buf *out) MUST_CHECK;

#endif
