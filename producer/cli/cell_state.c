/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/cell_state.h"

#include <stdio.h>
#include <string.h>

#include "common/base/ident.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/cell_part.h"
#include "producer/cli/out.h"
#include "producer/cli/shown.h"

#define PRESENCE "<process>/<id>/<oldest>/<newest>/<version>"

static const char *const count_names[CELL_COUNTS] = {"claimed", "live", "ended", "events", "webhooks"};

enum cli_exit cell_state_enter(struct session *s, const char *id)
{
    if (!ident_is_cell(id, strlen(id))) {
        out_complain("'%s' is no cell: 1 to 8 characters of a-z and 0-9", id);
        return CLI_USAGE;
    }
    session_enter(s, id);
    return CLI_DONE;
}

cJSON *cell_state_process(const char *presence, size_t len)
{
    return shown_parts(PRESENCE, presence, len, true);
}

static int add_processes(const struct redisReply *flat, cJSON *shown)
{
    cJSON *list = cJSON_AddArrayToObject(shown, "processes");
    for (size_t i = 0; i + 1 < reply_len(flat); i += 2) {
        const char *presence, *heard;
        size_t len, heard_len;
        if (reply_str(reply_at(flat, i), &presence, &len) != 0 ||
            reply_str(reply_at(flat, i + 1), &heard, &heard_len) != 0)
            return ERR_PROTOCOL;
        cJSON *process = cell_state_process(presence, len);
        if (!shown_add_take(list, NULL, process) ||
            !shown_add_take(process, "lastHeardAt", shown_value(SHOWN_MS, heard, heard_len, true)))
            return ERR_NOMEM;
    }
    return list ? 0 : ERR_NOMEM;
}

static int add_instant(const struct redisReply *reply, const char *name, cJSON *shown, bool *ret_is_one)
{
    const char *text;
    size_t len;
    int rc = reply_str(reply, &text, &len);
    if (rc != 0)
        return rc;
    *ret_is_one = len > 0;
    return shown_add_take(shown, name, len > 0 ? shown_value(SHOWN_MS, text, len, true) : cJSON_CreateNull())
               ? 0
               : ERR_NOMEM;
}

static int add_counts(const struct cell_state *state, cJSON *shown)
{
    bool is_whole = shown != NULL;
    for (size_t i = 0; i < CELL_COUNTS && is_whole; i++)
        is_whole = json_add_i64(shown, count_names[i], state->counts[i]) != NULL;
    return is_whole && cJSON_AddBoolToObject(shown, "isDrained", cell_state_is_drained(state)) ? 0 : ERR_NOMEM;
}

int cell_state_take(const struct redisReply *reply, void *arg)
{
    struct cell_state *state = arg;
    const char *schema;
    size_t len;
    bool is_closed;
    int rc = reply_str(reply_at(reply, CELL_PART_SCHEMA), &schema, &len);
    for (size_t i = 0; i < CELL_COUNTS && rc == 0; i++)
        rc = reply_i64(reply_at(reply, CELL_PART_CLAIMED + i), &state->counts[i]);
    if (rc != 0)
        return rc;
    snprintf(state->schema, sizeof state->schema, "%s", schema);
    cJSON *schema_shown = len > 0 ? shown_value(SHOWN_NUMBER, schema, len, true) : cJSON_CreateNull();
    if (!shown_add_take(state->shown, "schema", schema_shown))
        return ERR_NOMEM;
    rc = add_instant(reply_at(reply, CELL_PART_STOPPED), "stoppedAt", state->shown, &state->is_stopped);
    if (rc == 0)
        rc = add_instant(reply_at(reply, CELL_PART_CLOSED), "closedUntil", state->shown, &is_closed);
    if (rc == 0)
        rc = add_counts(state, state->shown);
    return rc == 0 ? add_processes(reply_at(reply, CELL_PART_PROCESSES), state->shown) : rc;
}

int cell_state_init(struct cell_state *state, const char *cell)
{
    *state = (struct cell_state){.shown = cJSON_CreateObject()};
    return json_add_str(state->shown, "cell", cell) ? 0 : ERR_NOMEM;
}

int cell_state_read(struct session *s, struct cell_state *ret_state)
{
    int rc = cell_state_init(ret_state, session_cell(s));
    if (rc == 0)
        rc = session_script(s, LUA_CELL_SHOW, NULL, 0, cell_state_take, ret_state);
    if (rc != 0)
        cell_state_clear(ret_state);
    return rc;
}

void cell_state_clear(struct cell_state *state)
{
    cJSON_Delete(state->shown);
    state->shown = NULL;
}

bool cell_state_is_drained(const struct cell_state *state)
{
    bool is_empty = true;
    for (size_t i = 0; i < CELL_COUNTS; i++)
        is_empty = is_empty && state->counts[i] == 0;
    return state->is_stopped && is_empty;
}

cJSON *cell_state_counts(const struct cell_state *state)
{
    cJSON *object = cJSON_CreateObject();
    if (add_counts(state, object) == 0)
        return object;
    cJSON_Delete(object);
    return NULL;
}
