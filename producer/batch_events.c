/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_events.h"

#include <stdlib.h>
#include <string.h>

#include "producer/answer.h"
#include "producer/batch_lookup.h"
#include "producer/batch_version.h"
#include "producer/event_hub.h"
#include "producer/event_text.h"
#include "producer/exchange.h"

#define TOO_MANY "TOO_MANY_LISTENERS"

static void refuse(struct exchange *x, enum event_room room)
{
    switch (room) {
    case EVENT_ROOM:
        return;
    case EVENT_ROOM_KEY_FULL:
        exchange_error(x, 429, TOO_MANY, "This key has as many event streams here as it may have.", NULL);
        return;
    case EVENT_ROOM_TENANT_FULL:
        exchange_error(x, 429, TOO_MANY, "The tenant has as many event streams here as it may have.", NULL);
        return;
    case EVENT_ROOM_FULL:
        exchange_error(x, 503, CODE_BUSY, "Too many event streams are open. Ask again after Retry-After seconds.",
                       NULL);
        return;
    case EVENT_ROOM_CLOSED:
        exchange_error(x, 503, CODE_UNAVAILABLE, "This server goes down. Ask again after Retry-After seconds.", NULL);
        return;
    }
}

/* Whether a client that comes again has heard the end: 204 tells it to come no more. */
static bool has_heard_end(const struct batch_report *report, uint64_t version, const char *last_event_id)
{
    char id[BATCH_VERSION_LEN + 1];
    batch_version_format(version, id);
    return batch_state_is_end(report->state) && last_event_id && strncmp(last_event_id, id, BATCH_VERSION_LEN) == 0 &&
           strcmp(last_event_id + BATCH_VERSION_LEN, EVENT_END_SUFFIX) == 0;
}

static void on_report(struct exchange *x, const struct batch_report *report, void *arg)
{
    const struct batch_lookup *batch = arg;
    struct event_hub *hub = exchange_api(x)->events;
    if (!report) {
        exchange_not_found(x);
        return;
    }
    uint64_t version = batch_version_of(report->fields);
    const char *last_event_id = http_request_header(exchange_request(x), "Last-Event-ID");
    enum event_room room = event_hub_room(hub, x);
    if (has_heard_end(report, version, last_event_id))
        exchange_answer_nothing(x);
    else if (room != EVENT_ROOM)
        refuse(x, room);
    else
        event_hub_join(hub, x, batch->id, version, last_event_id);
}

static void run(struct exchange *x)
{
    struct batch_lookup *batch = calloc(1, sizeof *batch);
    if (!batch) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    exchange_keep(x, batch, free);
    if (exchange_knows_query(x, NULL, 0) && exchange_batch_id(x, batch->id))
        batch_lookup_ask(batch, x, on_report, batch);
}

void batch_events(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run);
}
