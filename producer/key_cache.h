/* SPDX-License-Identifier: Apache-2.0
 *
 * What Redis said of API keys a moment ago. Bounded, and short of life: a key that was revoked, or whose tenant
 * changed, holds for at most KEY_CACHE_LIFE_US more, and one that ends by itself not beyond its end. Keys that open
 * nothing are kept apart, so that no flood of them drives out those that do.
 */
#ifndef CARILLON_PRODUCER_KEY_CACHE_H
#define CARILLON_PRODUCER_KEY_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/err.h"
#include "producer/identity.h"

#define KEY_CACHE_LIFE_US INT64_C(500000)

struct key_cache;

enum key_known { KEY_UNKNOWN, KEY_OPENS, KEY_OPENS_NOTHING };

int key_cache_create(struct key_cache **ret_cache) MUST_CHECK;
/* Accepts NULL. */
void key_cache_free(struct key_cache *c);

/* KEY_UNKNOWN: Redis is to be asked. KEY_OPENS gives the identity. `now_us` is of the monotonic clock. */
enum key_known key_cache_find(const struct key_cache *c, const uint8_t sha256[DIGEST_SHA256_LEN], int64_t now_us,
                              struct identity *ret_identity);
/* Keeps what Redis said at `asked_us`; another key may have to leave for it. `left_us`: how long the key holds on then,
 * -1 for ever. */
void key_cache_put(struct key_cache *c, const uint8_t sha256[DIGEST_SHA256_LEN], int64_t asked_us, int64_t left_us,
                   const struct identity *identity);
/* Whether Redis may be asked about a key that is KEY_UNKNOWN. Where LIMIT_KEY_GUESSES were asked about in the last
 * second that opened nothing, only about one that opened something here when it was asked about last: so who tries keys
 * at random keeps Redis no busier than that, and no tenant out that was here before. */
bool key_cache_may_ask(const struct key_cache *c, const uint8_t sha256[DIGEST_SHA256_LEN], int64_t now_us);
/* Keeps that it opens nothing. */
void key_cache_put_refused(struct key_cache *c, const uint8_t sha256[DIGEST_SHA256_LEN], int64_t asked_us);

#endif
