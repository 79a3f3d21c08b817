/* SPDX-License-Identifier: Apache-2.0
 *
 * A range of a batch's calls, read from Redis in as many pipelined commands as it has buckets, and told in the seed's
 * two forms, or as a list that says more.
 */
#ifndef CARILLON_PRODUCER_CALL_ROWS_H
#define CARILLON_PRODUCER_CALL_ROWS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/domain/call_text.h"
#include "common/domain/outcome.h"
#include "producer/batch_report.h"
#include "producer/call_filter.h"
#include "producer/exchange.h"

#define CALL_ROWS_MAX LIMIT_LIST

struct call_rows;

/* What rows need to know of their batch. A plain value. */
struct call_scope {
    char batch_id[LIMIT_BATCH_ID_LEN + 1];
    uint64_t total;
    int64_t created_ms;
    bool is_cut; /* contacts whose turn had not come ended as `cut_outcome` */
    enum outcome cut_outcome;
};
struct call_scope call_scope_of(const struct batch_report *report);

/* Called once all rows are in; `err` 0, or why they are not. */
typedef void (*call_rows_fn)(struct exchange *x, int err, void *arg);

/* Makes rows for the contacts first <= ordinal < end, at most CALL_ROWS_MAX, of the batch. ERR_NOMEM. */
int call_rows_create(const struct call_scope *scope, uint64_t first, uint64_t end,
                     struct call_rows **ret_rows) MUST_CHECK;
/* Accepts NULL. Only when no reply is to come any more: as part of the exchange's state, or from call_rows_fn on. */
void call_rows_free(struct call_rows *rows);

enum call_rows_depth {
    CALL_ROWS_PLAIN,
    CALL_ROWS_TEXTS, /* recording URLs too */
    CALL_ROWS_WHOLE, /* for call_rows_view() only: summaries and whole contacts too */
};

/* Reads them. `fn` is called from a reply, or at once where there is nothing to read.
 */
void call_rows_read(struct call_rows *rows, struct exchange *x, enum call_rows_depth depth, call_rows_fn fn, void *arg);

/* check-status's recentCalls: the rows whose turn has come, newest begin first. NULL where memory ran out. */
cJSON *call_rows_recent_json(struct call_rows *rows);
/* Appends all rows in the same form as JSON, last ordinal first, each with a comma before it unless `is_first`.
 * ERR_NOMEM. */
int call_rows_append_json(const struct call_rows *rows, bool is_first, struct buf *out) MUST_CHECK;
/* status/batch's calls, by ordinal. NULL where memory ran out. */
cJSON *call_rows_live_json(const struct call_rows *rows);

/* Appends those that are wanted, by ordinal, at most `most`, to an array. `ret_next`: the ordinal behind the last one
 * that was looked at. ERR_NOMEM. */
int call_rows_list(const struct call_rows *rows, const struct call_filter *filter, size_t most, cJSON *list,
                   uint64_t *ret_next) MUST_CHECK;

/* Bytes of Redis's with a NUL behind them; `text` NULL where there are none. */
struct call_bytes {
    char *text;
    size_t len;
};

/* A row that was read whole, as it is. Borrowed from the rows. */
struct call_view {
    char id[LIMIT_CALL_ID_LEN + 1];
    const struct call_text *text;
    enum call_status status;
    const char *outcome; /* NULL: none yet */
    const char *recording; /* NULL: none */
    const struct call_bytes *summary; /* UTF-8 */
    const struct call_bytes *record; /* contact_record.h */
    const struct call_bytes *extra; /* metadata that the record keeps elsewhere */
};

/* What the records of rows that were read whole refer to (contact_layout.h). Borrowed from the rows. */
const struct call_bytes *call_rows_columns(const struct call_rows *rows);
size_t call_rows_count(const struct call_rows *rows);
/* False where a contact that the batch counts has no record any more: the batch is being removed, which takes its
 * contacts bucket by bucket. What is told of such rows would be wrong. */
bool call_rows_have_records(const struct call_rows *rows);
/* Row `index`, by ordinal. False where it is not wanted. */
bool call_rows_view(const struct call_rows *rows, size_t index, const struct call_filter *filter,
                    struct call_view *ret_view);

#endif
