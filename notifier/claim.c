/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/claim.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/parse.h"
#include "common/redis/reply.h"
#include "notifier/cell.h"
#include "notifier/deliver.h"
#include "notifier/notifier.h"
#include "notifier/retry.h"
#include "notifier/sign.h"

/* The places in the replies of hook_claim and hook_reap. */
enum { CLAIM_NOW, CLAIM_DUE, CLAIM_IS_CROWDED, CLAIM_GIVEN_UP, CLAIM_ENDPOINTS, CLAIM_DELIVERIES, CLAIM_TORN };
enum { ENDPOINT_ID, ENDPOINT_SECRET, ENDPOINT_PREVIOUS, ENDPOINT_TENANT, ENDPOINT_IS_SLOW, ENDPOINT_WANTS_SEED };
enum {
    DELIVERY_SHARD,
    DELIVERY_ENDPOINT,
    DELIVERY_EVENT,
    DELIVERY_ATTEMPT,
    DELIVERY_TYPE,
    DELIVERY_URL,
    DELIVERY_BODY,
    DELIVERY_CREATED_MS,
    DELIVERY_FROM_ATTEMPT,
};
#define LOADS_MAX ((size_t)LIMIT_WEBHOOK_IN_FLIGHT * (ENDPOINT_ID_LEN + 16)) /* " endpoint=n" each */

enum { REAP_NOW, REAP_TAKEN, REAP_DEAD, REAP_DUE };

static void add_bounds(struct script_args *args)
{
    script_args_i64(args, LIMIT_DELIVERED_KEEP_MS);
    script_args_i64(args, LIMIT_DEAD_KEEP_MS);
    script_args_i64(args, LIMIT_ENDPOINT_LOG);
    script_args_i64(args, LIMIT_ENDPOINT_DEAD);
}

static struct render_text text_of(const struct redisReply *reply)
{
    struct render_text text = {NULL, 0};
    if (reply_str(reply, &text.data, &text.len) < 0)
        return (struct render_text){NULL, 0};
    return text;
}

/* ---- secrets ---- */

/* One endpoint with its keys, for as long as a reply is read. */
struct key_ring {
    struct render_text endpoint;
    struct render_text tenant;
    bool is_slow;
    bool wants_seed_header;
    struct sign_key keys[LIMIT_SECRETS_ACTIVE];
    size_t n;
};

static int open_key(const struct notifier *n, const char *context, struct render_text sealed, struct sign_key *ret_key)
{
    char *secret = NULL;
    size_t len = 0;
    int err = seal_open(n->keys, context, sealed.data, sealed.len, &secret, &len);
    if (!err)
        err = endpoint_secret_key(secret, len, ret_key->bytes, &ret_key->len);
    seal_secret_free(secret, len);
    return err;
}

/* "until_ms:sealed until_ms:sealed": those that still sign. One that does not read is left out: the current one is what
 * matters. */
static void open_previous(const struct notifier *n, const char *context, struct render_text list, int64_t now_ms,
                          struct key_ring *ring)
{
    const char *at = list.data, *end = list.data ? list.data + list.len : NULL;
    while (at < end && ring->n < LIMIT_SECRETS_ACTIVE) {
        const char *stop = memchr(at, ' ', (size_t)(end - at));
        if (!stop)
            stop = end;
        const char *colon = memchr(at, ':', (size_t)(stop - at));
        int64_t until_ms;
        if (colon && parse_i64(at, (size_t)(colon - at), 0, INT64_MAX, &until_ms) == 0 && until_ms > now_ms &&
            open_key(n, context, (struct render_text){colon + 1, (size_t)(stop - colon - 1)}, &ring->keys[ring->n]) ==
                0)
            ring->n++;
        at = stop + 1;
    }
}

