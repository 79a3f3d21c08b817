/* SPDX-License-Identifier: Apache-2.0
 *
 * What an earlier try of the same request left, where the request makes a batch and has an Idempotency-Key
 * (idempotency.h): a batch that is whole is what was asked for, and is not judged or made again. Its options may not
 * even be good ones any more, since its start may be over by now.
 */
#ifndef CARILLON_PRODUCER_BATCH_BEGUN_H
#define CARILLON_PRODUCER_BATCH_BEGUN_H

#include <stdint.h>

#include "producer/exchange.h"

#define BATCH_BEGUN_STATE_LEN 15

struct batch_begun;

/* `begun` NULL: there is no such batch, or it is not whole, and the request goes on. */
typedef void (*batch_begun_fn)(struct exchange *x, const struct batch_begun *begun, void *arg);

/* Part of the exchange's state. */
struct batch_begun {
    char state[BATCH_BEGUN_STATE_LEN + 1]; /* as it is now */
    uint64_t total; /* contacts */
    batch_begun_fn fn;
    void *arg;
};

/* Calls `fn`, at once where there was no earlier try; the batch is the one of idempotency_batch_id(). Answers 503 where
 * what is left is just being removed, or Redis is away. */
void batch_begun_ask(struct batch_begun *begun, struct exchange *x, batch_begun_fn fn, void *arg);

#endif
