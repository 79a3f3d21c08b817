/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to event_hub.c and event_feed.c: one batch that is listened to, its reader, and what its listeners get.
 *
 * A look reads the whole status. While nothing happens a glance is enough, which reads the batch's hash alone. A
 * listener that has over LIMIT_LISTENER_BYTES to take gets nothing more until it has taken all; then it gets the newest
 * status.
 */
#ifndef CARILLON_PRODUCER_EVENT_FEED_H
#define CARILLON_PRODUCER_EVENT_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/base/buf.h"
#include "common/base/digest.h"
#include "common/base/limits.h"
#include "common/loop/loop.h"
#include "producer/exchange.h"
#include "producer/identity.h"

struct event_hub;
struct feed;

/* A key that listeners came with; it is asked about as long as there is one. */
struct event_key {
    struct event_hub *hub;
    uint8_t sha256[DIGEST_SHA256_LEN];
    unsigned n; /* listeners */
    bool is_asked;
    struct loop_timer *timer;
    LIST_ENTRY(event_key) next;
};

struct listener {
    struct feed *feed;
    struct event_key *key;
    struct exchange *x;
    uint64_t version; /* of the status that it has; 0: none yet */
    uint64_t since; /* the first look whose status is not older than its request */
    bool is_behind; /* something was kept from it */
    LIST_ENTRY(listener) next;
};

struct feed {
    struct event_hub *hub;
    char batch_id[LIMIT_BATCH_ID_LEN + 1];
    struct identity who; /* of whoever came first: they are all of one tenant */
    struct loop_timer *timer;
    LIST_HEAD(listener_list, listener) listeners;
    unsigned n;
    struct buf status; /* the newest status as an event; empty before there is one */
    struct buf end; /* the event behind the last one */
    uint64_t version; /* of both; 0 before */
    bool has_ended;
    bool has_pulse; /* its rate changes by itself */
    bool is_away; /* it could not be read the last time, and that was told */
    uint64_t looks; /* begun so far */
    unsigned under_way; /* of them, and glances */
    bool wants_look; /* as soon as one can be begun */
    int64_t spoke_us; /* when all listeners were last written to */
    LIST_ENTRY(feed) next;
};

/* ---- event_feed.c ---- */

int feed_create(struct event_hub *hub, const char *batch_id, const struct identity *who,
                struct feed **ret_feed) MUST_CHECK;
/* Without listeners and looks. */
void feed_free(struct feed *f);
/* Takes a listener in, whose answer has begun. */
void feed_join(struct feed *f, struct listener *l, uint64_t version, const char *last_event_id);
/* Reads the batch now. */
void feed_look(struct feed *f);
/* `comment` and `retry_ms` (0: none), then the end of that stream. */
void listener_dismiss(struct listener *l, const char *comment, unsigned retry_ms);
/* The client has taken all that was written. */
void listener_on_room(struct exchange *x);

/* ---- event_hub.c ---- */

/* How long a feed rests between two looks. */
int64_t event_hub_period_us(const struct event_hub *hub);
/* How long listeners go without a word. */
int64_t event_hub_heartbeat_us(const struct event_hub *hub);
struct api *event_hub_api(const struct event_hub *hub);
/* Nobody listens to it any more, and nothing is under way. */
void event_hub_drop_feed(struct event_hub *hub, struct feed *f);

#endif
