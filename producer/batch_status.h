/* SPDX-License-Identifier: Apache-2.0
 *
 * How a batch is doing, read from Redis and told as the API tells it: its hash, its pulse, and some of its calls.
 */
#ifndef CARILLON_PRODUCER_BATCH_STATUS_H
#define CARILLON_PRODUCER_BATCH_STATUS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"
#include "producer/call_rows.h"
#include "producer/exchange.h"

enum batch_status_form {
    BATCH_STATUS_FULL, /* everything, and recent calls */
    BATCH_STATUS_SEED, /* check-status, with recent calls */
    BATCH_STATUS_LIVE, /* status/batch: its calls only */
};

#define BATCH_STATUS_RECENT 10 /* calls, where nobody asked for another number */

struct batch_status;

/* Called once all is read. What cannot be read has been answered (exchange_fail(), exchange_not_found()). */
typedef void (*batch_status_fn)(struct exchange *x, struct batch_status *status, void *arg);

/* For the batch `id`, with `limit` calls (1 to CALL_ROWS_MAX; 0: the body has no list of them). Becomes part of the
 * exchange's state. ERR_NOMEM. */
int batch_status_create(enum batch_status_form form, const char *id, uint64_t limit,
                        struct batch_status **ret_status) MUST_CHECK;
/* Accepts NULL. */
void batch_status_free(void *status);
void batch_status_read(struct batch_status *status, struct exchange *x, batch_status_fn fn, void *arg);

/* ---- once it is read ---- */
/* Moves the answer out: the caller deletes it. */
cJSON *batch_status_take_body(struct batch_status *status);
/* The batch and which of its calls there are. */
const struct call_scope *batch_status_scope(const struct batch_status *status);
/* batch_version.h */
uint64_t batch_status_version(const struct batch_status *status);
/* Of its settings (etag.h). */
int64_t batch_status_revision(const struct batch_status *status);
bool batch_status_has_ended(const struct batch_status *status);
/* Calls were begun in the last seconds: its rate changes without any change of its hash. */
bool batch_status_has_pulse(const struct batch_status *status);

#endif
