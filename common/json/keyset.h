/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to common/json: the keys of the objects that are open at one point of a text, so that a second key of the
 * same name is noticed at once, whatever the number of keys. Objects close in the reverse order of their opening.
 */
#ifndef CARILLON_JSON_KEYSET_H
#define CARILLON_JSON_KEYSET_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct keyset;

/* NULL where memory ran out. */
struct keyset *keyset_create(void);
/* Accepts NULL. */
void keyset_free(struct keyset *k);

/* The number of keys held; to be given to keyset_close() when an object that opens now closes. */
size_t keyset_mark(const struct keyset *k);
/* Forgets every key since `mark`. */
void keyset_close(struct keyset *k, size_t mark);

/* Adds a key of object number `object` (its depth names it: what is open at one depth is one object). ERR_EXISTS where
 * it has that key already; `ret_place` is then the place of the first. ERR_NOMEM. */
int keyset_add(struct keyset *k, size_t object, const char *key, size_t len, size_t *ret_place) MUST_CHECK;
/* The key at a place that keyset_add() gave; borrowed until the next change. */
const char *keyset_key(const struct keyset *k, size_t place, size_t *ret_len);

#endif
