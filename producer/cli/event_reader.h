/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html section 9.2.6) from pieces
 * of any size. Pure.
 */
#ifndef CARILLON_PRODUCER_CLI_EVENT_READER_H
#define CARILLON_PRODUCER_CLI_EVENT_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

#define EVENT_NAME_LEN 31
#define EVENT_ID_LEN 63

/* An event. `name` is "message" where it has none; `data` is NUL-terminated. Borrowed for the call. False: no more. */
typedef bool (*event_fn)(const char *name, const char *data, size_t len, void *arg);

/* A plain value. The fields below the line are the reader's own. */
struct event_reader {
    char last_id[EVENT_ID_LEN + 1]; /* of the last event; "" before */
    unsigned retry_ms; /* how long the server wants a client to wait before it connects again; 0: it did not say */
    /* ---- */
    event_fn fn;
    void *arg;
    char name[EVENT_NAME_LEN + 1];
    char id[EVENT_ID_LEN + 1];
    struct buf line;
    struct buf data;
    bool has_data;
    bool is_behind_cr; /* a line feed that follows belongs to it */
};

/* `max` bounds a line, and an event's data. */
void event_reader_init(struct event_reader *r, size_t max, event_fn fn, void *arg);
void event_reader_free(struct event_reader *r);
/* Begins another stream: what was half read is dropped, last_id and retry_ms stay. */
void event_reader_restart(struct event_reader *r);
/* ERR_NOMEM, also over the bound; ERR_CLOSED where `fn` wanted no more. */
int event_reader_take(struct event_reader *r, const char *data, size_t len) MUST_CHECK;

#endif
