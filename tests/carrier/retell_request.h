/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the body of POST /v2/create-phone-call as docs.retellai.com/api-references/create-phone-call documents it, with
 * its types and ranges. Stricter than the vendor in one thing: a member that the document does not know is refused, so
 * that a misspelt one is noticed here and not in a bill.
 */
#ifndef CARILLON_CARRIER_RETELL_REQUEST_H
#define CARILLON_CARRIER_RETELL_REQUEST_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "tests/carrier/call.h"

/* The member of metadata that the witness calls a call by. */
#define RETELL_TOKEN_KEY "carillon_token"
#define RETELL_METADATA_BYTES_MAX (50u << 10)

/* ERR_INVALID with a sentence for people in `why`; ERR_NOMEM. The order's texts are the caller's to clear. */
int retell_request_read(const char *body, size_t len, struct call_order *ret_order, struct buf *why) MUST_CHECK;

#endif
