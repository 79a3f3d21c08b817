/* SPDX-License-Identifier: Apache-2.0
 *
 * A range of a batch's calls, read from Redis in as many pipelined commands as it has buckets, and told in the seed's
 * two forms.
 */
#ifndef CARILLON_PRODUCER_CALL_ROWS_H
#define CARILLON_PRODUCER_CALL_ROWS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"
#include "producer/batch_report.h"
#include "producer/exchange.h"

#define CALL_ROWS_MAX LIMIT_LIST

struct call_rows;

/* Called once all rows are in; `err` 0, or why they are not. */
typedef void (*call_rows_fn)(struct exchange *x, int err, void *arg);

/* Makes rows for the contacts first <= ordinal < end, at most CALL_ROWS_MAX, of the batch that `report` tells of (which
 * is only looked at now). ERR_NOMEM. */
int call_rows_create(const struct batch_report *report, uint64_t first, uint64_t end,
                     struct call_rows **ret_rows) MUST_CHECK;
/* Accepts NULL. Only when no reply is to come any more: as part of the exchange's state. */
void call_rows_free(struct call_rows *rows);

/* Reads them; `with_texts`: recording URLs too. `fn` is called from a reply, or at once where there is nothing to read.
 */
void call_rows_read(struct call_rows *rows, struct exchange *x, bool with_texts, call_rows_fn fn, void *arg);

/* check-status's recentCalls: the rows whose turn has come, newest begin first. NULL where memory ran out. */
cJSON *call_rows_recent_json(struct call_rows *rows);
/* status/batch's calls, by ordinal. NULL where memory ran out. */
cJSON *call_rows_live_json(const struct call_rows *rows);

#endif