static void open_ring(struct cell *cell, const struct redisReply *row, int64_t now_ms, struct key_ring *ring)
{
    struct notifier *n = cell->notifier;
    char context[ENDPOINT_CONTEXT_LEN + 1];
    struct render_text secret = text_of(reply_at(row, ENDPOINT_SECRET));
    int64_t is_slow = 0, wants_seed = 0;
    ring->endpoint = text_of(reply_at(row, ENDPOINT_ID));
    ring->tenant = text_of(reply_at(row, ENDPOINT_TENANT));
    ring->is_slow = reply_i64(reply_at(row, ENDPOINT_IS_SLOW), &is_slow) == 0 && is_slow == 1;
    ring->wants_seed_header = reply_i64(reply_at(row, ENDPOINT_WANTS_SEED), &wants_seed) == 0 && wants_seed == 1;
    int err = ring->endpoint.data && secret.data ? endpoint_seal_context(ring->endpoint.data, context) : ERR_INVALID;
    if (!err)
        err = open_key(n, context, secret, &ring->keys[0]);
    if (err) {
        metric_add(n->stats.faults[STATS_FAULT_SECRET], 1);
        log_error("webhook.secret_unreadable", log_str("cell", cell->name), log_err(err),
                  log_strn("endpoint", ring->endpoint.data ? ring->endpoint.data : "", ring->endpoint.len));
        return;
    }
    ring->n = 1;
    open_previous(n, context, text_of(reply_at(row, ENDPOINT_PREVIOUS)), now_ms, ring);
}

static const struct key_ring *find_ring(const struct key_ring *rings, size_t n, const char *endpoint)
{
    for (size_t i = 0; i < n; i++) {
        if (rings[i].endpoint.data && strcmp(rings[i].endpoint.data, endpoint) == 0)
            return &rings[i];
    }
    return NULL;
}

/* ---- deliveries ---- */

static void load_add(struct cell *cell, const char *endpoint)
{
    struct endpoint_load *load = g_hash_table_lookup(cell->loads, endpoint);
    if (!load) {
        load = g_new0(struct endpoint_load, 1);
        g_strlcpy(load->id, endpoint, sizeof load->id);
        g_hash_table_insert(cell->loads, load->id, load);
    }
    load->in_flight++;
}

static bool copy_text(const struct redisReply *reply, char *ret, size_t size)
{
    struct render_text text = text_of(reply);
    if (!text.data || text.len >= size || strlen(text.data) != text.len)
        return false;
    memcpy(ret, text.data, text.len + 1);
    return true;
}

static struct delivery *read_delivery(const struct redisReply *row)
{
    struct render_text type = text_of(reply_at(row, DELIVERY_TYPE));
    enum event_type kind = EVENT_BATCH_COMPLETED;
    int64_t attempt, before;
    bool is_test = type.data && strcmp(type.data, EVENT_TEST_NAME) == 0;
    struct delivery *d = calloc(1, sizeof *d);
    if (!d || !copy_text(reply_at(row, DELIVERY_SHARD), d->shard, sizeof d->shard) ||
        !copy_text(reply_at(row, DELIVERY_ENDPOINT), d->endpoint, sizeof d->endpoint) ||
        !copy_text(reply_at(row, DELIVERY_EVENT), d->event, sizeof d->event) ||
        reply_i64(reply_at(row, DELIVERY_ATTEMPT), &attempt) < 0 || attempt < 1 || attempt > INT32_MAX ||
        reply_i64(reply_at(row, DELIVERY_FROM_ATTEMPT), &before) < 0 || before < 0 || before >= attempt || !type.data ||
        (!is_test && event_type_from_name(type.data, type.len, &kind) < 0)) {
        free(d);
        return NULL;
    }
    d->attempt = (int32_t)attempt;
    d->from_attempt = (int32_t)before;
    d->is_test = is_test;
    d->is_call_event = !is_test && event_type_is_call(kind);
    return d;
}

