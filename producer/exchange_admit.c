/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/exchange_private.h"

#include <string.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/answer.h"
#include "producer/bearer.h"

/* A key's last use is kept to a minute (key_used.lua). */
#define KEY_NOTE_US INT64_C(60000000)

void exchange_refuse_key(struct exchange *x)
{
    if (x->on_refused) {
        if (exchange_is_open(x))
            x->on_refused(x);
        return;
    }
    exchange_error(x, 401, CODE_UNAUTHORIZED, "Invalid or missing API key.", NULL);
}

static int64_t requests_per_second(const struct exchange *x)
{
    return x->who.requests_per_second ? x->who.requests_per_second : x->api->requests_per_second;
}

static void refuse_over_quota(struct exchange *x, enum quota_verdict verdict, int64_t wait_us)
{
    bool is_rate = verdict == QUOTA_TOO_FAST;
    cJSON *details = cJSON_CreateObject();
    (void)json_add_str(details, "quota", is_rate ? "requestsPerSecond" : "requestsAtOnce");
    (void)json_add_i64(details, "limit", is_rate ? requests_per_second(x) : LIMIT_TENANT_REQUESTS);
    metric_add(x->api->over_quota, 1);
    exchange_too_many(x, CODE_RATE_LIMITED,
                      is_rate ? "The tenant's requests come faster than its quota allows."
                              : "Too many of the tenant's requests are under way at once.",
                      details, is_rate ? (wait_us + 999999) / 1000000 : 1);
}

static void on_charged(const struct redisReply *reply, int err, void *arg)
{
    int64_t wait_us;
    if (err || reply_i64(reply, &wait_us) != 0)
        wait_us = 0; /* this process's own count holds all the same */
    quota_charged(arg, clock_mono_us(), wait_us);
}

/* Tells Redis what the tenant has taken here lately; the request does not wait for it. */
static void charge(struct exchange *x)
{
    char requests[REDIS_I64_LEN], rate[REDIS_I64_LEN];
    int64_t n = quota_begin_charge(x->quota, clock_mono_us());
    if (n == 0)
        return;
    const struct redis_arg args[] = {redis_arg_str(x->who.tenant), redis_arg_i64(n, requests),
                                     redis_arg_i64(requests_per_second(x), rate)};
    struct key prefix = key_cell_prefix(x->who.cell);
    if (script_run(x->api->redis, LUA_QUOTA_CHARGE, prefix.text, args, 3, API_REDIS_MS, on_charged, x->quota) != 0)
        quota_charged(x->quota, clock_mono_us(), 0);
}

/* Whether the tenant's quotas leave room for the request; answers 429 where they do not, and asks nobody. */
static bool fits_quota(struct exchange *x)
{
    int64_t wait_us = 0;
    if (!x->who.tenant[0])
        return true;
    enum quota_verdict verdict =
        quota_enter(x->api->quotas, x->who.tenant, requests_per_second(x), clock_mono_us(), &x->quota, &wait_us);
    if (verdict == QUOTA_FITS)
        charge(x);
    else
        refuse_over_quota(x, verdict, wait_us);
    return verdict == QUOTA_FITS;
}

void exchange_leave_quota(struct exchange *x)
{
    if (x->quota)
        quota_leave(x->quota);
    x->quota = NULL;
}

static void admit(struct exchange *x)
{
    if (!api_serves_cell(x->api, x->who.cell)) {
        exchange_error(x, 503, CODE_UNAVAILABLE, "This server does not serve the tenant's cell.", NULL);
        return;
    }
    if (!x->over && !fits_quota(x))
        return;
    const char *user_id = x->req ? http_request_query(x->req, "userId") : NULL;
    bool is_for_tenants = x->access == ACCESS_READ || x->access == ACCESS_WRITE;
    bool is_write = x->access == ACCESS_WRITE || x->access == ACCESS_WRITE_ANY;
    if (x->access == ACCESS_OPERATOR && x->who.role != ROLE_OPERATOR)
        exchange_error(x, 403, CODE_FORBIDDEN, "This route is for operators.", NULL);
    else if (x->who.role == ROLE_OPERATOR && is_for_tenants)
        exchange_error(x, 403, CODE_FORBIDDEN, "An operator's key belongs to no tenant.", NULL);
    else if (x->who.role == ROLE_VIEWER && is_write)
        exchange_error(x, 403, CODE_FORBIDDEN, "This key may only read.", NULL);
    else if (user_id && !exchange_is_user(x, user_id))
        exchange_error(x, 403, CODE_FORBIDDEN, "userId is not the owner of this API key.", NULL);
    else
        x->run(x);
}

/* Beside the request, which does not wait for it: what becomes of it nobody asks. */
static void note_use(const struct exchange *x, const char *hex)
{
    struct key prefix = key_dir_prefix();
    const struct redis_arg args[] = {redis_arg_str(hex)};
    (void)!script_run(x->api->redis, LUA_KEY_USED, prefix.text, args, 1, API_REDIS_MS, NULL, NULL);
}

static void on_key(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)arg;
    struct key_said said;
    if (!err && reply_is_nil(reply)) {
        key_cache_put_refused(x->api->key_cache, x->key, x->asked_us);
        exchange_refuse_key(x);
        return;
    }
    if (!err)
        err = identity_read(reply, &said);
    if (err) {
        exchange_fail(x, err);
        return;
    }
    x->who = said.who;
    if (x->who.role == ROLE_OPERATOR) {
        const char *cell = daemon_cell(x->api->daemon, 0);
        memcpy(x->who.cell, cell, strlen(cell) + 1);
    }
    key_cache_put(x->api->key_cache, x->key, x->asked_us, said.left_us, &x->who);
    if (said.unnoted_us < 0 || said.unnoted_us >= KEY_NOTE_US) {
        char hex[2 * DIGEST_SHA256_LEN + 1];
        bearer_hex(x->key, hex);
        note_use(x, hex);
    }
    admit(x);
}

static void ask_key(struct exchange *x)
{
    char hex[2 * DIGEST_SHA256_LEN + 1];
    bearer_hex(x->key, hex);
    const struct redis_arg args[] = {redis_arg_str(hex)};
    x->asked_us = clock_mono_us();
    int err = exchange_script_dir(x, LUA_KEY_READ, args, 1, on_key, NULL);
    if (err)
        exchange_fail(x, err);
}

void exchange_authorize(struct exchange *x)
{
    if (!redis_is_ready(x->api->redis)) {
        exchange_fail(x, ERR_UNAVAILABLE);
        return;
    }
    switch (key_cache_find(x->api->key_cache, x->key, clock_mono_us(), &x->who)) {
    case KEY_OPENS:
        admit(x);
        return;
    case KEY_OPENS_NOTHING:
        exchange_refuse_key(x);
        return;
    case KEY_UNKNOWN:
        if (key_cache_may_ask(x->api->key_cache, x->key, clock_mono_us()))
            ask_key(x);
        else
            exchange_fail(x, ERR_UNAVAILABLE); /* keys are being guessed */
        return;
    }
}
