/* SPDX-License-Identifier: Apache-2.0
 *
 * Who listens to which batch, in this process. All listeners of a batch share one reader: Redis is asked as often for
 * five hundred of them as for one, and an event is rendered once. A batch that nobody listens to is not read.
 */
#ifndef CARILLON_PRODUCER_EVENT_HUB_H
#define CARILLON_PRODUCER_EVENT_HUB_H

#include <stdint.h>

#include "common/base/err.h"
#include "producer/exchange.h"

struct api;
struct event_hub;

enum event_room {
    EVENT_ROOM,
    EVENT_ROOM_KEY_FULL, /* the key, */
    EVENT_ROOM_TENANT_FULL, /* the tenant, */
    EVENT_ROOM_FULL, /* or the process has as many listeners as it may have */
    EVENT_ROOM_CLOSED, /* the process drains */
};

/* For `most` listeners, who get something to read after `heartbeat_ms` at the latest (and half a second). Borrows
 * `api`, whose metrics exist. ERR_NOMEM. */
int event_hub_create(struct api *api, unsigned most, int64_t heartbeat_ms, struct event_hub **ret_hub) MUST_CHECK;
/* When neither requests nor Redis call back any more. Accepts NULL. */
void event_hub_free(struct event_hub *hub);

/* Whether another listener may join with this exchange's key. */
enum event_room event_hub_room(const struct event_hub *hub, const struct exchange *x);
/* Answers `x` with the stream of that batch, which it has as its state from then on; only where there is room.
 * `version` is what its hash says now (batch_version.h); a listener that has seen it already, as its Last-Event-ID says
 * (NULL: none), is told of what comes after. */
void event_hub_join(struct event_hub *hub, struct exchange *x, const char *batch_id, uint64_t version,
                    const char *last_event_id);
/* A request has changed the batch: it is read now, so that no listener misses a change that was asked of this process.
 */
void event_hub_changed(struct event_hub *hub, const char *batch_id);
/* Ends all streams; there is no room from now on. */
void event_hub_drain(struct event_hub *hub);

#endif
