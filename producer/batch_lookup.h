/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch that a tenant names: read, and held against who asks.
 */
#ifndef CARILLON_PRODUCER_BATCH_LOOKUP_H
#define CARILLON_PRODUCER_BATCH_LOOKUP_H

#include "common/base/limits.h"
#include "producer/batch_report.h"
#include "producer/exchange.h"

/* `report` lives only inside; NULL where the tenant has no such batch, which nobody has answered yet. */
typedef void (*batch_lookup_fn)(struct exchange *x, const struct batch_report *report, void *arg);

/* Part of the exchange's state. The caller sets `id`. */
struct batch_lookup {
    char id[LIMIT_BATCH_ID_LEN + 1];
    batch_lookup_fn fn;
    void *arg;
};

/* Reads the batch and calls `fn`, or answers that it cannot be read. What is not sealed is nobody's to see. */
void batch_lookup_ask(struct batch_lookup *lookup, struct exchange *x, batch_lookup_fn fn, void *arg);

#endif
