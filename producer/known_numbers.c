/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/known_numbers.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/ident.h"

#define SLOTS_FIRST 1024 /* a power of two, like all that follow */
#define NAME_RANDOM 20
#define BATCHES_MOST 256

/* Open addressing; 0 is no number. */
struct known_batch {
    struct known_batch *next; /* used less lately */
    char id[LIMIT_BATCH_ID_LEN + 1];
    char name[LIMIT_ID_LEN + 1];
    uint64_t *numbers;
    size_t slots;
    uint64_t total;
};

struct known_numbers {
    struct known_batch *batches; /* used last first */
};

int known_numbers_create(struct known_numbers **ret_known)
{
    *ret_known = calloc(1, sizeof **ret_known);
    return *ret_known ? 0 : ERR_NOMEM;
}

static void known_batch_free(struct known_batch *b)
{
    free(b->numbers);
    free(b);
}

void known_numbers_free(struct known_numbers *k)
{
    while (k && k->batches) {
        struct known_batch *b = k->batches;
        k->batches = b->next;
        known_batch_free(b);
    }
    free(k);
}

/* Takes the batch off the list. */
static struct known_batch *take(struct known_numbers *k, const char *batch_id)
{
    for (struct known_batch **at = &k->batches; *at; at = &(*at)->next) {
        struct known_batch *b = *at;
        if (strcmp(b->id, batch_id) == 0) {
            *at = b->next;
            return b;
        }
    }
    return NULL;
}

static void put_first(struct known_numbers *k, struct known_batch *b)
{
    b->next = k->batches;
    k->batches = b;
}

/* Forgets those behind the first that are more, or hold more numbers, than there may be. */
static void make_room(struct known_numbers *k)
{
    size_t slots = 0, n = 0;
    for (struct known_batch **at = &k->batches; *at;) {
        struct known_batch *b = *at;
        slots += b->slots;
        if (n++ == 0 || (slots <= 2 * (size_t)LIMIT_KNOWN_IN_ALL && n <= BATCHES_MOST)) {
            at = &b->next;
        } else {
            *at = b->next;
            known_batch_free(b);
        }
    }
}

struct known_batch *known_numbers_find(struct known_numbers *k, const char *batch_id)
{
    struct known_batch *b = take(k, batch_id);
    if (b) {
        put_first(k, b);
        make_room(k);
    }
    return b;
}

struct known_batch *known_numbers_begin(struct known_numbers *k, const char *batch_id)
{
    known_numbers_forget(k, batch_id);
    struct known_batch *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->slots = SLOTS_FIRST;
    b->numbers = calloc(b->slots, sizeof b->numbers[0]);
    if (!b->numbers || strlen(batch_id) > LIMIT_BATCH_ID_LEN ||
        ident_make_random("known_", NAME_RANDOM, b->name, sizeof b->name) != 0) {
        known_batch_free(b);
        return NULL;
    }
    memcpy(b->id, batch_id, strlen(batch_id) + 1);
    put_first(k, b);
    make_room(k);
    return b;
}

void known_numbers_forget(struct known_numbers *k, const char *batch_id)
{
    struct known_batch *b = take(k, batch_id);
    if (b)
        known_batch_free(b);
}

const char *known_batch_name(const struct known_batch *b)
{
    return b->name;
}

uint64_t known_batch_total(const struct known_batch *b)
{
    return b->total;
}

/* The slot that holds the number, or is free for it. (The factor is 2^64 by the golden ratio: Knuth, TAOCP 6.4.) */
static size_t find_slot(const uint64_t *numbers, size_t slots, uint64_t number)
{
    size_t at = (size_t)((number * UINT64_C(0x9E3779B97F4A7C15)) >> 20) & (slots - 1);
    while (numbers[at] != 0 && numbers[at] != number)
        at = (at + 1) & (slots - 1);
    return at;
}

static int grow(struct known_batch *b)
{
    size_t slots = 2 * b->slots;
    uint64_t *numbers = calloc(slots, sizeof numbers[0]);
    if (!numbers)
        return ERR_NOMEM;
    for (size_t i = 0; i < b->slots; i++) {
        if (b->numbers[i] != 0)
            numbers[find_slot(numbers, slots, b->numbers[i])] = b->numbers[i];
    }
    free(b->numbers);
    b->numbers = numbers;
    b->slots = slots;
    return 0;
}

int known_batch_add(struct known_batch *b, uint64_t number, bool *ret_is_new)
{
    size_t at = find_slot(b->numbers, b->slots, number);
    *ret_is_new = b->numbers[at] == 0;
    if (!*ret_is_new)
        return 0;
    if (b->total == LIMIT_KNOWN_NUMBERS)
        return ERR_TOO_LARGE;
    b->numbers[at] = number;
    b->total++;
    return 2 * b->total > b->slots ? grow(b) : 0;
}
