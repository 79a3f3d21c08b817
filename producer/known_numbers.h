/* SPDX-License-Identifier: Apache-2.0
 *
 * The numbers of batches that this producer has filled from their first contact on. As long as nobody else writes into
 * one, it knows what is a duplicate without Redis's index (batch_take.lua, which notices anybody else). Only a cache:
 * what is forgotten, Redis indexes when somebody adds to the batch.
 */
#ifndef CARILLON_PRODUCER_KNOWN_NUMBERS_H
#define CARILLON_PRODUCER_KNOWN_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"

struct known_numbers;

/* What is known of one batch. Lives until the next call of known_numbers_*(). */
struct known_batch;

int known_numbers_create(struct known_numbers **ret_known) MUST_CHECK;
/* Accepts NULL. */
void known_numbers_free(struct known_numbers *k);

/* NULL where the batch is not known. */
struct known_batch *known_numbers_find(struct known_numbers *k, const char *batch_id);
/* Begins to know a batch that has nobody yet, and forgets others where there is no room. NULL where memory ran out. */
struct known_batch *known_numbers_begin(struct known_numbers *k, const char *batch_id);
/* Also one that is not known. */
void known_numbers_forget(struct known_numbers *k, const char *batch_id);

/* What the knowledge is called, so that Redis can tell it from another's. */
const char *known_batch_name(const struct known_batch *b);
/* The contacts that the batch has where all went as is thought. */
uint64_t known_batch_total(const struct known_batch *b);
/* Adds a contact's number. `ret_is_new`: false where the batch has it, and then nothing changes. ERR_TOO_LARGE over
 * LIMIT_KNOWN_NUMBERS, ERR_NOMEM: the batch must be forgotten. */
int known_batch_add(struct known_batch *b, uint64_t number, bool *ret_is_new) MUST_CHECK;

#endif
