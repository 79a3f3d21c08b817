/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_why.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ident.h"
#include "common/domain/why.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/exchange.h"
#include "producer/instant.h"
#include "producer/why_reply.h"

#define SENTENCE_MOST 1024

struct why {
    char id[LIMIT_BATCH_ID_LEN + 1];
    char cell[LIMIT_CELL_ID_LEN + 1];
    char tenant[LIMIT_ID_LEN + 1];
    struct why_reply found; /* while the reply is read */
};

/* ---- writing ---- */

static bool add_message(cJSON *object, const struct why_reason *r)
{
    struct buf text;
    buf_init(&text, SENTENCE_MOST);
    bool is_added = why_write(r, &text) == 0 && json_add_str(object, "message", buf_str(&text));
    buf_free(&text);
    return is_added;
}

static bool add_what(cJSON *object, const struct why_reason *r)
{
    return json_add_str(object, "code", r->row->code) && add_message(object, r) &&
           instant_add(object, "until", r->until_ms) && json_add_str(object, "untilEvent", r->row->until);
}

static bool add_verdict(const struct why *w, cJSON *body)
{
    struct why_reason verdict = why_verdict(w->found.reasons, w->found.n_reasons);
    cJSON *object = cJSON_AddObjectToObject(body, "verdict");
    return json_add_str(object, "level", why_level_name(verdict.row->level)) && add_what(object, &verdict);
}

static bool add_reason(const struct why_reason *r, cJSON *list)
{
    cJSON *object = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(list, object)) {
        cJSON_Delete(object);
        return false;
    }
    return add_what(object, r) && cJSON_AddBoolToObject(object, "holds", r->holds) &&
           (!r->word[0] || json_add_str(object, "reason", r->word)) &&
           (r->count < 0 || json_add_i64(object, "count", r->count)) &&
           (r->of < 0 || json_add_i64(object, "of", r->of)) &&
           (!r->next_ms || instant_add(object, "nextCheckAt", r->next_ms)) &&
           (!r->latest_ms || instant_add(object, "latest", r->latest_ms));
}

static bool add_counts(const struct why *w, cJSON *level)
{
    static const char *const names[] = {"due", "claimed", "live", "ended", "succeeded", "failed"};
    cJSON *counts = cJSON_AddObjectToObject(level, "counts");
    bool is_whole = counts != NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int64_t n = 0;
        is_whole =
            is_whole && reply_i64(reply_field(w->found.fields, names[i]), &n) == 0 && json_add_i64(counts, names[i], n);
    }
    return is_whole;
}

/* What the chain's links are called: of a flow both ends, of the calls nothing. */
static bool add_name(const struct why *w, enum why_level level, cJSON *object)
{
    char flow[2 * LIMIT_ID_LEN + 2];
    const char *trunk = why_reply_text(&w->found, "trunk");
    switch (level) {
    case WHY_LEVEL_CELL:
        return json_add_str(object, "id", w->cell);
    case WHY_LEVEL_TRUNK:
        return json_add_str(object, "id", trunk);
    case WHY_LEVEL_TENANT:
        return json_add_str(object, "id", w->tenant);
    case WHY_LEVEL_FLOW:
        snprintf(flow, sizeof flow, "%s/%s", trunk, w->tenant);
        return json_add_str(object, "id", flow);
    case WHY_LEVEL_BATCH:
        return json_add_str(object, "id", w->id);
    case WHY_LEVEL_CALLS:
        return add_counts(w, object);
    }
    return false;
}

static bool add_level(const struct why *w, enum why_level level, cJSON *chain)
{
    cJSON *object = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(chain, object)) {
        cJSON_Delete(object);
        return false;
    }
    bool is_whole = json_add_str(object, "level", why_level_name(level)) && add_name(w, level, object);
    cJSON *reasons = cJSON_AddArrayToObject(object, "reasons");
    for (size_t i = 0; i < w->found.n_reasons && is_whole; i++)
        is_whole = w->found.reasons[i].row->level != level || add_reason(&w->found.reasons[i], reasons);
    return is_whole && reasons;
}

