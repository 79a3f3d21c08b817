/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/numbers.h"

#include <glib.h>
#include <string.h>

#define E164_DIGITS_MIN 2
#define E164_DIGITS_MAX 15

/* The digits of an E.164 number are its key: at most 15, the first not 0, so the value tells them all. */
struct number {
    gint64 key;
    struct number_counts counts;
};

struct numbers {
    GHashTable *by_key; /* &number.key -> struct number, owned */
};

bool numbers_is_e164(const char *text)
{
    if (text[0] != '+' || text[1] < '1' || text[1] > '9')
        return false;
    size_t digits = strspn(text + 1, "0123456789");
    return digits >= E164_DIGITS_MIN && digits <= E164_DIGITS_MAX && text[1 + digits] == '\0';
}

struct numbers *numbers_create(void)
{
    struct numbers *n = g_new0(struct numbers, 1);
    n->by_key = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    return n;
}

void numbers_free(struct numbers *n)
{
    if (!n)
        return;
    g_hash_table_destroy(n->by_key);
    g_free(n);
}

struct number_counts *numbers_at(struct numbers *n, const char *e164)
{
    gint64 key = 0;
    for (const char *digit = e164 + 1; *digit; digit++)
        key = key * 10 + (*digit - '0');
    struct number *number = g_hash_table_lookup(n->by_key, &key);
    if (number)
        return &number->counts;
    if (g_hash_table_size(n->by_key) >= NUMBERS_MAX)
        return NULL;
    number = g_new0(struct number, 1);
    number->key = key;
    g_hash_table_insert(n->by_key, &number->key, number);
    return &number->counts;
}