/* What does not read stays claimed until its lease ends, and is counted then. */
static void start_delivery(struct cell *cell, const struct redisReply *row, const struct key_ring *rings,
                           size_t n_rings)
{
    struct notifier *n = cell->notifier;
    struct delivery *delivery = read_delivery(row);
    if (!delivery) {
        metric_add(n->stats.faults[STATS_FAULT_LOCAL], 1);
        log_error("webhook.claim_unreadable", log_str("cell", cell->name));
        return;
    }
    const struct key_ring *ring = find_ring(rings, n_rings, delivery->endpoint);
    struct deliver_content content = {.url = text_of(reply_at(row, DELIVERY_URL)),
                                      .body = text_of(reply_at(row, DELIVERY_BODY)),
                                      .keys = ring ? ring->keys : NULL,
                                      .n_keys = ring ? ring->n : 0};
    delivery->cell = cell;
    if (ring) {
        g_strlcpy(delivery->tenant, ring->tenant.data ? ring->tenant.data : "", sizeof delivery->tenant);
        delivery->is_slow = ring->is_slow;
        delivery->wants_seed_header = ring->wants_seed_header;
    }
    load_add(cell, delivery->endpoint);
    delivery->is_loaded = true;
    n->in_flight++;
    n->slow_in_flight += delivery->is_slow;
    if (n->is_draining)
        deliver_return(delivery);
    else
        deliver_start(delivery, &content);
}

static void start_deliveries(struct cell *cell, const struct redisReply *reply, int64_t now_ms)
{
    const struct redisReply *endpoints = reply_at(reply, CLAIM_ENDPOINTS);
    const struct redisReply *deliveries = reply_at(reply, CLAIM_DELIVERIES);
    struct key_ring rings[LIMIT_HOOK_CLAIM];
    size_t n_rings = reply_len(endpoints) < LIMIT_HOOK_CLAIM ? reply_len(endpoints) : LIMIT_HOOK_CLAIM;
    memset(rings, 0, sizeof rings);
    for (size_t i = 0; i < n_rings; i++)
        open_ring(cell, reply_at(endpoints, i), now_ms, &rings[i]);
    for (size_t i = 0; i < reply_len(deliveries); i++)
        start_delivery(cell, reply_at(deliveries, i), rings, n_rings);
    explicit_bzero(rings, sizeof rings);
    metric_set(cell->notifier->stats.in_flight, (double)cell->notifier->in_flight);
    metric_set(cell->notifier->stats.slow_in_flight, (double)cell->notifier->slow_in_flight);
}

/* ---- claiming ---- */

static void on_claim(const struct redisReply *reply, int err, void *arg)
{
    struct cell *cell = arg;
    int64_t now_ms, due_ms, is_crowded = 0, given_up = 0;
    cell->is_claiming = false;
    cell->notifier->asked_for -= cell->asked_for;
    cell->notifier->slow_asked_for -= cell->slow_asked_for;
    cell->asked_for = cell->slow_asked_for = 0;
    if (cell_check_reply(cell, "hook_claim", reply, err, NULL) && reply_i64(reply_at(reply, CLAIM_NOW), &now_ms) == 0 &&
        reply_i64(reply_at(reply, CLAIM_DUE), &due_ms) == 0 &&
        reply_i64(reply_at(reply, CLAIM_IS_CROWDED), &is_crowded) == 0 &&
        reply_i64(reply_at(reply, CLAIM_GIVEN_UP), &given_up) == 0) {
        cell->is_crowded = is_crowded == 1;
        metric_add(cell->notifier->stats.given_up, (double)given_up);
        cell_tell_torn(cell, "endpoint", reply_at(reply, CLAIM_TORN));
        cell_set_due(cell, now_ms, due_ms);
        start_deliveries(cell, reply, now_ms);
        notifier_progress(cell->notifier);
    }
}

/* " endpoint=n endpoint=n": one argument, however many there are. */
static int list_loads(struct cell *cell, struct buf *text)
{
    GHashTableIter iter;
    gpointer value;
    int err = 0;
    g_hash_table_iter_init(&iter, cell->loads);
    while (!err && g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct endpoint_load *load = value;
        err = buf_printf(text, " %s=%u", load->id, load->in_flight);
    }
    return err;
}

