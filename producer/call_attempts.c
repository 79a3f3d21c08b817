/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/call_attempts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ident.h"
#include "common/domain/attempt_log.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/answer.h"
#include "producer/batch_lookup.h"
#include "producer/call_lookup.h"
#include "producer/call_rows.h"
#include "producer/exchange.h"
#include "producer/instant.h"

struct call_attempts {
    struct batch_lookup batch;
    uint64_t ordinal;
    struct call_rows *rows; /* the one call */
    size_t n;
    struct attempt_fact facts[LIMIT_ATTEMPT_LOG];
};

static void call_attempts_free(void *state)
{
    struct call_attempts *a = state;
    call_rows_free(a->rows);
    free(a);
}

/* ---- the answer ---- */

static bool add_text(cJSON *object, const char *name, const char *text)
{
    return json_add_str(object, name, text[0] ? text : NULL) != NULL;
}

/* The first fact about a dial makes its entry. */
static cJSON *make_dial(cJSON *dials, const struct attempt_fact *fact)
{
    cJSON *dial = cJSON_CreateObject();
    if (!dial || !cJSON_AddItemToArray(dials, dial))
        return NULL;
    bool is_begun = fact->kind == ATTEMPT_FACT_BEGUN; /* otherwise the log no longer holds its begin */
    bool is_whole =
        json_add_i64(dial, "dial", fact->dial) &&
        (is_begun ? json_add_i64(dial, "attempt", fact->attempt) : cJSON_AddNullToObject(dial, "attempt")) &&
        instant_add(dial, "slotAt", fact->slot_us / 1000) && instant_add(dial, "begunAt", fact->begin_us / 1000) &&
        cJSON_AddArrayToObject(dial, "results");
    return is_whole ? dial : NULL;
}

static bool add_result(cJSON *dial, const struct attempt_fact *fact)
{
    cJSON *result = cJSON_CreateObject();
    if (!result || !cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(dial, "results"), result))
        return false;
    bool is_given_back = fact->kind == ATTEMPT_FACT_GIVEN_BACK;
    return json_add_str(result, "outcome", is_given_back ? NULL : outcome_name(fact->outcome)) &&
           add_text(result, "verdict", fact->verdict) && add_text(result, "source", fact->source) &&
           add_text(result, "reason", fact->reason) && add_text(result, "callSid", fact->provider_id) &&
           instant_add(result, "endedAt", fact->ended_ms) &&
           json_add_str(result, "then", is_given_back ? "given_back" : fact->then) &&
           instant_add(result, "nextAttemptAt", fact->next_ms);
}

/* The entry of the fact's dial, which an earlier fact may have made. */
static cJSON *dial_of(const struct call_attempts *a, size_t index, cJSON *const *entries)
{
    for (size_t i = 0; i < index; i++) {
        if (a->facts[i].dial == a->facts[index].dial)
            return entries[i];
    }
    return NULL;
}

static bool add_dials(const struct call_attempts *a, cJSON *body)
{
    cJSON *entries[LIMIT_ATTEMPT_LOG]; /* of each fact; borrowed from the list */
    cJSON *dials = cJSON_AddArrayToObject(body, "dials");
    for (size_t i = 0; dials && i < a->n; i++) {
        const struct attempt_fact *fact = &a->facts[i];
        entries[i] = dial_of(a, i, entries);
        if (!entries[i])
            entries[i] = make_dial(dials, fact);
        if (!entries[i] || (fact->kind != ATTEMPT_FACT_BEGUN && !add_result(entries[i], fact)))
            return false;
    }
    return dials != NULL;
}

static cJSON *make_body(const struct call_attempts *a)
{
    static const struct call_filter all;
    uint64_t next;
    cJSON *list = cJSON_CreateArray();
    int err = list ? call_rows_list(a->rows, &all, 1, list, &next) : ERR_NOMEM;
    cJSON *body = err ? NULL : cJSON_DetachItemFromArray(list, 0);
    cJSON_Delete(list);
    if (!json_add_str(body, "batchId", a->batch.id) || !add_dials(a, body)) {
        cJSON_Delete(body);
        body = NULL;
    }
    return body;
}

/* ---- what is read ---- */

static void on_rows(struct exchange *x, int err, void *arg)
{
    if (err)
        exchange_fail(x, err);
    else
        exchange_answer(x, 200, make_body(arg));
}

static void on_log(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct call_attempts *a = arg;
    const char *text;
    size_t len;
    if (!err && reply_is_nil(reply))
        return; /* never begun */
    if (!err)
        err = reply_str(reply, &text, &len);
    if (!err && attempt_log_parse(text, len, a->facts, &a->n) != 0)
        err = ERR_PROTOCOL;
    if (err)
        exchange_fail(x, err);
}

static int ask_log(struct exchange *x, struct call_attempts *a)
{
    char field[REDIS_I64_LEN];
    struct key key = key_batch_attempts(exchange_identity(x)->cell, a->batch.id, a->ordinal / LIMIT_BUCKET);
    const struct redis_arg args[] = {redis_arg_str("HGET"), key_arg(&key), redis_arg_i64((int64_t)a->ordinal, field)};
    return exchange_command(x, args, 3, on_log, a);
}

/* Replies come in order: the log is there when the row is. */
static void on_report(struct exchange *x, const struct batch_report *report, void *arg)
{
    struct call_attempts *a = arg;
    if (!report || a->ordinal >= (uint64_t)report->total) {
        call_lookup_refuse(x);
        return;
    }
    struct call_scope scope = call_scope_of(report);
    int err = call_rows_create(&scope, a->ordinal, a->ordinal + 1, &a->rows);
    if (!err)
        err = ask_log(x, a);
    if (err)
        exchange_fail(x, err);
    else
        call_rows_read(a->rows, x, CALL_ROWS_TEXTS, on_rows, a);
}

/* ---- what is asked ---- */

static void run(struct exchange *x)
{
    struct call_attempts *a = calloc(1, sizeof *a);
    if (!a) {
        exchange_fail(x, ERR_NOMEM);
        return;
    }
    exchange_keep(x, a, call_attempts_free);
    if (!exchange_knows_query(x, NULL, 0))
        return;
    if (call_lookup_read(x, http_request_param(exchange_request(x), "id"), a->batch.id, &a->ordinal))
        batch_lookup_ask(&a->batch, x, on_report, a);
}

void call_attempts(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run);
}
