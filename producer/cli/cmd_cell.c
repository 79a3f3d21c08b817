/* SPDX-License-Identifier: Apache-2.0
 *
 * A cell as such: who is there and what is on its way; raising its schema when a fleet was upgraded
 * (docs/decisions/0018-one-process-after-the-other.md); and draining it, for what needs it at rest.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "common/redis/schema.h"
#include "producer/cli/cell_state.h"
#include "producer/cli/out.h"
#include "producer/cli/shown.h"
#include "producer/cli/table.h"
#include "producer/cli/verbs.h"

#define LOOK_MS 500
#define WAIT_MOST_S 604800

static enum cli_exit open_cell(struct session *s)
{
    enum cli_exit status = cell_state_enter(s, conf_rest(session_conf(s), 0));
    return status == CLI_DONE ? session_open_cell(s, false) : status;
}

static const struct table_column process_columns[] = {
    {"process", "PROCESS"}, {"id", "ID"},         {"version", "VERSION"},
    {"oldest", "OLDEST"},   {"newest", "NEWEST"}, {"lastHeardAt", "LAST HEARD OF"},
};
#define PROCESS_COLUMNS (sizeof process_columns / sizeof process_columns[0])

/* ---- show ---- */

static enum cli_exit show(const struct session *s, const struct cell_state *state)
{
    if (session_is_json(s))
        return out_json(state->shown);
    cJSON *processes = cJSON_DetachItemFromObjectCaseSensitive(state->shown, "processes");
    int rc = table_print_one(state->shown);
    if (rc == 0) {
        out_line("%s", "");
        rc = table_print(processes, process_columns, PROCESS_COLUMNS);
    }
    cJSON_Delete(processes);
    return rc == 0 ? CLI_DONE : CLI_FAILED;
}

static enum cli_exit run_show(struct session *s)
{
    struct cell_state state;
    enum cli_exit status = open_cell(s);
    if (status != CLI_DONE)
        return status;
    if (cell_state_read(s, &state) != 0)
        return CLI_FAILED;
    status = show(s, &state);
    cell_state_clear(&state);
    return status;
}

/* ---- upgrade ---- */

struct upgrade {
    int64_t before;
    int64_t now;
    cJSON *older; /* processes that do not know the newest schema */
};

static int take_upgrade(const struct redisReply *reply, void *arg)
{
    struct upgrade *u = arg;
    int rc = reply_i64(reply_at(reply, 0), &u->before);
    if (rc == 0)
        rc = reply_i64(reply_at(reply, 1), &u->now);
    for (size_t i = 2; i < reply_len(reply) && rc == 0; i++) {
        const char *presence;
        size_t len;
        rc = reply_str(reply_at(reply, i), &presence, &len);
        if (rc == 0 && !shown_add_take(u->older, NULL, cell_state_process(presence, len)))
            rc = ERR_NOMEM;
    }
    return rc;
}

static enum cli_exit say_upgrade(const struct session *s, const struct upgrade *u)
{
    if (u->now == SCHEMA_NEWEST && u->before == u->now)
        out_line("cell %s speaks schema %" PRId64 " already, the newest that this tool knows", session_cell(s), u->now);
    else if (u->now == SCHEMA_NEWEST)
        out_line("cell %s speaks schema %" PRId64 " now", session_cell(s), u->now);
    else
        out_complain("cell %s goes on speaking schema %" PRId64 ": these processes do not know %d", session_cell(s),
                     u->now, SCHEMA_NEWEST);
    if (u->now != SCHEMA_NEWEST && table_print(u->older, process_columns, PROCESS_COLUMNS - 1) != 0)
        return CLI_FAILED;
    return u->now == SCHEMA_NEWEST ? CLI_DONE : CLI_FAILED;
}

static enum cli_exit say_upgrade_json(const struct session *s, const struct upgrade *u)
{
    cJSON *object = cJSON_CreateObject();
    bool is_whole = json_add_str(object, "cell", session_cell(s)) && json_add_i64(object, "before", u->before) &&
                    json_add_i64(object, "schema", u->now) && cJSON_AddItemReferenceToObject(object, "older", u->older);
    if (!is_whole) {
        cJSON_Delete(object);
        return CLI_FAILED;
    }
    enum cli_exit status = out_json_take(object);
    return status == CLI_DONE && u->now != SCHEMA_NEWEST ? CLI_FAILED : status;
}

