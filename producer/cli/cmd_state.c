/* SPDX-License-Identifier: Apache-2.0
 *
 * Stopping and starting a cell, a trunk or a tenant: nothing new begins within a second of a stop. A batch that is a
 * draft is started, too; one that runs is paused and resumed (cmd_batch.c).
 */
#include <string.h>

#include "common/base/clock.h"
#include "common/base/ident.h"
#include "common/json/json.h"
#include "producer/cli/batch_verb.h"
#include "producer/cli/out.h"
#include "producer/cli/resource.h"
#include "producer/cli/verbs.h"

#define CELL "cell"
#define BATCH "batch"

/* NULL, with a complaint, for what is neither trunk nor tenant. */
static const struct resource_kind *kind_of(const char *word)
{
    if (strcmp(word, resource_trunk.name) == 0)
        return &resource_trunk;
    if (strcmp(word, resource_tenant.name) == 0)
        return &resource_tenant;
    out_complain("'%s' cannot be stopped or started: 'cell', 'trunk' or 'tenant' can", word);
    return NULL;
}

static enum cli_exit say_cell(struct session *s, const char *id, bool is_stop)
{
    const char *done = is_stop ? "stopped" : "started";
    if (!session_is_json(s)) {
        out_line("cell %s %s", id, done);
        return CLI_DONE;
    }
    cJSON *object = cJSON_CreateObject();
    json_add_str(object, CELL, id);
    json_add_str(object, "done", done);
    return out_json_take(object);
}

static enum cli_exit change_cell(struct session *s, const char *id, bool is_stop)
{
    const struct redis_arg args[] = {redis_arg_str(is_stop ? "stop" : "start")};
    if (!ident_is_cell(id, strlen(id))) {
        out_complain("'%s' is no cell: 1 to 8 characters of a-z and 0-9", id);
        return CLI_USAGE;
    }
    session_enter(s, id);
    enum cli_exit status = session_open_cell(s, false);
    if (status == CLI_DONE)
        status = session_need_cell(s);
    if (status == CLI_DONE && session_script(s, LUA_CELL_STOP, args, 1, NULL, NULL) != 0)
        status = CLI_FAILED;
    return status == CLI_DONE ? say_cell(s, id, is_stop) : status;
}

static enum cli_exit change_resource(struct session *s, const char *word, const char *id, bool is_stop)
{
    const struct resource_kind *kind = kind_of(word);
    struct resource_change *change;
    if (!kind || !resource_check_id(id))
        return CLI_USAGE;
    if (resource_change_create(&change) != 0)
        return CLI_FAILED;
    resource_put_stopped(change, is_stop, clock_wall_ms());
    enum cli_exit status = session_open_cell(s, false);
    if (status == CLI_DONE)
        status = resource_apply(s, kind, id, "set", change);
    if (status == CLI_DONE)
        status = resource_say(s, kind, id, is_stop ? "stopped" : "started");
    resource_change_free(change);
    return status;
}

static enum cli_exit change_state(struct session *s, bool is_stop)
{
    const char *word = conf_rest(session_conf(s), 0), *id = conf_rest(session_conf(s), 1);
    return strcmp(word, CELL) == 0 ? change_cell(s, id, is_stop) : change_resource(s, word, id, is_stop);
}

static enum cli_exit run_stop(struct session *s)
{
    return change_state(s, true);
}

static enum cli_exit run_start(struct session *s)
{
    const struct conf *conf = session_conf(s);
    if (strcmp(conf_rest(conf, 0), BATCH) == 0)
        return batch_verb_start(s, conf_rest(conf, 1));
    return change_state(s, false);
}

const struct cli_verb *cli_state_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {
            .words = "stop",
            .subjects = "KIND ID",
            .n_subjects = 2,
            .choices = "cell|trunk|tenant",
            .help = "stop a cell, a trunk or a tenant",
            .about =
                "KIND is cell, trunk or tenant. Nothing new begins within a second; calls under way come to their end.",
            .run = run_stop,
        },
        {
            .words = "start",
            .subjects = "KIND ID",
            .n_subjects = 2,
            .choices = "cell|trunk|tenant|batch",
            .help = "start a cell, a trunk or a tenant again, or a draft",
            .about =
                "KIND is cell, trunk or tenant. Also for a trunk that stopped by itself since its account was "
                "refused.\n"
                "KIND batch: a draft that 'carillon submit --draft' left; this asks the producer, the others Redis.",
            .run = run_start,
        },
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
