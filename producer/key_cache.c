/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/key_cache.h"

#include <stdlib.h>
#include <string.h>

/* Hashes are spread evenly, so each key has one place of its own: a power of two of them. */
#define PLACES 256u

struct place {
    bool is_used;
    uint8_t sha256[DIGEST_SHA256_LEN];
    int64_t until_us;
    struct identity identity;
};

struct key_cache {
    struct place places[PLACES];
};

int key_cache_create(struct key_cache **ret_cache)
{
    struct key_cache *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    *ret_cache = c;
    return 0;
}

void key_cache_free(struct key_cache *c)
{
    free(c);
}

bool key_cache_find(const struct key_cache *c, const uint8_t sha256[DIGEST_SHA256_LEN], int64_t now_us,
                    struct identity *ret_identity)
{
    const struct place *place = &c->places[sha256[0] % PLACES];
    if (!place->is_used || now_us >= place->until_us ||
        !digest_equal(place->sha256, DIGEST_SHA256_LEN, sha256, DIGEST_SHA256_LEN))
        return false;
    *ret_identity = place->identity;
    return true;
}

void key_cache_put(struct key_cache *c, const uint8_t sha256[DIGEST_SHA256_LEN], int64_t asked_us,
                   const struct identity *identity)
{
    struct place *place = &c->places[sha256[0] % PLACES];
    place->is_used = true;
    memcpy(place->sha256, sha256, DIGEST_SHA256_LEN);
    place->until_us = asked_us + KEY_CACHE_LIFE_US;
    place->identity = *identity;
}
