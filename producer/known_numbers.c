/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/known_numbers.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/ident.h"
#include "producer/number_set.h"

#define NAME_RANDOM 20
#define BATCHES_MOST 256

struct known_batch {
    struct known_batch *next; /* used less lately */
    char id[LIMIT_BATCH_ID_LEN + 1];
    char name[LIMIT_ID_LEN + 1];
    struct number_set *numbers;
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
    number_set_free(b->numbers);
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
        slots += number_set_slots(b->numbers);
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
    if (number_set_create(&b->numbers) != 0 || strlen(batch_id) > LIMIT_BATCH_ID_LEN ||
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
    return number_set_count(b->numbers);
}

int known_batch_add(struct known_batch *b, uint64_t number, bool *ret_is_new)
{
    if (number_set_count(b->numbers) < LIMIT_KNOWN_NUMBERS)
        return number_set_add(b->numbers, number, ret_is_new);
    *ret_is_new = !number_set_has(b->numbers, number);
    return *ret_is_new ? ERR_TOO_LARGE : 0;
}
