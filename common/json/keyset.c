/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/keyset.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/digest.h"

#define BUCKETS 1024u /* a power of two */
#define NONE UINT32_MAX
#define FIRST_ENTRIES 32u
#define FIRST_TEXT 512u
#define FEW 16u /* keys, so many that looking at each is cheaper than an index and a random basis for it */

/* FNV-1a, 64 bits (draft-eastlake-fnv), from a basis that a sender cannot know. */
#define FNV_PRIME UINT64_C(1099511628211)

struct entry {
    uint64_t hash;
    uint32_t at; /* of the text */
    uint32_t len;
    uint32_t object;
    uint32_t next; /* of the bucket's chain: an older entry */
};

struct keyset {
    uint64_t basis;
    uint32_t heads[BUCKETS]; /* the newest entry of each bucket, so that the last one in is the first one out */
    bool is_indexed; /* basis, heads and the entries' hashes hold: from more than a few keys on */
    struct entry *entries;
    size_t n_entries;
    size_t entries_cap;
    char *text;
    size_t text_len;
    size_t text_cap;
};

struct keyset *keyset_create(void)
{
    struct keyset *k = malloc(sizeof *k);
    if (k == NULL)
        return NULL;
    k->is_indexed = false;
    k->entries = NULL;
    k->n_entries = k->entries_cap = 0;
    k->text = NULL;
    k->text_len = k->text_cap = 0;
    return k;
}

void keyset_free(struct keyset *k)
{
    if (k == NULL)
        return;
    free(k->entries);
    free(k->text);
    free(k);
}

size_t keyset_mark(const struct keyset *k)
{
    return k->n_entries;
}

static uint32_t *head_of(struct keyset *k, uint64_t hash)
{
    return &k->heads[(hash ^ (hash >> 32)) & (BUCKETS - 1)];
}

void keyset_close(struct keyset *k, size_t mark)
{
    while (k->n_entries > mark) {
        const struct entry *e = &k->entries[--k->n_entries];
        if (k->is_indexed)
            *head_of(k, e->hash) = e->next;
        k->text_len = e->at;
    }
}

static uint64_t hash_key(const struct keyset *k, size_t object, const char *key, size_t len)
{
    uint64_t hash = (k->basis ^ object) * FNV_PRIME;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)key[i]) * FNV_PRIME;
    return hash;
}

/* Room for one entry and `len` bytes. Places and offsets fit 32 bits: a text's keys are far below that. */
static int make_room(struct keyset *k, size_t len)
{
    if (len >= NONE / 2 - k->text_len || k->n_entries >= NONE / 2)
        return ERR_NOMEM;
    if (k->n_entries == k->entries_cap) {
        size_t cap = k->entries_cap > 0 ? 2 * k->entries_cap : FIRST_ENTRIES;
        struct entry *grown = reallocarray(k->entries, cap, sizeof *grown);
        if (grown == NULL)
            return ERR_NOMEM;
        k->entries = grown;
        k->entries_cap = cap;
    }
    size_t cap = k->text_cap > 0 ? k->text_cap : FIRST_TEXT;
    while (cap < k->text_len + len)
        cap *= 2;
    if (cap != k->text_cap) {
        char *grown = realloc(k->text, cap);
        if (grown == NULL)
            return ERR_NOMEM;
        k->text = grown;
        k->text_cap = cap;
    }
    return 0;
}

static void link_entry(struct keyset *k, size_t place)
{
    struct entry *e = &k->entries[place];
    e->hash = hash_key(k, e->object, k->text + e->at, e->len);
    uint32_t *head = head_of(k, e->hash);
    e->next = *head;
    *head = (uint32_t)place;
}

static void make_index(struct keyset *k)
{
    k->is_indexed = true;
    k->basis = random_below(UINT64_MAX);
    memset(k->heads, 0xff, sizeof k->heads);
    for (size_t i = 0; i < k->n_entries; i++)
        link_entry(k, i);
}

static bool is_key(const struct keyset *k, const struct entry *e, size_t object, const char *key, size_t len)
{
    return e->object == object && e->len == len && memcmp(k->text + e->at, key, len) == 0;
}

/* NONE where there is no such key. */
static uint32_t find(struct keyset *k, size_t object, const char *key, size_t len)
{
    if (!k->is_indexed) {
        uint32_t i = 0;
        while (i < k->n_entries && !is_key(k, &k->entries[i], object, key, len))
            i++;
        return i < k->n_entries ? i : NONE;
    }
    uint64_t hash = hash_key(k, object, key, len);
    uint32_t i = *head_of(k, hash);
    while (i != NONE && (k->entries[i].hash != hash || !is_key(k, &k->entries[i], object, key, len)))
        i = k->entries[i].next;
    return i;
}

int keyset_add(struct keyset *k, size_t object, const char *key, size_t len, size_t *ret_place)
{
    uint32_t found = find(k, object, key, len);
    if (found != NONE) {
        *ret_place = found;
        return ERR_EXISTS;
    }
    int err = make_room(k, len);
    if (err < 0)
        return err;
    if (k->n_entries == FEW && !k->is_indexed)
        make_index(k);
    k->entries[k->n_entries] =
        (struct entry){.at = (uint32_t)k->text_len, .len = (uint32_t)len, .object = (uint32_t)object};
    if (len > 0)
        memcpy(k->text + k->text_len, key, len);
    k->text_len += len;
    if (k->is_indexed)
        link_entry(k, k->n_entries);
    *ret_place = k->n_entries++;
    return 0;
}

const char *keyset_key(const struct keyset *k, size_t place, size_t *ret_len)
{
    *ret_len = k->entries[place].len;
    return k->text + k->entries[place].at;
}
