/* SPDX-License-Identifier: Apache-2.0
 *
 * A set of numbers other than 0, such as telephone numbers. Tenants choose them: where each lies depends on a secret of
 * the set's own, so that nobody can choose them to fall together, which would cost the square of how many they are.
 */
#ifndef CARILLON_PRODUCER_NUMBER_SET_H
#define CARILLON_PRODUCER_NUMBER_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct number_set;

/* An empty one, which grows with what it holds. ERR_NOMEM, ERR_IO as random_bytes(). */
int number_set_create(struct number_set **ret_set) MUST_CHECK;
/* Accepts NULL. */
void number_set_free(struct number_set *set);

bool number_set_has(struct number_set *set, uint64_t number);
/* Adds one that it has not, or has: `ret_is_new` tells which. ERR_NOMEM: it holds what it held. */
int number_set_add(struct number_set *set, uint64_t number, bool *ret_is_new) MUST_CHECK;

/* How many it holds. */
size_t number_set_count(const struct number_set *set);
/* How many it has room for, in words of memory. */
size_t number_set_slots(const struct number_set *set);
/* How many slots were looked at since it was made: what all its work cost. */
uint64_t number_set_looks(const struct number_set *set);

#endif
