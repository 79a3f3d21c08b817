/* SPDX-License-Identifier: Apache-2.0
 *
 * A call as Retell's API shows it: the object of create-phone-call, get-call, list-calls and the webhooks, with the
 * members and values of retell-sdk 5.66.1 (PhoneCallResponse, V3PhoneCallResponse).
 */
#ifndef CARILLON_CARRIER_RETELL_VIEW_H
#define CARILLON_CARRIER_RETELL_VIEW_H

#include <cjson/cJSON.h>

#include "tests/carrier/call.h"

enum retell_view {
    RETELL_VIEW_CREATED, /* as it was when it was created, whatever happened since */
    RETELL_VIEW_GET,
    RETELL_VIEW_LISTED, /* without transcripts */
    RETELL_VIEW_STARTED, /* call_started, call_ended: without the analysis */
    RETELL_VIEW_ENDED,
    RETELL_VIEW_ANALYZED,
};

/* The caller frees it with cJSON_Delete(). NULL where memory ran out. */
cJSON *retell_view(const struct call *call, enum retell_view view);

#endif
