/* SPDX-License-Identifier: Apache-2.0
 *
 * The agents that are listed for a tenant: where there are any, its batches may name no others.
 */
#include <string.h>

#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/agent_list.h"
#include "producer/cli/out.h"
#include "producer/cli/resource.h"
#include "producer/cli/table.h"
#include "producer/cli/verbs.h"

static int check_agent(const char *text, const char **ret_why)
{
    *ret_why = "must have 1 to 128 characters, none of them a control character";
    return agent_id_is_good(text) ? 0 : ERR_INVALID;
}

#define OPTION(name_, help_)                                                                                           \
    {                                                                                                                  \
        .name = (name_), .kind = CONF_STR, .flags = CONF_FLAG_ONLY | CONF_REPEATABLE, .check = check_agent,            \
        .help = (help_)                                                                                                \
    }

static const struct conf_option options[] = {
    OPTION("add", "an agent that it may name"),
    OPTION("deactivate", "one that is listed, and that it may not name"),
    OPTION("remove", "one that is listed no longer; where none is left, it may name any"),
};

static const struct {
    const char *option;
    const char *state;
} changes[] = {{"add", "active"}, {"deactivate", "inactive"}, {"remove", ""}};
#define CHANGES (sizeof changes / sizeof changes[0])
#define CHANGE_ARGS 2 /* of agent_set.lua, before the agents */

/* ERR_NOT_FOUND: the tenant; ERR_STATE: too many. */
static int change_agents(struct session *s, const char *tenant)
{
    const struct conf *conf = session_conf(s);
    char most[REDIS_I64_LEN];
    struct redis_arg args[CHANGE_ARGS + 2 * LIMIT_AGENTS_CHANGED] = {redis_arg_str(tenant),
                                                                     redis_arg_i64(LIMIT_AGENTS, most)};
    size_t n = CHANGE_ARGS;
    for (size_t i = 0; i < CHANGES; i++) {
        for (size_t k = 0; k < conf_count(conf, changes[i].option); k++) {
            if (n == sizeof args / sizeof args[0])
                return ERR_RANGE;
            args[n++] = redis_arg_str(conf_str_at(conf, changes[i].option, k));
            args[n++] = redis_arg_str(changes[i].state);
        }
    }
    return session_script(s, LUA_AGENT_SET, args, n, NULL, NULL);
}

static int add_row(cJSON *list, const struct agent *agent)
{
    cJSON *row = cJSON_CreateObject();
    if (json_add_str(row, "id", agent->id) && cJSON_AddBoolToObject(row, "active", agent->is_active) &&
        cJSON_AddItemToArray(list, row))
        return 0;
    cJSON_Delete(row);
    return ERR_NOMEM;
}

static int take_agents(const struct redisReply *reply, void *arg)
{
    struct agent_list agents;
    int rc = agent_list_read(reply, &agents);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < agents.n && rc == 0; i++)
        rc = add_row(arg, &agents.items[i]);
    agent_list_clear(&agents);
    return rc;
}

static enum cli_exit print_agents(struct session *s, const char *tenant)
{
    static const struct table_column columns[] = {{"id", "ID"}, {"active", "ACTIVE"}};
    struct key key = key_tenant_agents(session_cell(s), tenant);
    const struct redis_arg args[] = {redis_arg_str("HGETALL"), key_arg(&key)};
    enum cli_exit status = CLI_DONE;
    cJSON *list = cJSON_CreateArray();
    int rc = list ? session_command(s, args, 2, take_agents, list) : ERR_NOMEM;
    if (rc == 0 && session_is_json(s))
        status = out_json(list);
    else if (rc == 0)
        rc = table_print(list, columns, sizeof columns / sizeof columns[0]);
    cJSON_Delete(list);
    return rc == 0 ? status : CLI_FAILED;
}

static enum cli_exit run_agents(struct session *s)
{
    const char *tenant = conf_rest(session_conf(s), 0);
    if (!resource_check_id(tenant))
        return CLI_USAGE;
    enum cli_exit status = session_open_cell(s, false);
    if (status != CLI_DONE)
        return status;
    int rc = change_agents(s, tenant);
    if (rc == ERR_NOT_FOUND)
        out_complain("there is no tenant %s in cell %s", tenant, session_cell(s));
    else if (rc == ERR_STATE)
        out_complain("a tenant can have %d agents listed", LIMIT_AGENTS);
    else if (rc == ERR_RANGE)
        out_complain("at most %d agents at a time", LIMIT_AGENTS_CHANGED);
    return rc == 0 ? print_agents(s, tenant) : CLI_FAILED;
}

const struct cli_verb *cli_agents_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {
            .words = "tenant agents",
            .subjects = "ID",
            .n_subjects = 1,
            .options = options,
            .n_options = sizeof options / sizeof options[0],
            .help = "list the agents that a tenant's batches may name, or change them",
            .about = "Where none is listed, they may name any. What is changed holds for batches created from then on.",
            .run = run_agents,
        },
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
