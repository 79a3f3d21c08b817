/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/number_set.h"

#include <stdlib.h>

#include "common/base/digest.h"

#define BITS_FIRST 10u /* of 1,024 slots */
/* 2^64 by the golden ratio (Knuth, TAOCP 6.4): spreads what the secret factor leaves close together. */
#define SPREAD UINT64_C(0x9E3779B97F4A7C15)

/* Open addressing; a slot with 0 is free, and half of them always are. */
struct number_set {
    uint64_t *slots;
    unsigned bits; /* there are 2^bits */
    uint64_t factor; /* secret, odd */
    size_t n;
    uint64_t looks;
};

int number_set_create(struct number_set **ret_set)
{
    struct number_set *set = calloc(1, sizeof *set);
    if (!set)
        return ERR_NOMEM;
    set->bits = BITS_FIRST;
    set->slots = calloc((size_t)1 << set->bits, sizeof set->slots[0]);
    int err = set->slots ? random_bytes(&set->factor, sizeof set->factor) : ERR_NOMEM;
    if (err) {
        number_set_free(set);
        return err;
    }
    set->factor |= 1;
    *ret_set = set;
    return 0;
}

void number_set_free(struct number_set *set)
{
    if (!set)
        return;
    free(set->slots);
    free(set);
}

/* The slot that holds the number, or is free for it. */
static uint64_t *find(struct number_set *set, uint64_t *slots, unsigned bits, uint64_t number)
{
    size_t mask = ((size_t)1 << bits) - 1;
    uint64_t mixed = number * set->factor;
    size_t at = (size_t)(((mixed ^ mixed >> 32) * SPREAD) >> (64 - bits));
    for (set->looks++; slots[at] != 0 && slots[at] != number; set->looks++)
        at = (at + 1) & mask;
    return &slots[at];
}

static int grow(struct number_set *set)
{
    size_t n = number_set_slots(set);
    uint64_t *slots = calloc(2 * n, sizeof slots[0]);
    if (!slots)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        if (set->slots[i] != 0)
            *find(set, slots, set->bits + 1, set->slots[i]) = set->slots[i];
    }
    free(set->slots);
    set->slots = slots;
    set->bits++;
    return 0;
}

bool number_set_has(struct number_set *set, uint64_t number)
{
    return *find(set, set->slots, set->bits, number) != 0;
}

int number_set_add(struct number_set *set, uint64_t number, bool *ret_is_new)
{
    uint64_t *slot = find(set, set->slots, set->bits, number);
    *ret_is_new = *slot == 0;
    if (!*ret_is_new)
        return 0;
    if (2 * (set->n + 1) > number_set_slots(set)) {
        int err = grow(set);
        if (err)
            return err;
        slot = find(set, set->slots, set->bits, number);
    }
    *slot = number;
    set->n++;
    return 0;
}

size_t number_set_count(const struct number_set *set)
{
    return set->n;
}

size_t number_set_slots(const struct number_set *set)
{
    return (size_t)1 << set->bits;
}

uint64_t number_set_looks(const struct number_set *set)
{
    return set->looks;
}
