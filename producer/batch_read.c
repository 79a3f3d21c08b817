/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_read.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/parse.h"
#include "producer/batch_status.h"
#include "producer/batch_stream.h"
#include "producer/etag.h"
#include "producer/exchange.h"

static void answer(struct exchange *x, struct batch_status *status, void *arg)
{
    (void)arg;
    exchange_answer(x, 200, batch_status_take_body(status));
}

static void answer_full(struct exchange *x, struct batch_status *status, void *arg)
{
    (void)arg;
    char etag[ETAG_LEN + 1];
    etag_format(batch_status_revision(status), etag);
    exchange_answer_with(x, 200, batch_status_take_body(status), (struct http_header){"ETag", etag});
}

/* 1 to 1000; 0 for the seed's "all" and "-1". */
static bool read_limit(struct exchange *x, uint64_t fallback, uint64_t *ret_limit)
{
    const char *text = http_request_query(exchange_request(x), "limit");
    *ret_limit = fallback;
    if (!text)
        return true;
    if (strcmp(text, "all") == 0 || strcmp(text, "-1") == 0) {
        *ret_limit = 0;
        return true;
    }
    if (parse_u64(text, strlen(text), CALL_ROWS_MAX, ret_limit) == 0 && *ret_limit > 0)
        return true;
    exchange_bad_argument(x, "limit", "must be an integer from 1 to 1000, or all");
    return false;
}

static void start(struct exchange *x, enum batch_status_form form)
{
    static const char *const by_path[] = {"limit"};
    static const char *const by_query[] = {"limit", "batchId"};
    char id[LIMIT_BATCH_ID_LEN + 1];
    uint64_t limit;
    struct batch_status *status;
    bool is_by_path = form == BATCH_STATUS_FULL;
    if (!exchange_knows_query(x, is_by_path ? by_path : by_query, is_by_path ? 1 : 2) || !exchange_batch_id(x, id) ||
        !read_limit(x, form == BATCH_STATUS_LIVE ? CALL_ROWS_MAX : BATCH_STATUS_RECENT, &limit))
        return;
    bool is_all = limit == 0 && form != BATCH_STATUS_LIVE;
    limit = limit == 0 && !is_all ? CALL_ROWS_MAX : limit;
    if (batch_status_create(form, id, limit, &status) != 0) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    if (is_all) {
        batch_stream_take(x, status);
        return;
    }
    exchange_keep(x, status, batch_status_free);
    batch_status_read(status, x, form == BATCH_STATUS_FULL ? answer_full : answer, NULL);
}

static void run_one(struct exchange *x)
{
    start(x, BATCH_STATUS_FULL);
}

static void run_check_status(struct exchange *x)
{
    start(x, BATCH_STATUS_SEED);
}

static void run_live(struct exchange *x)
{
    start(x, BATCH_STATUS_LIVE);
}

void batch_read_one(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run_one);
}

void batch_read_check_status(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run_check_status);
}

void batch_read_live(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run_live);
}
