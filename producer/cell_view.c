/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cell_view.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/base/parse.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/cell_part.h"
#include "producer/instant.h"

#define PRESENCE_MOST 256 /* cell_open.lua */
#define PRESENCE_PARTS 5

static int add_count(const struct redisReply *reply, enum cell_part part, cJSON *object, const char *name)
{
    int64_t count;
    int err = reply_i64(reply_at(reply, part), &count);
    if (err)
        return err;
    return json_add_i64(object, name, count) ? 0 : ERR_NOMEM;
}

/* ---- who is there ---- */

/* A row of a list: its member as a C string, and when it was there last. */
static int read_row(const struct redisReply *flat, size_t index, char ret_member[PRESENCE_MOST + 1], int64_t *ret_ms)
{
    const char *member;
    size_t len;
    int err = reply_str(reply_at(flat, index), &member, &len);
    if (!err && (len > PRESENCE_MOST || memchr(member, '\0', len)))
        err = ERR_PROTOCOL;
    if (!err)
        err = instant_read(reply_at(flat, index + 1), ret_ms);
    if (!err)
        memcpy(ret_member, member, len + 1);
    return err;
}

/* Cuts "<process>/<id>/<oldest>/<newest>/<version>" in place. */
static int split(char *presence, char *ret_parts[PRESENCE_PARTS])
{
    char *at = presence;
    for (size_t i = 0; i < PRESENCE_PARTS; i++) {
        char *slash = strchr(at, '/');
        if (!slash != (i == PRESENCE_PARTS - 1))
            return ERR_PROTOCOL;
        ret_parts[i] = at;
        if (slash) {
            *slash = '\0';
            at = slash + 1;
        }
    }
    return 0;
}

static int fill_process(char *presence, int64_t heard_ms, cJSON *object)
{
    char *parts[PRESENCE_PARTS];
    int64_t oldest, newest;
    int err = split(presence, parts);
    if (!err)
        err = parse_i64(parts[2], strlen(parts[2]), 0, INT32_MAX, &oldest);
    if (!err)
        err = parse_i64(parts[3], strlen(parts[3]), 0, INT32_MAX, &newest);
    if (err)
        return ERR_PROTOCOL;
    bool is_whole = json_add_str(object, "process", parts[0]) && json_add_str(object, "id", parts[1]) &&
                    json_add_str(object, "version", parts[4]) && json_add_i64(object, "oldestSchema", oldest) &&
                    json_add_i64(object, "newestSchema", newest) && instant_add(object, "lastHeardAt", heard_ms);
    return is_whole ? 0 : ERR_NOMEM;
}

static int fill_worker(char *worker, int64_t seen_ms, cJSON *object)
{
    return json_add_str(object, "id", worker) && instant_add(object, "lastSeenAt", seen_ms) ? 0 : ERR_NOMEM;
}

static int add_rows(const struct redisReply *flat, int (*fill)(char *member, int64_t ms, cJSON *object), cJSON *list)
{
    int err = list ? 0 : ERR_NOMEM;
    for (size_t i = 0; i + 1 < reply_len(flat) && !err; i += 2) {
        char member[PRESENCE_MOST + 1];
        int64_t ms = 0;
        cJSON *object = cJSON_CreateObject();
        err = read_row(flat, i, member, &ms);
        if (!err)
            err = fill(member, ms, object);
        if (!err && !cJSON_AddItemToArray(list, object))
            err = ERR_NOMEM;
        if (err)
            cJSON_Delete(object);
    }
    return err;
}

/* ---- the cell ---- */

static int add_state(const struct redisReply *reply, cJSON *object)
{
    int64_t stopped_ms, closed_ms;
    int err = instant_read(reply_at(reply, CELL_PART_STOPPED), &stopped_ms);
    if (!err)
        err = instant_read(reply_at(reply, CELL_PART_CLOSED), &closed_ms);
    if (err)
        return err;
    const char *state = stopped_ms ? "stopped" : closed_ms ? "closed" : "active";
    bool is_whole = json_add_str(object, "state", state) && instant_add(object, "stoppedAt", stopped_ms) &&
                    instant_add(object, "closedUntil", closed_ms);
    return is_whole ? 0 : ERR_NOMEM;
}

/* null where nothing was ever in the cell. */
static int add_schema(const struct redisReply *reply, cJSON *object)
{
    const char *text;
    size_t len;
    int err = reply_str(reply_at(reply, CELL_PART_SCHEMA), &text, &len);
    if (err)
        return err;
    if (len > 0)
        return add_count(reply, CELL_PART_SCHEMA, object, "schema");
    return cJSON_AddNullToObject(object, "schema") ? 0 : ERR_NOMEM;
}

static int add_counts(const struct redisReply *reply, cJSON *object)
{
    static const struct {
        enum cell_part part;
        const char *name;
    } counts[] = {
        {CELL_PART_EPOCH, "epoch"},   {CELL_PART_TRUNKS, "trunksWithWork"},
        {CELL_PART_LATE, "lateMs"},   {CELL_PART_CLAIMED, "claimed"},
        {CELL_PART_LIVE, "live"},     {CELL_PART_ENDED, "ended"},
        {CELL_PART_EVENTS, "events"}, {CELL_PART_WEBHOOKS, "webhooks"},
    };
    int err = 0;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && !err; i++)
        err = add_count(reply, counts[i].part, object, counts[i].name);
    return err;
}

int cell_view_json(const char *cell, const struct redisReply *reply, cJSON **ret_json)
{
    cJSON *object = cJSON_CreateObject();
    int err = json_add_str(object, "cell", cell) ? 0 : ERR_NOMEM;
    if (!err)
        err = add_state(reply, object);
    if (!err)
        err = add_schema(reply, object);
    if (!err)
        err = add_counts(reply, object);
    if (!err)
        err = add_rows(reply_at(reply, CELL_PART_PROCESSES), fill_process, cJSON_AddArrayToObject(object, "processes"));
    if (!err)
        err = add_rows(reply_at(reply, CELL_PART_WORKERS), fill_worker, cJSON_AddArrayToObject(object, "workers"));
    if (err)
        cJSON_Delete(object);
    else
        *ret_json = object;
    return err;
}
