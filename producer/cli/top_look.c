/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/top_look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/parse.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/cli/cell_state.h"
#include "producer/cli/shown.h"
#include "producer/cli/top_internal.h"
#include "producer/instant.h"

#define WORD_MOST 64

/* ---- Redis itself ---- */

static const struct {
    const char *field; /* of INFO */
    const char *name;
    bool is_number;
} info_fields[] = {
    {"role", "role", false},
    {"redis_version", "version", false},
    {"used_memory", "usedMemoryBytes", true},
    {"maxmemory", "maxMemoryBytes", true},
    {"instantaneous_ops_per_sec", "commandsPerSecond", true},
    {"connected_clients", "clients", true},
    {"connected_slaves", "replicas", true},
};

static int take_info(const struct redisReply *reply, void *arg)
{
    int rc = 0;
    for (size_t i = 0; i < sizeof info_fields / sizeof info_fields[0] && rc == 0; i++) {
        char word[WORD_MOST];
        const char *value;
        size_t len;
        int64_t number;
        rc = reply_info(reply, info_fields[i].field, &value, &len);
        if (rc != 0)
            return ERR_PROTOCOL;
        snprintf(word, sizeof word, "%.*s", (int)len, value);
        if (!info_fields[i].is_number)
            rc = json_add_str(arg, info_fields[i].name, word) ? 0 : ERR_NOMEM;
        else if (parse_i64(word, strlen(word), 0, INT64_MAX, &number) != 0)
            rc = ERR_PROTOCOL;
        else
            rc = top_put(arg, info_fields[i].name, number);
    }
    return rc;
}

static int take_time(const struct redisReply *reply, void *arg)
{
    int64_t *now_us = arg, seconds = top_number(reply_at(reply, 0), -1), micros = top_number(reply_at(reply, 1), 0);
    *now_us = seconds * 1000000 + micros;
    return seconds < 0 ? ERR_PROTOCOL : 0;
}

static void ask_time(struct top_look *look)
{
    const struct redis_arg args[] = {redis_arg_str("TIME")};
    volley_command(&look->volley, args, 1, take_time, &look->now_us);
}

static int look_at_redis(struct top_look *look, cJSON *shown, const bool *stop)
{
    cJSON *redis = cJSON_AddObjectToObject(shown, "redis");
    const struct redis_arg args[] = {redis_arg_str("INFO"),   redis_arg_str("server"), redis_arg_str("clients"),
                                     redis_arg_str("memory"), redis_arg_str("stats"),  redis_arg_str("replication")};
    ask_time(look);
    volley_command(&look->volley, args, 6, take_info, redis);
    int rc = redis ? volley_wait(&look->volley, stop) : ERR_NOMEM;
    return rc == 0 && !instant_add(shown, "at", look->now_us / 1000) ? ERR_NOMEM : rc;
}

/* ---- a cell ---- */

static void ask_starts(struct top_look *look)
{
    for (size_t i = 0; i < look->n_trunks; i++)
        top_ask_starts(&look->trunk[i], 'k');
    for (size_t i = 0; i < look->n_tenants; i++)
        top_ask_starts(&look->tenant[i], 't');
    for (size_t i = 0; i < look->n_batches; i++) {
        if (look->batch[i].shown)
            top_ask_starts(&look->batch[i], 'b');
    }
}

static int put_starts(struct top_look *look)
{
    double sum = 0;
    for (size_t i = 0; i < look->n_trunks; i++) {
        const cJSON *starts = cJSON_GetObjectItemCaseSensitive(look->trunk[i].shown, "startsPerSecond");
        sum += cJSON_IsNumber(starts) ? starts->valuedouble : 0;
    }
    return top_put(look->cell_shown, "startsPerSecond", (int64_t)sum);
}

/* Batches with calls on the line first, for theirs are the busiest tenants. */
static void ask_busiest(struct top_look *look)
{
    top_ask_batches(look);
    top_ask_trunks(look);
}

static void ask_flows(struct top_look *look)
{
    top_ask_flows(look);
    top_ask_expiring(look);
}

/* Behind all that could dial: paused ones take what is left of the rows. */
static void ask_found(struct top_look *look)
{
    top_ask_batches(look);
    top_ask_states(look);
}

