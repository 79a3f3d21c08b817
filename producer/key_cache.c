/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/key_cache.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"

/* Hashes are spread evenly, so each key has a few places of its own: a power of two of such sets. */
#define SETS 256u
#define WAYS 4u
#define GUESSES_US INT64_C(1000000)

struct place {
    uint8_t sha256[DIGEST_SHA256_LEN];
    int64_t until_us; /* 0: nothing is here */
};

struct key_cache {
    struct place opens[SETS][WAYS];
    struct identity identities[SETS][WAYS];
    struct place refused[SETS];
    int64_t guesses_us; /* since when they are counted */
    unsigned guesses;
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

static size_t set_of(const uint8_t sha256[DIGEST_SHA256_LEN])
{
    return sha256[0] % SETS;
}

static bool is_of(const struct place *place, const uint8_t sha256[DIGEST_SHA256_LEN])
{
    return place->until_us != 0 && digest_equal(place->sha256, DIGEST_SHA256_LEN, sha256, DIGEST_SHA256_LEN);
}

static void fill(struct place *place, const uint8_t sha256[DIGEST_SHA256_LEN], int64_t until_us)
{
    memcpy(place->sha256, sha256, DIGEST_SHA256_LEN);
    place->until_us = until_us;
}

enum key_known key_cache_find(const struct key_cache *c, const uint8_t sha256[DIGEST_SHA256_LEN], int64_t now_us,
                              struct identity *ret_identity)
{
    size_t set = set_of(sha256);
    for (size_t way = 0; way < WAYS; way++) {
        const struct place *place = &c->opens[set][way];
        if (now_us >= place->until_us || !is_of(place, sha256))
            continue;
        *ret_identity = c->identities[set][way];
        return KEY_OPENS;
    }
    const struct place *refused = &c->refused[set];
    return now_us < refused->until_us && is_of(refused, sha256) ? KEY_OPENS_NOTHING : KEY_UNKNOWN;
}

bool key_cache_may_ask(const struct key_cache *c, const uint8_t sha256[DIGEST_SHA256_LEN], int64_t now_us)
{
    if (c->guesses < LIMIT_KEY_GUESSES || now_us - c->guesses_us >= GUESSES_US)
        return true;
    const struct place *set = c->opens[set_of(sha256)];
    for (size_t way = 0; way < WAYS; way++) {
        if (is_of(&set[way], sha256))
            return true;
    }
    return false;
}

static void count_guess(struct key_cache *c, int64_t asked_us)
{
    if (asked_us - c->guesses_us >= GUESSES_US) {
        c->guesses_us = asked_us;
        c->guesses = 0;
    }
    c->guesses++;
}

/* Its own place where it has one, else the one whose time is over first. */
static size_t way_for(const struct place set[WAYS], const uint8_t sha256[DIGEST_SHA256_LEN])
{
    size_t oldest = 0;
    for (size_t way = 0; way < WAYS; way++) {
        if (is_of(&set[way], sha256))
            return way;
        if (set[way].until_us < set[oldest].until_us)
            oldest = way;
    }
    return oldest;
}

void key_cache_put(struct key_cache *c, const uint8_t sha256[DIGEST_SHA256_LEN], int64_t asked_us, int64_t left_us,
                   const struct identity *identity)
{
    size_t set = set_of(sha256);
    size_t way = way_for(c->opens[set], sha256);
    int64_t life_us = left_us >= 0 && left_us < KEY_CACHE_LIFE_US ? left_us : KEY_CACHE_LIFE_US;
    fill(&c->opens[set][way], sha256, asked_us + life_us);
    c->identities[set][way] = *identity;
}

void key_cache_put_refused(struct key_cache *c, const uint8_t sha256[DIGEST_SHA256_LEN], int64_t asked_us)
{
    size_t set = set_of(sha256);
    size_t way = way_for(c->opens[set], sha256);
    if (is_of(&c->opens[set][way], sha256))
        c->opens[set][way].until_us = 0; /* it opened something until now */
    fill(&c->refused[set], sha256, asked_us + KEY_CACHE_LIFE_US);
    count_guess(c, asked_us);
}
