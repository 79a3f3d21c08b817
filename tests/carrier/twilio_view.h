/* SPDX-License-Identifier: Apache-2.0
 *
 * A call as Twilio's API shows it: the Call resource, with the members and values of api.v2010.account.call in the
 * OpenAPI of @twilio/cli-core 8.3.2; and the words for a call that its callbacks share.
 */
#ifndef CARILLON_CARRIER_TWILIO_VIEW_H
#define CARILLON_CARRIER_TWILIO_VIEW_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/carrier/call.h"

#define TWILIO_VERSION "2010-04-01"
#define TWILIO_DATE_CAP 72

/* The resource. `is_new`: as it was when it was created, whatever happened since. The caller frees it with
 * cJSON_Delete(). NULL where memory ran out. */
cJSON *twilio_view(const struct call *call, const char *account_sid, bool is_new);

/* "queued", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled". */
const char *twilio_status_name(const struct call *call);
/* What answered, by the detection that was asked for; NULL where none was, or nothing answered. */
const char *twilio_answered_by(const struct call *call);
/* How long they talked, in seconds, begun ones counted whole. */
int64_t twilio_duration_s(const struct call *call);
/* RFC 2822 in UTC: "Tue, 31 Aug 2010 20:36:28 +0000". */
void twilio_date(int64_t ms, char ret[TWILIO_DATE_CAP]);

#endif
