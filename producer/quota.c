/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/quota.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/parse.h"

#define CHAINS 1024u
#define SECOND_US INT64_C(1000000)

struct quota {
    struct quotas *all; /* borrowed */
    struct quota *next; /* of its chain */
    struct quota *older, *newer; /* by their last request */
    char tenant[LIMIT_ID_LEN + 1];
    int64_t tat_us; /* theoretical arrival time of the next request */
    int64_t blocked_until_us; /* Redis said that the tenant is ahead of its rate until then */
    unsigned requests; /* under way */
    int64_t uncharged; /* requests that Redis has not been told of */
    int64_t charged_us; /* when the last charge was sent */
    bool is_charging;
};

struct quotas {
    struct quota *chains[CHAINS];
    struct quota *oldest, *newest;
    size_t n;
};

int quotas_create(struct quotas **ret_quotas)
{
    struct quotas *q = calloc(1, sizeof *q);
    if (!q)
        return ERR_NOMEM;
    *ret_quotas = q;
    return 0;
}

void quotas_free(struct quotas *q)
{
    if (!q)
        return;
    while (q->oldest) {
        struct quota *next = q->oldest->newer;
        free(q->oldest);
        q->oldest = next;
    }
    free(q);
}

/* ---- the table: as many tenants as were here last ---- */

/* FNV-1a. */
static struct quota **chain_of(struct quotas *q, const char *tenant)
{
    uint32_t hash = 2166136261u;
    for (const char *c = tenant; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    return &q->chains[hash % CHAINS];
}

static void unlist(struct quota *quota)
{
    struct quotas *q = quota->all;
    *(quota->older ? &quota->older->newer : &q->oldest) = quota->newer;
    *(quota->newer ? &quota->newer->older : &q->newest) = quota->older;
}

static void list_newest(struct quota *quota)
{
    struct quotas *q = quota->all;
    quota->older = q->newest;
    quota->newer = NULL;
    *(q->newest ? &q->newest->newer : &q->oldest) = quota;
    q->newest = quota;
}

static void forget(struct quota *quota)
{
    struct quota **link = chain_of(quota->all, quota->tenant);
    while (*link != quota)
        link = &(*link)->next;
    *link = quota->next;
    unlist(quota);
    quota->all->n--;
    free(quota);
}

/* Nothing is lost with one that has nothing under way and has not used up any of its rate. */
static bool is_idle(const struct quota *quota, int64_t now_us)
{
    return quota->requests == 0 && !quota->is_charging && quota->tat_us <= now_us && quota->blocked_until_us <= now_us;
}

static bool make_room(struct quotas *q, int64_t now_us)
{
    if (q->n < LIMIT_TENANTS_SEEN)
        return true;
    for (struct quota *quota = q->oldest; quota; quota = quota->newer) {
        if (is_idle(quota, now_us)) {
            forget(quota);
            return true;
        }
    }
    return false;
}

/* NULL where there is no room, or no memory. */
static struct quota *find(struct quotas *q, const char *tenant, int64_t now_us)
{
    struct quota *quota = *chain_of(q, tenant);
    while (quota && strcmp(quota->tenant, tenant) != 0)
        quota = quota->next;
    if (quota) {
        unlist(quota);
        list_newest(quota);
        return quota;
    }
    size_t len = strlen(tenant);
    if (len > LIMIT_ID_LEN || !make_room(q, now_us))
        return NULL;
    quota = calloc(1, sizeof *quota);
    if (!quota)
        return NULL;
    quota->all = q;
    memcpy(quota->tenant, tenant, len + 1);
    struct quota **chain = chain_of(q, tenant);
    quota->next = *chain;
    *chain = quota;
    list_newest(quota);
    q->n++;
    return quota;
}

/* ---- requests ---- */

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

enum quota_verdict quota_enter(struct quotas *q, const char *tenant, int64_t per_second, int64_t now_us,
                               struct quota **ret_quota, int64_t *ret_wait_us)
{
    struct quota *quota = find(q, tenant, now_us);
    if (!quota)
        return QUOTA_TOO_MANY;
    int64_t interval_us = (SECOND_US + per_second - 1) / per_second;
    int64_t fits_us = later(quota->tat_us - (SECOND_US - interval_us), quota->blocked_until_us);
    if (fits_us > now_us) {
        *ret_wait_us = fits_us - now_us;
        return QUOTA_TOO_FAST;
    }
    if (quota->requests >= LIMIT_TENANT_REQUESTS)
        return QUOTA_TOO_MANY;
    quota->tat_us = later(quota->tat_us, now_us) + interval_us;
    quota->uncharged++;
    quota->requests++;
    *ret_quota = quota;
    return QUOTA_FITS;
}

void quota_leave(struct quota *quota)
{
    quota->requests--;
}

/* ---- what Redis is told ---- */

int64_t quota_begin_charge(struct quota *quota, int64_t now_us)
{
    int64_t n = quota->uncharged;
    if (n == 0 || quota->is_charging || now_us - quota->charged_us < QUOTA_CHARGE_US)
        return 0;
    quota->uncharged = 0;
    quota->charged_us = now_us;
    quota->is_charging = true;
    return n;
}

void quota_charged(struct quota *quota, int64_t now_us, int64_t wait_us)
{
    quota->is_charging = false;
    quota->blocked_until_us = now_us + wait_us;
}

/* ---- what lies in Redis ---- */

struct quota_named quota_named(const char *error)
{
    static const struct {
        const char *field, *name;
    } quotas[] = {{"max_batches", "batches"}, {"max_queued_contacts", "queuedContacts"}, {"max_bytes", "bytes"}};
    static const char code[] = "ERR_QUOTA ";
    struct quota_named named = {"", 0};
    if (!error || strncmp(error, code, sizeof code - 1) != 0)
        return named;
    const char *field = error + sizeof code - 1;
    size_t len = strcspn(field, " ");
    for (size_t i = 0; i < sizeof quotas / sizeof quotas[0]; i++) {
        if (strlen(quotas[i].field) == len && strncmp(quotas[i].field, field, len) == 0)
            named.name = quotas[i].name;
    }
    const char *limit = field + len + strspn(field + len, " ");
    if (parse_i64(limit, strcspn(limit, " "), 0, LIMIT_QUOTA, &named.limit) != 0)
        named.limit = 0;
    return named;
}
