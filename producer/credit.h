/* SPDX-License-Identifier: Apache-2.0
 *
 * Before contacts are taken: does their tenant's credit cover them? An estimate, as the seed makes it; what calls
 * really use up is reserved and settled by the scripts (common/lua/lib/credit.lua).
 */
#ifndef CARILLON_PRODUCER_CREDIT_H
#define CARILLON_PRODUCER_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "producer/exchange.h"

#define CREDIT_FIELD "available_s" /* of the tenant's hash: seconds left; not there: no limit */
#define CREDIT_MINUTES_PER_CONTACT 2

/* Reads CREDIT_FIELD of the tenant: the reply is for credit_covers(). Errors as exchange_command(). */
int credit_read(struct exchange *x, exchange_reply_fn fn, void *arg) MUST_CHECK;
/* Whether what CREDIT_FIELD holds covers so many contacts. */
bool credit_suffices(const struct redisReply *available_s, uint64_t contacts);
/* The same; where it does not it has answered 402, or 500 where it makes no sense. */
bool credit_covers(struct exchange *x, const struct redisReply *available_s, uint64_t contacts);

#endif
