/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/heap.h"

#include <stdlib.h>

#define FIRST_CAP 16u

struct entry {
    int64_t key;
    void *item; /* borrowed */
    size_t *place; /* borrowed: the index of this entry */
};

struct heap {
    struct entry *entries;
    size_t len;
    size_t cap;
    size_t max;
};

struct heap *heap_create(size_t max)
{
    struct heap *h = calloc(1, sizeof *h);
    if (h)
        h->max = max;
    return h;
}

void heap_free(struct heap *h)
{
    if (!h)
        return;
    free(h->entries);
    free(h);
}

static int grow(struct heap *h)
{
    if (h->len < h->cap)
        return 0;
    if (h->len >= h->max)
        return ERR_NOMEM;
    size_t cap = h->cap == 0 ? FIRST_CAP : h->cap > h->max / 2 ? h->max : h->cap * 2;
    if (cap > h->max)
        cap = h->max;
    struct entry *entries = reallocarray(h->entries, cap, sizeof *entries);
    if (!entries)
        return ERR_NOMEM;
    h->entries = entries;
    h->cap = cap;
    return 0;
}

static void put(struct heap *h, size_t at, struct entry entry)
{
    h->entries[at] = entry;
    *entry.place = at;
}

static void sift_up(struct heap *h, size_t at, struct entry entry)
{
    while (at > 0 && h->entries[(at - 1) / 2].key > entry.key) {
        put(h, at, h->entries[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(h, at, entry);
}

static void sift_down(struct heap *h, size_t at, struct entry entry)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= h->len)
            break;
        if (child + 1 < h->len && h->entries[child + 1].key < h->entries[child].key)
            child++;
        if (h->entries[child].key >= entry.key)
            break;
        put(h, at, h->entries[child]);
        at = child;
    }
    put(h, at, entry);
}

int heap_push(struct heap *h, int64_t key, void *item, size_t *place)
{
    int err = grow(h);
    if (err)
        return err;
    sift_up(h, h->len++, (struct entry){key, item, place});
    return 0;
}

void *heap_peek(const struct heap *h, int64_t *ret_key)
{
    if (h->len == 0)
        return NULL;
    if (ret_key)
        *ret_key = h->entries[0].key;
    return h->entries[0].item;
}

static void remove_at(struct heap *h, size_t at)
{
    *h->entries[at].place = HEAP_NOWHERE;
    struct entry last = h->entries[--h->len];
    if (at == h->len)
        return;
    if (at > 0 && h->entries[(at - 1) / 2].key > last.key)
        sift_up(h, at, last);
    else
        sift_down(h, at, last);
}

void *heap_pop(struct heap *h)
{
    if (h->len == 0)
        return NULL;
    void *item = h->entries[0].item;
    remove_at(h, 0);
    return item;
}

void heap_remove(struct heap *h, size_t *place)
{
    if (*place < h->len)
        remove_at(h, *place);
}

size_t heap_len(const struct heap *h)
{
    return h->len;
}
