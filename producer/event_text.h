/* SPDX-License-Identifier: Apache-2.0
 *
 * Server-sent events as bytes (https://html.spec.whatwg.org/multipage/server-sent-events.html). Pure.
 */
#ifndef CARILLON_PRODUCER_EVENT_TEXT_H
#define CARILLON_PRODUCER_EVENT_TEXT_H

#include "common/base/buf.h"
#include "common/base/err.h"

/* Behind the id of a status: the id of the end that follows it. */
#define EVENT_END_SUFFIX "-end"

/* An event. `data` holds no line end: JSON as json_print() writes it has none. ERR_NOMEM. */
int event_text_event(struct buf *out, const char *event, const char *id, const char *data) MUST_CHECK;
/* A comment: for people, and to show that the stream lives. */
int event_text_comment(struct buf *out, const char *comment) MUST_CHECK;
/* How long a client is to wait before it connects again. */
int event_text_retry(struct buf *out, unsigned retry_ms) MUST_CHECK;

#endif
