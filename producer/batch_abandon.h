/* SPDX-License-Identifier: Apache-2.0
 *
 * A creation that is refused after its batch was begun.
 */
#ifndef CARILLON_PRODUCER_BATCH_ABANDON_H
#define CARILLON_PRODUCER_BATCH_ABANDON_H

#include "producer/exchange.h"

/* Takes back the batch `batch_id` of the exchange's tenant, where it is still being ingested: it counts no more among
 * what the tenant has. To be called before the refusal is answered; nothing is told of it. Where it cannot be sent, the
 * batch goes by itself when its life as an unsealed one is over. */
void batch_abandon(struct exchange *x, const char *batch_id);

#endif
