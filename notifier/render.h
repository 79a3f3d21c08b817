/* SPDX-License-Identifier: Apache-2.0
 *
 * The bodies of webhooks, rendered once from what the batch and the call were when their event was expanded. What was
 * kept of a call is not trusted to be clean: a text that is not valid UTF-8 and metadata that is not JSON are left out,
 * because a receiver must always be able to read the body that it verified. Pure.
 */
#ifndef CARILLON_NOTIFIER_RENDER_H
#define CARILLON_NOTIFIER_RENDER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/domain/batch_statistics.h"
#include "common/domain/call_text.h"
#include "common/domain/contact.h"
#include "common/domain/event.h"

/* Borrowed; `data` NULL where there is none. */
struct render_text {
    const char *data;
    size_t len;
};

struct render_batch {
    struct render_text agent_id;
    struct render_text user_id;
    struct render_text tags; /* a JSON array */
    int64_t created_ms; /* 0: never */
    int64_t started_ms;
    int64_t completed_ms;
    struct batch_statistics statistics;
};

enum render_success { RENDER_SUCCESS_UNSAID, RENDER_SUCCESS_NO, RENDER_SUCCESS_YES };

struct render_call {
    const struct contact *contact;
    struct call_text state; /* of call.attempt: as it was when the attempt ended */
    struct render_text summary;
    struct render_text recording_url;
    enum render_success success; /* what the platform's analysis says */
};

struct render_event {
    struct event_ref ref;
    int64_t at_ms;
    int64_t seq; /* of the batch's events, from 1 */
    struct render_batch batch;
    struct render_call call; /* of a call's event */
    struct render_text error; /* of batch.failed, and of batch.paused where the batch paused itself */
    struct render_text code; /* the same */
    struct render_text reason; /* of batch.paused */
};

/* What `body` must be able to take: a body before its summary is cut, with every byte of it escaped. */
#define RENDER_BUF_BYTES ((size_t)8 * LIMIT_WEBHOOK_BODY_BYTES)

/* Writes the body into `body`, which is cleared first. Where it would be longer than LIMIT_WEBHOOK_BODY_BYTES, its
 * summary is cut and summaryTruncated says so; ERR_TOO_LARGE where even that is too long. ERR_NOMEM; ERR_INVALID where
 * the event names no call. */
int render_body(const struct render_event *event, struct buf *body) MUST_CHECK;

#endif
