/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/admin_fleet.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/cell_view.h"
#include "producer/exchange.h"
#include "producer/instant.h"
#include "producer/redis_view.h"

/* What is put together while the replies come, in the order in which they were asked for. */
struct fleet {
    int64_t asked_us;
    int64_t round_trip_us;
    cJSON *body;
    cJSON *cells; /* of the body */
    size_t next; /* of the process's cells */
};

static void fleet_free(void *state)
{
    struct fleet *f = state;
    cJSON_Delete(f->body);
    free(f);
}

static void on_time(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct fleet *f = arg;
    int64_t seconds = 0, micros = 0;
    f->round_trip_us = clock_mono_us() - f->asked_us;
    if (!err)
        err = reply_i64(reply_at(reply, 0), &seconds);
    if (!err)
        err = reply_i64(reply_at(reply, 1), &micros);
    if (!err && !instant_add(f->body, "asOf", seconds * 1000 + micros / 1000))
        err = ERR_NOMEM;
    if (err)
        exchange_fail(x, err);
}

static void on_info(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct fleet *f = arg;
    cJSON *redis = NULL;
    if (!err)
        err = redis_view_json(reply, f->round_trip_us, &redis);
    if (!err && !cJSON_AddItemToObject(f->body, "redis", redis)) {
        cJSON_Delete(redis);
        err = ERR_NOMEM;
    }
    if (!err)
        f->cells = cJSON_AddArrayToObject(f->body, "cells");
    if (!err && !f->cells)
        err = ERR_NOMEM;
    if (err)
        exchange_fail(x, err);
}

static void answer(struct exchange *x, struct fleet *f)
{
    cJSON *body = f->body;
    f->body = NULL;
    exchange_answer(x, 200, body);
}

static void on_cell(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    struct fleet *f = arg;
    const struct daemon *d = exchange_api(x)->daemon;
    cJSON *cell = NULL;
    if (!err)
        err = cell_view_json(daemon_cell(d, f->next), reply, &cell);
    if (!err && !cJSON_AddItemToArray(f->cells, cell)) {
        cJSON_Delete(cell);
        err = ERR_NOMEM;
    }
    if (err)
        exchange_fail(x, err);
    else if (++f->next == daemon_cell_count(d))
        answer(x, f);
}

static int ask(struct exchange *x, struct fleet *f)
{
    static const char *const sections[] = {"INFO", REDIS_VIEW_SECTIONS};
    const struct redis_arg time_args[] = {redis_arg_str("TIME")};
    struct redis_arg info_args[sizeof sections / sizeof sections[0]];
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        info_args[i] = redis_arg_str(sections[i]);
    f->asked_us = clock_mono_us();
    int err = exchange_command(x, time_args, 1, on_time, f);
    if (!err)
        err = exchange_command(x, info_args, sizeof sections / sizeof sections[0], on_info, f);
    for (size_t i = 0; i < daemon_cell_count(exchange_api(x)->daemon) && !err; i++)
        err = exchange_script_in(x, daemon_cell(exchange_api(x)->daemon, i), LUA_CELL_SHOW, NULL, 0, on_cell, f);
    return err;
}

static void run(struct exchange *x)
{
    struct fleet *f = calloc(1, sizeof *f);
    int err = f ? 0 : ERR_NOMEM;
    if (f) {
        exchange_keep(x, f, fleet_free);
        f->body = cJSON_CreateObject();
        if (!exchange_knows_query(x, NULL, 0))
            return;
        err = f->body ? ask(x, f) : ERR_NOMEM;
    }
    if (err)
        exchange_fail(x, err);
}

void admin_fleet(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_OPERATOR, run);
}
