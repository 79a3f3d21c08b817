/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/event_hub.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "producer/api.h"
#include "producer/event_feed.h"

/* How long a change that nobody asked of this process may stay unseen; and how often Redis is asked at most, whatever
 * is listened to: at the bound of listeners, each with a batch of its own, that makes a second and a half. */
#define PERIOD_US INT64_C(500000)
#define LOOK_EVERY_US INT64_C(2000)

#define KEY_EVERY_US INT64_C(2000000)
#define COME_BACK_MS 1000 /* to this process or another, at the soonest, and spread over */
#define COME_BACK_SPREAD_MS 3000

struct event_hub {
    struct api *api; /* borrowed */
    unsigned most;
    int64_t heartbeat_us;
    unsigned n; /* listeners */
    unsigned n_feeds;
    bool is_drained;
    LIST_HEAD(feed_list, feed) feeds;
    LIST_HEAD(event_key_list, event_key) keys;
};

int event_hub_create(struct api *api, unsigned most, int64_t heartbeat_ms, struct event_hub **ret_hub)
{
    struct event_hub *hub = calloc(1, sizeof *hub);
    if (!hub)
        return ERR_NOMEM;
    hub->api = api;
    hub->most = most;
    hub->heartbeat_us = heartbeat_ms * 1000;
    LIST_INIT(&hub->feeds);
    LIST_INIT(&hub->keys);
    *ret_hub = hub;
    return 0;
}

void event_hub_free(struct event_hub *hub)
{
    free(hub); /* the last listener to leave took its feed and its key along */
}

static void show(const struct event_hub *hub)
{
    metric_set(hub->api->event_listeners, hub->n);
    metric_set(hub->api->event_batches, hub->n_feeds);
}

/* ---- for event_feed.c ---- */

int64_t event_hub_period_us(const struct event_hub *hub)
{
    int64_t least_us = hub->n_feeds * LOOK_EVERY_US;
    return least_us > PERIOD_US ? least_us : PERIOD_US;
}

int64_t event_hub_heartbeat_us(const struct event_hub *hub)
{
    return hub->heartbeat_us;
}

struct api *event_hub_api(const struct event_hub *hub)
{
    return hub->api;
}

void event_hub_drop_feed(struct event_hub *hub, struct feed *f)
{
    LIST_REMOVE(f, next);
    hub->n_feeds--;
    feed_free(f);
    show(hub);
}

/* ---- keys ---- */

static void key_drop(struct event_key *key)
{
    LIST_REMOVE(key, next);
    loop_timer_free(key->timer);
    free(key);
}

/* NULL where the stream may go on. */
static const char *objection(const struct listener *l, bool is_refused, int64_t now_ms)
{
    int64_t until_ms = exchange_session_until_ms(l->x);
    if (is_refused)
        return "the key no longer opens this";
    return until_ms > 0 && until_ms <= now_ms ? "the session is over" : NULL;
}

/* Ends the key's streams: all where it is refused, or else those that a session of the dashboard opened which is over.
 */
static void dismiss_over(const struct event_key *key, bool is_refused)
{
    int64_t now_ms = clock_wall_ms();
    struct feed *f = NULL;
    struct listener *l = NULL;
    LIST_FOREACH(f, &key->hub->feeds, next)
    {
        LIST_FOREACH(l, &f->listeners, next)
        {
            const char *words = l->key == key ? objection(l, is_refused, now_ms) : NULL;
            if (words)
                listener_dismiss(l, words, 0);
        }
    }
}

static void on_key(int err, void *arg)
{
    struct event_key *key = arg;
    key->is_asked = false;
    dismiss_over(key, err == ERR_DENIED);
    if (key->n == 0)
        key_drop(key);
    else
        loop_timer_arm_us(key->timer, KEY_EVERY_US);
}

static void ask_key(void *arg)
{
    struct event_key *key = arg;
    key->is_asked = true;
    if (exchange_ask_key(key->hub->api, key->sha256, on_key, key) != 0)
        on_key(ERR_NOMEM, key);
}

static struct event_key *find_key(const struct event_hub *hub, const uint8_t sha256[DIGEST_SHA256_LEN])
{
    struct event_key *key = NULL;
    LIST_FOREACH(key, &hub->keys, next)
    {
        if (digest_equal(key->sha256, DIGEST_SHA256_LEN, sha256, DIGEST_SHA256_LEN))
            return key;
    }
    return NULL;
}

