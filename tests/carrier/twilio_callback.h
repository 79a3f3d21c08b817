/* SPDX-License-Identifier: Apache-2.0
 *
 * Twilio's status callbacks: which of them a call asked for, what they say, and how often they are tried. A callback is
 * tried again only as the fragment of its URL asks (twilio.com/docs/usage/webhooks/webhooks-connection-overrides: rc,
 * rp and rt; by default once more, where no connection could be made).
 */
#ifndef CARILLON_CARRIER_TWILIO_CALLBACK_H
#define CARILLON_CARRIER_TWILIO_CALLBACK_H

#include <stdbool.h>

#include "tests/carrier/call.h"
#include "tests/carrier/courier.h"

/* The account whose callbacks they are. */
struct twilio_callbacks {
    struct courier *courier;
    const char *account_sid;
};

/* True where the step is one that the call has callbacks for. */
bool twilio_callback_is_wanted(const struct call *call, unsigned step);

/* Sends the callback of a CALL_STEP_*, where one is wanted. False where none goes out: a letter that cannot be taken is
 * lost, as one that is given up is; the platform promises no more. */
bool twilio_callback_send(const struct twilio_callbacks *callbacks, struct call *call, unsigned step);

/* Tells what an answering-machine detection beside the call (AsyncAmd) heard, where that was asked for. */
void twilio_callback_send_detection(const struct twilio_callbacks *callbacks, struct call *call);

#endif
