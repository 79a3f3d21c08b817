/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/ident.h"
#include "common/base/utf8.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/cli/top_internal.h"

#define SECOND_US 1000000
#define BEGINS_BESIDE 64 /* a log holds some that were begun since the clock was read */

/* ---- rows ---- */

static bool is_id(const struct top_row *row, const char *id, size_t len)
{
    return strlen(row->id) == len && memcmp(row->id, id, len) == 0;
}

static struct top_row *find(struct top_row *rows, size_t n, const char *id, size_t len)
{
    for (size_t i = 0; i < n; i++) {
        if (is_id(&rows[i], id, len))
            return &rows[i];
    }
    return NULL;
}

/* The row of that id, made where there is none; NULL for what is no id, and where there is no more room. */
static struct top_row *enter(struct top_look *look, struct top_row *rows, size_t most, size_t *n, const char *id,
                             size_t len)
{
    struct top_row *row = find(rows, *n, id, len);
    if (row || *n >= most || !ident_is_valid(id, len, LIMIT_ID_LEN))
        return row;
    row = &rows[(*n)++];
    *row = (struct top_row){.look = look};
    memcpy(row->id, id, len);
    return row;
}

static int show(struct top_row *row, cJSON *list)
{
    cJSON *shown = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(list, shown)) {
        cJSON_Delete(shown);
        return ERR_NOMEM;
    }
    row->shown = shown;
    return json_add_str(shown, "id", row->id) && json_add_str(shown, "cell", row->look->cell) ? 0 : ERR_NOMEM;
}

int top_add_trunk(struct top_look *look, const char *id, size_t len, struct top_row **ret_row)
{
    struct top_row *row = enter(look, look->trunk, LIMIT_TOP_TRUNKS, &look->n_trunks, id, len);
    *ret_row = row;
    return row && !row->shown ? show(row, look->trunks) : 0;
}

int top_add_tenant(struct top_look *look, const char *id, size_t len)
{
    struct top_row *row = enter(look, look->tenant, LIMIT_TOP_TENANTS, &look->n_tenants, id, len);
    return row && !row->shown ? show(row, look->tenants) : 0;
}

void top_add_batch(struct top_look *look, const char *id, size_t len)
{
    (void)enter(look, look->batch, LIMIT_TOP_BATCHES, &look->n_batches, id, len);
}

void top_add_paused(struct top_look *look, const char *id, size_t len)
{
    (void)enter(look, look->batch, LIMIT_TOP_BATCHES + LIMIT_TOP_PAUSED, &look->n_batches, id, len);
}

bool top_has_batch(const struct top_look *look, const char *id)
{
    size_t len = strlen(id), i = 0;
    while (i < look->n_batches && !is_id(&look->batch[i], id, len))
        i++;
    return i < look->n_batches;
}

void top_add_flow(struct top_look *look, const char *trunk, const char *tenant, size_t tenant_len)
{
    if (look->n_flows == LIMIT_TOP_FLOWS || !ident_is_valid(tenant, tenant_len, LIMIT_ID_LEN))
        return;
    for (size_t i = 0; i < look->n_flows; i++) {
        if (strcmp(look->flow[i].trunk, trunk) == 0 && strlen(look->flow[i].tenant) == tenant_len &&
            memcmp(look->flow[i].tenant, tenant, tenant_len) == 0)
            return;
    }
    struct top_flow *flow = &look->flow[look->n_flows++];
    *flow = (struct top_flow){.trunk = ""};
    memcpy(flow->trunk, trunk, strlen(trunk));
    memcpy(flow->tenant, tenant, tenant_len);
}

/* ---- what a reply says ---- */

const char *top_text(const struct redisReply *value)
{
    const char *text;
    size_t len;
    return reply_str(value, &text, &len) == 0 && utf8_is_valid(text, len) ? text : "";
}

int64_t top_number(const struct redisReply *value, int64_t absent)
{
    int64_t number;
    return reply_i64(value, &number) == 0 ? number : absent;
}

int top_put(cJSON *row, const char *name, int64_t value)
{
    return cJSON_AddNumberToObject(row, name, (double)value) ? 0 : ERR_NOMEM;
}

int top_put_reply(cJSON *row, const char *name, const struct redisReply *value)
{
    int64_t number;
    if (reply_i64(value, &number) == 0)
        return top_put(row, name, number);
    return cJSON_AddNullToObject(row, name) ? 0 : ERR_NOMEM;
}

int top_put_text(cJSON *row, const char *name, const struct redisReply *value)
{
    const char *text = top_text(value);
    return json_add_str(row, name, text[0] ? text : NULL) ? 0 : ERR_NOMEM;
}

/* ---- what all three have ---- */

static int take_on_line(const struct redisReply *reply, void *arg)
{
    struct top_row *row = arg;
    return top_put_reply(row->shown, "onLine", reply);
}

/* Begins may lie ahead: a place of the rate that was reserved. */
static int take_starts(const struct redisReply *reply, void *arg)
{
    struct top_row *row = arg;
    int64_t n = 0, now_us = row->look->now_us;
    for (size_t i = reply_len(reply); i-- > 0;) {
        int64_t begin_us = top_number(reply_at(reply, i), 0);
        n += begin_us > now_us - SECOND_US && begin_us <= now_us;
    }
    return top_put(row->shown, "startsPerSecond", n);
}

void top_ask_on_line(struct top_row *row, char kind)
{
    char now[REDIS_I64_LEN];
    struct key key = key_flying(row->look->cell, kind, row->id);
    const struct redis_arg args[] = {redis_arg_str("ZCOUNT"), key_arg(&key),
                                     redis_arg_i64(row->look->now_us / 1000, now), redis_arg_str("+inf")};
    volley_command(&row->look->volley, args, 4, take_on_line, row);
}

void top_ask_starts(struct top_row *row, char kind)
{
    char from[REDIS_I64_LEN];
    int64_t most = row->cps > 0 && row->cps < LIMIT_TOP_BEGINS ? row->cps + BEGINS_BESIDE : LIMIT_TOP_BEGINS;
    struct key key = key_begins(row->look->cell, kind, row->id);
    const struct redis_arg args[] = {redis_arg_str("LRANGE"), key_arg(&key), redis_arg_i64(-most, from),
                                     redis_arg_str("-1")};
    volley_command(&row->look->volley, args, 4, take_starts, row);
}