static struct event_key *take_key(struct event_hub *hub, const struct exchange *x)
{
    struct event_key *key = find_key(hub, exchange_key(x));
    if (!key) {
        key = calloc(1, sizeof *key);
        if (!key || loop_timer_create(hub->api->loop, ask_key, key, &key->timer) != 0) {
            free(key);
            return NULL;
        }
        key->hub = hub;
        memcpy(key->sha256, exchange_key(x), sizeof key->sha256);
        LIST_INSERT_HEAD(&hub->keys, key, next);
        loop_timer_arm_us(key->timer, KEY_EVERY_US);
    }
    key->n++;
    return key;
}

static void give_key(struct event_key *key)
{
    if (--key->n == 0 && !key->is_asked)
        key_drop(key);
}

/* ---- listeners ---- */

static struct feed *find_feed(const struct event_hub *hub, const char *batch_id)
{
    struct feed *f = NULL;
    LIST_FOREACH(f, &hub->feeds, next)
    {
        if (strcmp(f->batch_id, batch_id) == 0)
            return f;
    }
    return NULL;
}

static struct feed *take_feed(struct event_hub *hub, const struct exchange *x, const char *batch_id)
{
    struct feed *f = find_feed(hub, batch_id);
    if (f)
        return f;
    if (feed_create(hub, batch_id, exchange_identity(x), &f) != 0)
        return NULL;
    LIST_INSERT_HEAD(&hub->feeds, f, next);
    hub->n_feeds++;
    return f;
}

static unsigned of_tenant(const struct event_hub *hub, const struct identity *who)
{
    const struct feed *f = NULL;
    unsigned n = 0;
    LIST_FOREACH(f, &hub->feeds, next)
    {
        if (strcmp(f->who.tenant, who->tenant) == 0)
            n += f->n;
    }
    return n;
}

/* A tenant may have five sixths of the places, a key two thirds: nobody shuts out all others. */
enum event_room event_hub_room(const struct event_hub *hub, const struct exchange *x)
{
    const struct event_key *key = find_key(hub, exchange_key(x));
    if (hub->is_drained)
        return EVENT_ROOM_CLOSED;
    if (hub->n >= hub->most)
        return EVENT_ROOM_FULL;
    if (key && key->n >= (hub->most * 2 + 2) / 3)
        return EVENT_ROOM_KEY_FULL;
    return of_tenant(hub, exchange_identity(x)) >= (hub->most * 5 + 5) / 6 ? EVENT_ROOM_TENANT_FULL : EVENT_ROOM;
}

/* The request is over. */
static void leave(void *state)
{
    struct listener *l = state;
    struct feed *f = l->feed;
    struct event_hub *hub = f->hub;
    LIST_REMOVE(l, next);
    f->n--;
    hub->n--;
    give_key(l->key);
    free(l);
    if (f->n == 0 && f->under_way == 0)
        event_hub_drop_feed(hub, f);
    show(hub);
}

void event_hub_join(struct event_hub *hub, struct exchange *x, const char *batch_id, uint64_t version,
                    const char *last_event_id)
{
    static const struct http_header headers[] = {
        {"Cache-Control", "no-store"},
        {"Connection", "close"}, /* with the stream */
        {"X-Accel-Buffering", "no"}, /* nginx would keep events back to make larger pieces of them */
    };
    struct listener *l = calloc(1, sizeof *l);
    struct event_key *key = l ? take_key(hub, x) : NULL;
    struct feed *f = key ? take_feed(hub, x, batch_id) : NULL;
    if (!f) {
        if (key)
            give_key(key);
        free(l);
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    l->x = x;
    l->key = key;
    hub->n++;
    exchange_keep(x, l, leave);
    exchange_leave_quota(x);
    exchange_stream(x, "text/event-stream", headers, sizeof headers / sizeof headers[0], listener_on_room);
    feed_join(f, l, version, last_event_id);
    show(hub);
}

void event_hub_changed(struct event_hub *hub, const char *batch_id)
{
    struct feed *f = find_feed(hub, batch_id);
    if (f && f->n > 0)
        feed_look(f);
}

void event_hub_drain(struct event_hub *hub)
{
    struct feed *f = NULL;
    struct listener *l = NULL;
    hub->is_drained = true;
    LIST_FOREACH(f, &hub->feeds, next)
    {
        LIST_FOREACH(l, &f->listeners, next)
        {
            unsigned retry_ms = COME_BACK_MS + (unsigned)random_below(COME_BACK_SPREAD_MS);
            listener_dismiss(l, "this server goes down; another one, or this one again, goes on", retry_ms);
        }
    }
}
