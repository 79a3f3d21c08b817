/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /2010-04-01/Accounts/{Sid}/Calls.json: the account's calls, newest first, filtered by To, From, Status, StartTime
 * and EndTime (each of these also as "StartTime<" and "StartTime>", for on or before and on or after; a date, or an
 * instant), in pages of PageSize (50, at most 1000). A call that never rang has no StartTime and matches none.
 */
#ifndef CARILLON_CARRIER_TWILIO_LIST_H
#define CARILLON_CARRIER_TWILIO_LIST_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/http/server.h"
#include "tests/carrier/calls.h"

#define TWILIO_LIST_BYTES_MAX (4u << 20)

/* Appends the page that the request's query asks for. ERR_INVALID with a sentence for people in `why`; ERR_NOMEM. */
int twilio_list(const struct calls *calls, const char *account_sid, const struct http_request *req, struct buf *out,
                struct buf *why) MUST_CHECK;

#endif