/* Whose they are comes before tenants without work. */
static void ask_paused(struct top_look *look)
{
    top_ask_batches(look);
    top_fill_up(look);
}

/* What is asked of a cell, a round trip each: the later ones by what the earlier ones found. */
static void (*const stages[])(struct top_look *look) = {
    top_find,        ask_busiest,    ask_flows,      ask_found,       ask_paused,
    top_ask_tenants, top_ask_newest, top_ask_states, top_ask_batches, ask_starts,
};

static int look_at_cell(struct top_look *look, const bool *stop)
{
    struct cell_state state;
    int rc = cell_state_init(&state, look->cell);
    look->n_trunks = look->n_tenants = look->n_batches = look->n_flows = look->n_suspects = 0;
    look->n_batches_asked = look->n_suspects_asked = 0;
    look->cell_shown = state.shown;
    if (rc != 0)
        return rc;
    ask_time(look);
    volley_script(&look->volley, LUA_CELL_SHOW, NULL, 0, cell_state_take, &state);
    for (size_t i = 0; i < sizeof stages / sizeof stages[0] && rc == 0; i++) {
        rc = volley_wait(&look->volley, stop);
        if (rc == 0)
            stages[i](look);
    }
    if (rc == 0)
        rc = volley_wait(&look->volley, stop);
    return rc ? rc : put_starts(look);
}

/* Another schema than ours is told, as every verb does. */
static int enter_cell(struct top_look *look, cJSON *cells, const char *cell, const bool *stop)
{
    session_enter(look->volley.session, cell);
    look->cell = cell;
    int rc = look_at_cell(look, stop);
    if (rc != 0)
        cJSON_Delete(look->cell_shown);
    else if (!shown_add_take(cells, NULL, look->cell_shown))
        rc = ERR_NOMEM;
    return rc;
}

/* ---- what holds the first batches back ---- */

static int ask_whys(struct top_look *look, const bool *stop)
{
    cJSON *batch;
    size_t n = 0;
    cJSON_ArrayForEach(batch, look->batches)
    {
        const cJSON *cell = cJSON_GetObjectItemCaseSensitive(batch, "cell");
        if (n++ == LIMIT_TOP_WHYS)
            break;
        session_enter(look->volley.session, cell->valuestring);
        top_ask_why(&look->volley, batch);
    }
    return volley_wait(&look->volley, stop);
}

/* ---- all of it ---- */

static int look_at_all(struct top_look *look, const char *const *cells, size_t n_cells, enum top_sort sort,
                       const bool *stop, cJSON *shown)
{
    int rc = look_at_redis(look, shown, stop);
    cJSON *list = cJSON_AddArrayToObject(shown, "cells");
    look->trunks = cJSON_AddArrayToObject(shown, "trunks");
    look->tenants = cJSON_AddArrayToObject(shown, "tenants");
    look->batches = cJSON_AddArrayToObject(shown, "batches");
    look->workers = cJSON_AddArrayToObject(shown, "workers");
    if (rc == 0 && !look->workers)
        rc = ERR_NOMEM;
    for (size_t i = 0; i < n_cells && rc == 0; i++)
        rc = enter_cell(look, list, cells[i], stop);
    if (rc == 0)
        rc = top_look_sort(shown, sort);
    return rc ? rc : ask_whys(look, stop);
}

int top_look(struct session *s, const char *const *cells, size_t n_cells, enum top_sort sort, const bool *stop,
             cJSON **ret_shown, char *ret_why, size_t why_cap)
{
    struct top_look *look = calloc(1, sizeof *look);
    cJSON *shown = cJSON_CreateObject();
    int rc = look && shown ? 0 : ERR_NOMEM;
    if (rc == 0) {
        volley_init(&look->volley, s);
        rc = look_at_all(look, cells, n_cells, sort, stop, shown);
        snprintf(ret_why, why_cap, "%s", look->volley.problem[0] ? look->volley.problem : rc ? err_name(rc) : "");
    }
    free(look);
    if (rc == 0)
        *ret_shown = shown;
    else
        cJSON_Delete(shown);
    return rc;
}