static enum cli_exit upgrade(struct session *s)
{
    char oldest[REDIS_I64_LEN], newest[REDIS_I64_LEN];
    struct upgrade u = {.older = cJSON_CreateArray()};
    const struct redis_arg args[] = {redis_arg_i64(SCHEMA_OLDEST, oldest), redis_arg_i64(SCHEMA_NEWEST, newest),
                                     redis_arg_str(conf_bool(session_conf(s), "force") ? "force" : "")};
    int rc = u.older ? session_script(s, LUA_CELL_UPGRADE, args, 3, take_upgrade, &u) : ERR_NOMEM;
    enum cli_exit status = CLI_FAILED;
    if (rc == ERR_STATE)
        out_complain("cell %s is empty: who opens it first says which schema it speaks", session_cell(s));
    else if (rc == 0)
        status = session_is_json(s) ? say_upgrade_json(s, &u) : say_upgrade(s, &u);
    cJSON_Delete(u.older);
    return status;
}

static enum cli_exit run_upgrade(struct session *s)
{
    enum cli_exit status = open_cell(s);
    return status == CLI_DONE ? upgrade(s) : status;
}

/* ---- restored ---- */

static int take_restored(const struct redisReply *reply, void *arg)
{
    static const char *const names[] = {"lostFrom", "lostUntil"};
    cJSON *told = arg;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *text;
        size_t len;
        int rc = reply_str(reply_at(reply, i), &text, &len);
        if (rc != 0)
            return rc;
        if (!shown_add_take(told, names[i], shown_value(SHOWN_MS, text, len, true)))
            return ERR_NOMEM;
    }
    return 0;
}

static enum cli_exit say_restored(const struct session *s, const cJSON *told)
{
    if (session_is_json(s))
        return out_json(told);
    if (table_print_one(told) != 0)
        return CLI_FAILED;
    out_line("What may have been dialed in that time is looked up before it is dialed. The cell is stopped; 'carillon "
             "start cell %s' starts it",
             session_cell(s));
    return CLI_DONE;
}

static enum cli_exit run_restored(struct session *s)
{
    char closed[REDIS_I64_LEN];
    enum cli_exit status = open_cell(s);
    if (status != CLI_DONE)
        return status;
    const struct redis_arg args[] = {redis_arg_str(session_run_id(s)), redis_arg_i64(LIMIT_CELL_CLOSED_MS, closed)};
    cJSON *told = cJSON_CreateObject();
    int rc = json_add_str(told, "cell", session_cell(s))
                 ? session_script(s, LUA_CELL_RESTORED, args, 2, take_restored, told)
                 : ERR_NOMEM;
    if (rc == ERR_STATE)
        out_complain("cell %s is empty: nothing was put back", session_cell(s));
    status = rc == 0 ? say_restored(s, told) : CLI_FAILED;
    cJSON_Delete(told);
    return status;
}

/* ---- drain ---- */

static enum cli_exit print_counts(const struct session *s, const struct cell_state *state)
{
    const int64_t *n = state->counts;
    if (!session_is_json(s)) {
        out_line("cell %s: claimed %" PRId64 ", on the line %" PRId64 ", waiting for a summary %" PRId64
                 ", events to be read %" PRId64 ", webhooks to be delivered %" PRId64,
                 session_cell(s), n[CELL_CLAIMED], n[CELL_LIVE], n[CELL_ENDED], n[CELL_EVENTS], n[CELL_WEBHOOKS]);
        return CLI_DONE;
    }
    cJSON *counts = cell_state_counts(state);
    return json_add_str(counts, "cell", session_cell(s)) ? out_json_take(counts) : CLI_FAILED;
}

/* At once, for whoever reads along. */
static enum cli_exit tell_progress(const struct session *s, const struct cell_state *state)
{
    enum cli_exit status = print_counts(s, state);
    return status == CLI_DONE && fflush(stdout) != 0 ? CLI_FAILED : status;
}

static enum cli_exit tell_end(const struct session *s, const struct cell_state *state, bool is_late)
{
    if (session_signal(s) != 0) {
        out_complain(
            "cell %s stays stopped. 'carillon drain %s --wait' waits again, 'carillon start cell %s' starts it",
            session_cell(s), session_cell(s), session_cell(s));
        return CLI_FAILED;
    }
    if (!state->is_stopped) {
        out_complain("cell %s was started again meanwhile", session_cell(s));
        return CLI_FAILED;
    }
    if (is_late) {
        out_complain("cell %s is not drained in %" PRId64 " s, and stays stopped. 'carillon start cell %s' starts it",
                     session_cell(s), conf_i64(session_conf(s), "wait-s"), session_cell(s));
        return CLI_FAILED;
    }
    if (cell_state_is_drained(state) && !session_is_json(s))
        out_line("cell %s is drained. 'carillon start cell %s' starts it again", session_cell(s), session_cell(s));
    return CLI_DONE;
}

