/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /v3/list-calls: filters, order and pages as docs.retellai.com/api-references/list-calls documents them. The
 * calls are listed in the order they were placed, which with one ring time for all is the order they started in.
 *
 * A filter for one carillon_token or one to_number is quick; any other looks at every call that is remembered.
 */
#ifndef CARILLON_CARRIER_RETELL_LIST_H
#define CARILLON_CARRIER_RETELL_LIST_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "tests/carrier/calls.h"

#define RETELL_LIST_BYTES_MAX (64u << 20)

/* Answers the request's body (empty for none) into `out`, a JSON object {items, has_more, pagination_key?, total?}.
 * ERR_INVALID with a sentence in `why`; ERR_NOMEM. */
int retell_list(const struct calls *calls, const char *body, size_t len, struct buf *out, struct buf *why) MUST_CHECK;

#endif