static cJSON *why_json(const struct why *w)
{
    cJSON *body = cJSON_CreateObject();
    bool is_whole = json_add_str(body, "batchId", w->id) &&
                    json_add_str(body, "status", why_reply_text(&w->found, "state")) &&
                    instant_add(body, "asOf", w->found.now_ms) && add_verdict(w, body);
    cJSON *chain = cJSON_AddArrayToObject(body, "chain");
    for (int level = 0; level < WHY_LEVEL_COUNT && is_whole; level++)
        is_whole = add_level(w, (enum why_level)level, chain);
    if (is_whole)
        return body;
    cJSON_Delete(body);
    return NULL;
}

/* ---- the route ---- */

/* A creation that is under way is nobody's to see. */
static bool is_hidden(const struct why *w)
{
    return strcmp(why_reply_text(&w->found, "state"), "ingesting") == 0;
}

static void on_why(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct why *w = arg;
    if (!err)
        err = why_reply_read(reply, &w->found);
    if (err == ERR_NOT_FOUND || (!err && is_hidden(w)))
        exchange_not_found(x);
    else if (err)
        exchange_fail(x, err);
    else
        exchange_answer(x, 200, why_json(w));
}

static void ask(struct exchange *x, struct why *w)
{
    const struct redis_arg args[] = {redis_arg_str(w->id), redis_arg_str(w->tenant)};
    int err = exchange_script_in(x, w->cell, LUA_BATCH_WHY, args, 2, on_why, w);
    if (err)
        exchange_fail(x, err);
}

static struct why *keep(struct exchange *x)
{
    struct why *w = calloc(1, sizeof *w);
    if (w)
        exchange_keep(x, w, free);
    else
        exchange_fail(x, ERR_NOMEM);
    return w;
}

static void run_own(struct exchange *x)
{
    const struct identity *who = exchange_identity(x);
    struct why *w = keep(x);
    if (!w || !exchange_knows_query(x, NULL, 0) || !exchange_batch_id(x, w->id))
        return;
    memcpy(w->cell, who->cell, sizeof w->cell);
    memcpy(w->tenant, who->tenant, sizeof w->tenant);
    ask(x, w);
}

void batch_why(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_READ, run_own);
}

/* ---- an operator's ---- */

static void on_tenant(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct why *w = arg;
    const char *tenant = NULL;
    size_t len = 0;
    if (!err && reply_is_nil(reply))
        err = ERR_NOT_FOUND;
    if (!err)
        err = reply_str(reply, &tenant, &len);
    if (!err && !ident_is_valid(tenant, len, LIMIT_ID_LEN))
        err = ERR_PROTOCOL;
    if (err == ERR_NOT_FOUND) {
        exchange_not_found(x);
    } else if (err) {
        exchange_fail(x, err);
    } else {
        memcpy(w->tenant, tenant, len + 1);
        ask(x, w);
    }
}

/* The path's {id}, in any cell of this process. */
static bool read_id(struct exchange *x, struct why *w)
{
    const char *id = http_request_param(exchange_request(x), "id");
    size_t len = strlen(id);
    if (len > LIMIT_BATCH_ID_LEN || ident_batch_cell(id, len, w->cell) != 0 ||
        !api_serves_cell(exchange_api(x), w->cell)) {
        exchange_not_found(x);
        return false;
    }
    memcpy(w->id, id, len + 1);
    return true;
}

static void run_any(struct exchange *x)
{
    struct why *w = keep(x);
    if (!w || !exchange_knows_query(x, NULL, 0) || !read_id(x, w))
        return;
    struct key key = key_batch(w->cell, w->id);
    const struct redis_arg args[] = {redis_arg_str("HGET"), key_arg(&key), redis_arg_str("tenant")};
    int err = exchange_command(x, args, 3, on_tenant, w);
    if (err)
        exchange_fail(x, err);
}

void batch_why_any(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_OPERATOR, run_any);
}
