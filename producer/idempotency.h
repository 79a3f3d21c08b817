/* SPDX-License-Identifier: Apache-2.0
 *
 * The header Idempotency-Key of requests that create something: the first answer is kept for a day, and the same
 * request gets it again. What the handler of such a route does:
 *
 *     static void admitted(struct exchange *x)
 *     {
 *         idempotency_claim(x, create); // in place of create(x)
 *     }
 *
 * create() is called where the request may go on, at once where it has no key, and answers as ever: an answer of 2xx is
 * kept before it is given, one of 4xx frees the key, after any other the same request may go on where this one stopped.
 * So whatever is written must bear being written again: a batch takes idempotency_batch_id() for its id.
 *
 * A body that is read while it arrives goes through idempotency_feed() piece by piece, after idempotency_begin().
 */
#ifndef CARILLON_PRODUCER_IDEMPOTENCY_H
#define CARILLON_PRODUCER_IDEMPOTENCY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "producer/exchange.h"

/* Reads the header. Answers 400 and gives false where it makes no sense. Once for each exchange, once it is admitted;
 * idempotency_claim() does it where nobody did. */
bool idempotency_begin(struct exchange *x) MUST_CHECK;
/* The next piece of a body that is not gathered. ERR_NOMEM. */
int idempotency_feed(struct exchange *x, const void *data, size_t len) MUST_CHECK;
/* The body is whole and nothing was written yet: calls `run`, or answers what was answered before, or 409, 422, 503. A
 * gathered body is read here. */
void idempotency_claim(struct exchange *x, exchange_fn run);

/* The id for the batch that the request creates, the same at every try; NULL where it has no key. */
const char *idempotency_batch_id(const struct exchange *x);
/* Whether an earlier try may have written something, or all of it, under that id. */
bool idempotency_is_resumed(const struct exchange *x);

#endif
