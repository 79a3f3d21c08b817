/* SPDX-License-Identifier: Apache-2.0
 *
 * 409 BATCH_STATE: what a batch's state does not allow, and which states would.
 */
#ifndef CARILLON_PRODUCER_BATCH_REFUSAL_H
#define CARILLON_PRODUCER_BATCH_REFUSAL_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "common/domain/batch_state.h"
#include "producer/exchange.h"

#define BATCH_STATE_BIT(state) (1u << (unsigned)(state))

/* Answers it. `state` may be NULL where it is not known; `allowed`: BATCH_STATE_BIT of each state that would do. */
void batch_refuse_state(struct exchange *x, const char *state, uint32_t allowed, const char *message);
/* Its details, for a refusal of another code. What stands behind a comma in `state` is left out. NULL where memory ran
 * out. */
cJSON *batch_refusal_details(const char *state, uint32_t allowed);
/* The state that a script's "ERR_STATE <state>" names; NULL where it names none. Borrowed. */
const char *batch_refused_state(const struct redisReply *reply);

#endif
