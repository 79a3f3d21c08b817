/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_start.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/parse.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/batch_lookup.h"
#include "producer/batch_refusal.h"
#include "producer/body.h"
#include "producer/credit.h"
#include "producer/exchange.h"

#define DRAFT BATCH_STATE_BIT(BATCH_STATE_DRAFT)
#define STATE_MESSAGE "Only a draft is started: details.status is the state of this batch."

struct start {
    struct batch_lookup batch;
    uint64_t total; /* contacts, when it was looked at */
};

/* ---- what is missing ---- */

/* "..., unfinished <chunk> <chunk> ..." */
static bool add_unfinished(cJSON *details, const char *chunks)
{
    cJSON *list = cJSON_AddArrayToObject(details, "unfinishedChunks");
    while (list && *chunks) {
        size_t len = strcspn(chunks, " ");
        uint64_t chunk;
        if (parse_u64(chunks, len, LIMIT_CHUNK, &chunk) != 0)
            return false;
        cJSON *number = cJSON_CreateNumber((double)chunk);
        if (!cJSON_AddItemToArray(list, number)) {
            cJSON_Delete(number);
            return false;
        }
        chunks += len + (chunks[len] == ' ');
    }
    return list != NULL;
}

static void refuse(struct exchange *x, const struct redisReply *reply)
{
    static const char unfinished[] = ", unfinished ";
    const char *chunks = strstr(reply_error(reply), unfinished);
    cJSON *details = batch_refusal_details(batch_refused_state(reply), DRAFT);
    if (chunks) {
        (void)add_unfinished(details, chunks + sizeof unfinished - 1);
        exchange_error(
            x, 409, "CHUNKS_UNFINISHED",
            "Chunks of this draft were cut short: details.unfinishedChunks. Send those again, then start it.", details);
    } else if (strstr(reply_error(reply), ", holding 0")) {
        exchange_error(x, 409, "BATCH_EMPTY",
                       "This draft holds no contacts. Send some to POST /api/v1/batch/{id}/contacts, then start it.",
                       details);
    } else {
        exchange_error(x, 409, "BATCH_STATE", STATE_MESSAGE, details);
    }
}

/* ---- the start ---- */

static void answer(struct exchange *x, const struct start *s, const char *state, int64_t total)
{
    cJSON *body = cJSON_CreateObject();
    bool is_scheduled = strcmp(state, batch_state_name(BATCH_STATE_SCHEDULED)) == 0;
    bool is_whole = cJSON_AddTrueToObject(body, "success") && json_add_str(body, "batchId", s->batch.id) &&
                    json_add_str(body, "status", state) && json_add_i64(body, "total", total) &&
                    json_add_str(body, "message",
                                 is_scheduled ? "Batch started. Its calls begin at its scheduled time."
                                              : "Batch started. Its calls are placed as their turn comes.");
    if (!is_whole) {
        cJSON_Delete(body);
        body = NULL;
    }
    exchange_answer(x, 200, body);
}

static void on_started(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    const struct start *s = arg;
    const char *state;
    size_t len;
    int64_t total;
    if (err == ERR_NOT_FOUND) {
        exchange_not_found(x);
        return;
    }
    if (err == ERR_STATE) {
        refuse(x, reply);
        return;
    }
    if (!err)
        err = reply_str(reply_at(reply, 0), &state, &len);
    if (!err)
        err = reply_i64(reply_at(reply, 1), &total);
    if (err) {
        exchange_fail(x, err);
        return;
    }
    log_info("batch.started", log_str("request", http_request_id(exchange_request(x))),
             log_str("tenant", exchange_identity(x)->tenant), log_str("batch", s->batch.id),
             log_strn("state", state, len), log_i64("contacts", total));
    answer(x, s, state, total);
}

/* What is added to a draft is not held against the credit before: here all of it is. */
static void on_credit(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct start *s = arg;
    const struct redis_arg args[] = {redis_arg_str(s->batch.id), redis_arg_str("")};
    if (!err && !credit_covers(x, reply, s->total))
        return;
    if (!err)
        err = exchange_script(x, LUA_BATCH_SEAL, args, 2, on_started, s);
    if (err)
        exchange_fail(x, err);
}

/* Started before: the same answer where it has not gone further than to its calls. */
static bool is_started(const struct batch_report *report)
{
    return report->state == BATCH_STATE_SCHEDULED || report->state == BATCH_STATE_PENDING ||
           report->state == BATCH_STATE_PROCESSING;
}

static void on_batch(struct exchange *x, const struct batch_report *report, void *arg)
{
    struct start *s = arg;
    if (!report) {
        exchange_not_found(x);
    } else if (is_started(report)) {
        answer(x, s, batch_state_name(report->state), report->total);
    } else if (report->state != BATCH_STATE_DRAFT) {
        batch_refuse_state(x, batch_state_name(report->state), DRAFT, STATE_MESSAGE);
    } else {
        s->total = (uint64_t)report->total;
        int err = credit_read(x, on_credit, s);
        if (err)
            exchange_fail(x, err);
    }
}

static void run(struct exchange *x)
{
    struct start *s = calloc(1, sizeof *s);
    if (!s) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    exchange_keep(x, s, free);
    if (exchange_knows_query(x, NULL, 0) && exchange_batch_id(x, s->batch.id) && body_check_user_only(x))
        batch_lookup_ask(&s->batch, x, on_batch, s);
}

void batch_start(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_WRITE, run);
}
