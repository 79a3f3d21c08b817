/* SPDX-License-Identifier: Apache-2.0
 *
 * A binary min-heap of int64 keys with one borrowed pointer each. An item learns its place through a size_t that it
 * owns, so that it can be removed from the middle. Knows nothing of what it holds.
 */
#ifndef CARILLON_BASE_HEAP_H
#define CARILLON_BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define HEAP_NOWHERE ((size_t)-1)

struct heap;

/* NULL where memory ran out. `max` bounds the number of items. */
struct heap *heap_create(size_t max);
/* Accepts NULL. The items are the caller's. */
void heap_free(struct heap *h);

/* Adds `item`. `place` is written whenever the item moves and set to HEAP_NOWHERE when it leaves; it must live as long
 * as the item is in the heap. ERR_NOMEM at the bound. */
int heap_push(struct heap *h, int64_t key, void *item, size_t *place) MUST_CHECK;
/* The least key's item, or NULL. `ret_key` may be NULL. */
void *heap_peek(const struct heap *h, int64_t *ret_key);
void *heap_pop(struct heap *h);
/* Removes the item at `*place`; nothing where that is HEAP_NOWHERE. */
void heap_remove(struct heap *h, size_t *place);
size_t heap_len(const struct heap *h);

#endif