static int run_claim(struct cell *cell, size_t wanted, size_t slow)
{
    struct notifier *n = cell->notifier;
    struct buf loads;
    buf_init(&loads, LOADS_MAX);
    script_args_clear(&n->args);
    script_args_str(&n->args, n->id);
    script_args_i64(&n->args, (int64_t)wanted);
    script_args_i64(&n->args, (int64_t)slow);
    script_args_i64(&n->args, n->timeout_ms + NOTIFIER_CLAIM_SPARE_MS);
    script_args_i64(&n->args, LIMIT_HOOK_SCAN);
    add_bounds(&n->args);
    script_args_i64(&n->args, (int64_t)cell->n_shards);
    for (size_t i = 0; i < cell->n_shards; i++)
        script_args_i64(&n->args, cell->shards[(cell->turn + i) % cell->n_shards]);
    int err = list_loads(cell, &loads);
    script_args_mem(&n->args, buf_str(&loads), buf_len(&loads));
    if (!err)
        err = script_run(n->redis, LUA_HOOK_CLAIM, cell->prefix.text, n->args.items, n->args.n,
                         NOTIFIER_SCRIPT_DEADLINE_MS, on_claim, cell);
    buf_free(&loads);
    return err;
}

void claim_start(struct cell *cell)
{
    struct notifier *n = cell->notifier;
    size_t busy = n->in_flight + n->asked_for;
    if (cell->is_claiming || cell->is_unreported || cell->n_shards == 0 || busy >= LIMIT_WEBHOOK_IN_FLIGHT)
        return;
    size_t room = LIMIT_WEBHOOK_IN_FLIGHT - busy;
    size_t wanted = room < LIMIT_HOOK_CLAIM ? room : LIMIT_HOOK_CLAIM;
    size_t slow_busy = n->slow_in_flight + n->slow_asked_for;
    size_t slow_room = slow_busy < LIMIT_WEBHOOK_SLOW_IN_FLIGHT ? LIMIT_WEBHOOK_SLOW_IN_FLIGHT - slow_busy : 0;
    size_t slow = slow_room < wanted ? slow_room : wanted;
    if (run_claim(cell, wanted, slow) < 0)
        return;
    cell->turn++;
    cell->is_claiming = true;
    cell->asked_for = wanted;
    cell->slow_asked_for = slow;
    n->asked_for += wanted;
    n->slow_asked_for += slow;
}

/* ---- taking back ---- */

static void on_reap(const struct redisReply *reply, int err, void *arg)
{
    struct cell *cell = arg;
    int64_t now_ms, taken, dead, due_ms;
    cell->is_reaping = false;
    if (!cell_check_reply(cell, "hook_reap", reply, err, NULL) || reply_i64(reply_at(reply, REAP_NOW), &now_ms) < 0 ||
        reply_i64(reply_at(reply, REAP_TAKEN), &taken) < 0 || reply_i64(reply_at(reply, REAP_DEAD), &dead) < 0 ||
        reply_i64(reply_at(reply, REAP_DUE), &due_ms) < 0)
        return;
    metric_add(cell->notifier->stats.expired, (double)taken);
    log_warn("webhook.claims_expired", log_str("cell", cell->name), log_i64("taken_back", taken),
             log_i64("dead", dead));
    cell_sooner(cell, now_ms, due_ms);
    if (taken == LIMIT_HOOK_CLAIM)
        claim_reap(cell);
    cell_work(cell);
}

void claim_reap(struct cell *cell)
{
    struct notifier *n = cell->notifier;
    if (cell->is_reaping || n->is_draining || cell->n_shards == 0)
        return;
    script_args_clear(&n->args);
    script_args_str(&n->args, n->id);
    script_args_i64(&n->args, LIMIT_HOOK_CLAIM);
    script_args_i64(&n->args, webhook_retry_attempts(true));
    script_args_i64(&n->args, webhook_retry_attempts(false));
    add_bounds(&n->args);
    for (size_t i = 0; i < cell->n_shards; i++)
        script_args_i64(&n->args, cell->shards[i]);
    cell->is_reaping = script_run(n->redis, LUA_HOOK_REAP, cell->prefix.text, n->args.items, n->args.n,
                                  NOTIFIER_SCRIPT_DEADLINE_MS, on_reap, cell) == 0;
}
