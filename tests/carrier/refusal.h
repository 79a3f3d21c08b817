/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a request is refused, in a sentence for people.
 */
#ifndef CARILLON_CARRIER_REFUSAL_H
#define CARILLON_CARRIER_REFUSAL_H

#include "common/base/buf.h"

/* Makes `why` "<subject> <fault>"; a long subject is only "a member". Always ERR_INVALID, for the caller to return. */
int refusal_say(struct buf *why, const char *subject, const char *fault);

#endif
