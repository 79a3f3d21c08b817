/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/calls.h"

#include <glib.h>
#include <stdlib.h>

#include "common/base/heap.h"

struct calls {
    size_t max;
    size_t max_bytes;
    calls_id_fn make_id;
    GHashTable *by_id; /* call->id -> call; borrowed */
    GHashTable *by_token; /* its token -> newest call with it; borrowed */
    struct call *newest;
    struct call *oldest;
    size_t bytes;
    uint64_t dropped;
};

struct calls *calls_create(size_t max, size_t max_bytes, calls_id_fn make_id)
{
    struct calls *calls = g_new0(struct calls, 1);
    calls->max = max;
    calls->max_bytes = max_bytes;
    calls->make_id = make_id;
    calls->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    calls->by_token = g_hash_table_new(g_str_hash, g_str_equal);
    return calls;
}

static void call_free(struct call *call)
{
    call_order_clear(&call->order);
    free(call);
}

void calls_free(struct calls *calls)
{
    if (!calls)
        return;
    for (struct call *call = calls->newest; call;) {
        struct call *older = call->older;
        call_free(call);
        call = older;
    }
    g_hash_table_destroy(calls->by_id);
    g_hash_table_destroy(calls->by_token);
    g_free(calls);
}

/* ---- the token index: a chain for each token, newest first ---- */

static void token_link(struct calls *calls, struct call *call)
{
    if (!call->order.token)
        return;
    call->older_of_token = g_hash_table_lookup(calls->by_token, call->order.token);
    if (call->older_of_token)
        call->older_of_token->newer_of_token = call;
    /* The key is the newest call's text, which is there as long as that is the newest. */
    g_hash_table_replace(calls->by_token, call->order.token, call);
}

static void token_unlink(struct calls *calls, struct call *call)
{
    struct call *older = call->older_of_token;
    struct call *newer = call->newer_of_token;
    if (older)
        older->newer_of_token = newer;
    if (newer)
        newer->older_of_token = older;
    else if (older)
        g_hash_table_replace(calls->by_token, older->order.token, older);
    else if (call->order.token)
        g_hash_table_remove(calls->by_token, call->order.token);
}

/* ---- room ---- */

static void calls_unlink(struct calls *calls, struct call *call)
{
    token_unlink(calls, call);
    g_hash_table_remove(calls->by_id, call->id);
    *(call->newer ? &call->newer->older : &calls->newest) = call->older;
    *(call->older ? &call->older->newer : &calls->oldest) = call->newer;
    calls->bytes -= call->bytes;
}

static bool calls_is_full(const struct calls *calls, size_t more_bytes)
{
    return g_hash_table_size(calls->by_id) >= calls->max || calls->bytes + more_bytes > calls->max_bytes;
}

/* Calls end in nearly the order they were placed in, so what is over stands at the old end. */
static int calls_make_room(struct calls *calls, size_t bytes)
{
    struct call *call = calls->oldest;
    while (call && calls_is_full(calls, bytes)) {
        struct call *newer = call->newer;
        if (call->phase == CALL_ANALYZED && call->holds == 0) {
            calls_unlink(calls, call);
            call_free(call);
            calls->dropped++;
        }
        call = newer;
    }
    return calls_is_full(calls, bytes) ? ERR_NOMEM : 0;
}

int calls_add(struct calls *calls, struct call_order *order, struct call **ret_call)
{
    size_t bytes = sizeof(struct call) + call_order_bytes(order);
    int err = calls_make_room(calls, bytes);
    if (err)
        return err;
    struct call *call = calloc(1, sizeof *call);
    if (!call)
        return ERR_NOMEM;
    err = calls->make_id(call->id);
    if (err) {
        free(call);
        return err;
    }
    call->order = *order;
    *order = (struct call_order){0};
    call->deadline_place = HEAP_NOWHERE;
    call->bytes = bytes;
    call->older = calls->newest;
    if (calls->newest)
        calls->newest->newer = call;
    else
        calls->oldest = call;
    calls->newest = call;
    calls->bytes += bytes;
    g_hash_table_insert(calls->by_id, call->id, call);
    token_link(calls, call);
    *ret_call = call;
    return 0;
}

void calls_take_back(struct calls *calls, struct call *call, struct call_order *ret_order)
{
    struct call_order order = call->order;
    calls_unlink(calls, call);
    call->order = (struct call_order){0};
    call_free(call);
    *ret_order = order;
}

void calls_hold(struct call *call)
{
    call->holds++;
}

void calls_release(struct call *call)
{
    call->holds--;
}

struct call *calls_find(const struct calls *calls, const char *id)
{
    return g_hash_table_lookup(calls->by_id, id);
}

struct call *calls_newest(const struct calls *calls)
{
    return calls->newest;
}

struct call *calls_oldest(const struct calls *calls)
{
    return calls->oldest;
}

struct call *calls_newest_of_token(const struct calls *calls, const char *token)
{
    return g_hash_table_lookup(calls->by_token, token);
}

size_t calls_count(const struct calls *calls)
{
    return g_hash_table_size(calls->by_id);
}

uint64_t calls_dropped(const struct calls *calls)
{
    return calls->dropped;
}
