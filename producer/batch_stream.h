/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch's status with every one of its calls, however many: written in pieces, so that it takes little memory.
 */
#ifndef CARILLON_PRODUCER_BATCH_STREAM_H
#define CARILLON_PRODUCER_BATCH_STREAM_H

#include "producer/batch_status.h"
#include "producer/exchange.h"

/* Answers the exchange with `status`, made without calls and not read yet, which is taken: as its state. The calls come
 * by their place in the batch, the last first. 503 where too many such answers are under way. */
void batch_stream_take(struct exchange *x, struct batch_status *status);

#endif
