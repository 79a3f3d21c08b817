/* SPDX-License-Identifier: Apache-2.0
 *
 * One call of the tenant's, by its id.
 */
#ifndef CARILLON_PRODUCER_CALL_LOOKUP_H
#define CARILLON_PRODUCER_CALL_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "producer/exchange.h"

/* Reads a call's id: which batch, which contact of it. Answers 404 and gives false where it is none of the tenant's
 * cell.
 */
bool call_lookup_read(struct exchange *x, const char *id, char ret_batch[LIMIT_BATCH_ID_LEN + 1],
                      uint64_t *ret_ordinal);
/* 404 CALL_NOT_FOUND */
void call_lookup_refuse(struct exchange *x);

#endif
