/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the form of POST /2010-04-01/Accounts/{Sid}/Calls.json as twilio.com/docs/voice/api/call-resource documents it,
 * with its values and ranges. Stricter than the vendor in one thing: a parameter that the document does not know, or
 * that is given twice where once makes sense, is refused, so that a misspelt one is noticed here and not in a bill.
 */
#ifndef CARILLON_CARRIER_TWILIO_REQUEST_H
#define CARILLON_CARRIER_TWILIO_REQUEST_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "tests/carrier/call.h"
#include "tests/carrier/form.h"
#include "tests/carrier/twilio_error.h"

#define TWILIO_APPLICATION_UNKNOWN "AP00000000000000000000000000000000"
#define TWILIO_FROM_UNVERIFIED "+15005550001"

/* ERR_INVALID with the code, and a sentence for people in `why`; ERR_NOMEM. The order's texts are the caller's to
 * clear. Its token is what follows /callbacks/<profile>/ in the path of StatusCallback. */
int twilio_request_read(const struct form *form, struct call_order *ret_order, enum twilio_error *ret_code,
                        struct buf *why) MUST_CHECK;

#endif
