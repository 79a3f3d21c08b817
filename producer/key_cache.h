/* SPDX-License-Identifier: Apache-2.0
 *
 * The API keys seen a moment ago. Bounded, and short of life: a key that was revoked, or whose tenant changed, holds
 * for at most KEY_CACHE_LIFE_US more. Keys that do not exist are not kept.
 */
#ifndef CARILLON_PRODUCER_KEY_CACHE_H
#define CARILLON_PRODUCER_KEY_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/err.h"
#include "producer/identity.h"

#define KEY_CACHE_LIFE_US INT64_C(2000000)

struct key_cache;

int key_cache_create(struct key_cache **ret_cache) MUST_CHECK;
/* Accepts NULL. */
void key_cache_free(struct key_cache *c);

/* False where the key is not known or its time is over. `now_us` is of the monotonic clock. */
bool key_cache_find(const struct key_cache *c, const uint8_t sha256[DIGEST_SHA256_LEN], int64_t now_us,
                    struct identity *ret_identity);
/* Keeps what Redis said at `asked_us`; another key may have to leave for it. */
void key_cache_put(struct key_cache *c, const uint8_t sha256[DIGEST_SHA256_LEN], int64_t asked_us,
                   const struct identity *identity);

#endif
