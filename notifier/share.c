/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/share.h"

#include <glib.h>
#include <stdlib.h>

struct shares {
    GHashTable *counts; /* GUINT_TO_POINTER, by a copy of the name */
    unsigned most;
};

int shares_create(unsigned most, struct shares **ret_shares)
{
    struct shares *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    s->most = most;
    s->counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    *ret_shares = s;
    return 0;
}

void shares_free(struct shares *s)
{
    if (!s)
        return;
    g_hash_table_destroy(s->counts);
    free(s);
}

bool shares_take(struct shares *s, const char *name)
{
    unsigned count = GPOINTER_TO_UINT(g_hash_table_lookup(s->counts, name));
    if (count >= s->most)
        return false;
    g_hash_table_replace(s->counts, g_strdup(name), GUINT_TO_POINTER(count + 1));
    return true;
}

void shares_give(struct shares *s, const char *name)
{
    unsigned count = GPOINTER_TO_UINT(g_hash_table_lookup(s->counts, name));
    if (count <= 1)
        g_hash_table_remove(s->counts, name);
    else
        g_hash_table_replace(s->counts, g_strdup(name), GUINT_TO_POINTER(count - 1));
}