/* Tells what changed since it was told last. */
static enum cli_exit look(struct session *s, struct cell_state *state, int64_t told[CELL_COUNTS])
{
    if (cell_state_read(s, state) != 0)
        return CLI_FAILED;
    cell_state_clear(state);
    if (memcmp(told, state->counts, sizeof state->counts) == 0)
        return CLI_DONE;
    memcpy(told, state->counts, sizeof state->counts);
    return tell_progress(s, state);
}

/* `wait_ms`: for how long it is waited at most; 0: not at all. */
static enum cli_exit drain(struct session *s, int64_t wait_ms)
{
    struct cell_state state;
    int64_t told[CELL_COUNTS] = {-1};
    int64_t until_us = clock_mono_us() + wait_ms * 1000;
    for (;;) {
        if (look(s, &state, told) != CLI_DONE)
            return CLI_FAILED;
        bool is_over = wait_ms == 0 || !state.is_stopped || cell_state_is_drained(&state);
        int64_t left_ms = (until_us - clock_mono_us()) / 1000;
        if (is_over || left_ms <= 0)
            return tell_end(s, &state, !is_over);
        if (session_pause(s, left_ms < LOOK_MS ? left_ms : LOOK_MS) != 0)
            return CLI_FAILED;
        if (session_signal(s) != 0)
            return tell_end(s, &state, false);
    }
}

static int64_t wait_ms_of(const struct conf *conf)
{
    if (conf_is_set(conf, "wait-s"))
        return conf_i64(conf, "wait-s") * 1000;
    return conf_bool(conf, "wait") ? INT64_MAX / 2000 : 0;
}

static enum cli_exit run_drain(struct session *s)
{
    const struct redis_arg args[] = {redis_arg_str("stop")};
    enum cli_exit status = open_cell(s);
    if (status == CLI_DONE)
        status = session_need_cell(s);
    if (status != CLI_DONE)
        return status;
    if (session_catch_signals(s) != 0 || session_script(s, LUA_CELL_STOP, args, 1, NULL, NULL) != 0)
        return CLI_FAILED;
    return drain(s, wait_ms_of(session_conf(s)));
}

static const struct conf_option upgrade_options[] = {
    {.name = "force",
     .kind = CONF_BOOL,
     .flags = CONF_FLAG_ONLY,
     .default_text = "false",
     .help = "although processes are there that do not know the newer schema: these end by themselves within seconds"},
};

static const struct conf_option drain_options[] = {
    {.name = "wait",
     .kind = CONF_BOOL,
     .flags = CONF_FLAG_ONLY,
     .default_text = "false",
     .help = "show what is left until nothing is"},
    {.name = "wait-s",
     .kind = CONF_I64,
     .flags = CONF_FLAG_ONLY,
     .min = 1,
     .max = WAIT_MOST_S,
     .help = "the same, for so many seconds at most"},
};

const struct cli_verb *cli_cell_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {
            .words = "drain",
            .subjects = "CELL",
            .n_subjects = 1,
            .options = drain_options,
            .n_options = sizeof drain_options / sizeof drain_options[0],
            .help = "stop a cell and let what is on its way come to its end",
            .about =
                "Nothing new begins within a second. A cell is drained when nothing is claimed or on the line, no "
                "call\n"
                "waits for its summary, and every webhook is delivered or given up; workers and notifiers do that, "
                "and\n"
                "must go on running. What is queued stays queued, and producers go on taking batches in.\n"
                "^C ends the waiting; the cell stays stopped until 'carillon start cell CELL'. Exit status: 0 it is\n"
                "drained, or without --wait stopped; 1 something went wrong, it was started meanwhile, or the\n"
                "seconds of --wait-s passed; 130 after ^C.",
            .run = run_drain,
        },
        {
            .words = "cell show",
            .subjects = "CELL",
            .n_subjects = 1,
            .help = "show what is on its way in a cell, and which processes are there",
            .about = "Of each process its version, and the oldest and newest schema that it knows. One that died is\n"
                     "forgotten after 35 seconds.",
            .run = run_show,
        },
        {
            .words = "cell upgrade",
            .subjects = "CELL",
            .n_subjects = 1,
            .options = upgrade_options,
            .n_options = 1,
            .help = "raise a cell's schema to the newest that this tool knows",
            .about = "Refused while processes are there that do not know it. There is no way back to an older version\n"
                     "after it. A version that knows no newer schema than the cell's needs none of this.",
            .run = run_upgrade,
        },
        {
            .words = "cell restored",
            .subjects = "CELL",
            .n_subjects = 1,
            .help = "say that Redis was put back from a backup, before any worker is there",
            .about = "Stops the cell. What may have been dialed since the backup is looked up at its platform before "
                     "it is\n"
                     "dialed, once 'carillon start cell CELL' starts it. For each cell, each time; again it does no "
                     "harm.",
            .run = run_restored,
        },
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
