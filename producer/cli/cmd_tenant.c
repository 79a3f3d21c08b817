/* SPDX-License-Identifier: Apache-2.0
 *
 * Tenants: made, changed, shown. A tenant lives in one cell; the directory says in which.
 */
#include <string.h>

#include "common/redis/reply.h"
#include "producer/cli/out.h"
#include "producer/cli/resource.h"
#include "producer/cli/verbs.h"
#include "producer/tenant_settings.h"

static const struct conf_option tenant_options[] = {
    {.name = "cps",
     .kind = CONF_I64,
     .flags = CONF_FLAG_ONLY,
     .min = 1,
     .max = RESOURCE_CPS_MOST,
     .help = "calls a second"},
    {.name = "max-concurrent",
     .kind = CONF_I64,
     .flags = CONF_FLAG_ONLY,
     .min = 0,
     .max = RESOURCE_CONCURRENT_MOST,
     .help = "calls at a time; 0: no limit"},
    {.name = "weight",
     .kind = CONF_I64,
     .flags = CONF_FLAG_ONLY,
     .min = 1,
     .max = TENANT_WEIGHT_MOST,
     .help = "its share beside other tenants (1)"},
    {.name = "keep-days",
     .kind = CONF_I64,
     .flags = CONF_FLAG_ONLY,
     .min = 1,
     .max = TENANT_KEEP_DAYS_MOST,
     .help = "how long its batches are kept after their end (30)"},
    {.name = "trunk",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY | CONF_REPEATABLE,
     .help = "a trunk it may use; the first is its default"},
    {.name = "alias",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .help = "what its clients may also say for userId; --alias= takes it away"},
    {.name = "credits",
     .kind = CONF_I64,
     .flags = CONF_FLAG_ONLY,
     .min = 0,
     .max = TENANT_CREDITS_MOST_S,
     .help = "seconds of talk that it has left; a new one that is given none has no limit"},
    {.name = "no-credit-limit", .kind = CONF_BOOL, .flags = CONF_FLAG_ONLY, .help = "take its limit of credits away"},
    {.name = "max-requests-per-second",
     .kind = CONF_I64,
     .flags = CONF_FLAG_ONLY,
     .min = 0,
     .max = LIMIT_TENANT_REQUEST_RATE,
     .help = "requests to the API a second; 0: as many as the producers allow by default"},
    {.name = "max-batches",
     .kind = CONF_I64,
     .flags = CONF_FLAG_ONLY,
     .min = 0,
     .max = LIMIT_QUOTA,
     .help = "batches that have not ended; 0: the producers' default"},
    {.name = "max-queued-contacts",
     .kind = CONF_I64,
     .flags = CONF_FLAG_ONLY,
     .min = 0,
     .max = LIMIT_QUOTA,
     .help = "contacts that have not ended; 0: the producers' default"},
    {.name = "max-bytes",
     .kind = CONF_I64,
     .flags = CONF_FLAG_ONLY,
     .min = 0,
     .max = LIMIT_QUOTA,
     .help = "bytes of those contacts in Redis; 0: the producers' default"},
    {.name = "timezone",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .help = "the zone of batches that name none (UTC); --timezone= takes it away"},
    {.name = "calling-window",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .help = "when its batches may call that say nothing, as JSON; --calling-window= takes it away"},
};

static const struct conf_option credit_options[] = {
    {.name = "add",
     .kind = CONF_I64,
     .flags = CONF_FLAG_ONLY | CONF_REQUIRED,
     .min = 1,
     .max = TENANT_CREDITS_MOST_S,
     .help = "seconds of talk to add to what it has left"},
};

static const struct resource_option members[] = {
    {"cps", "cps", RESOURCE_OPTION_NUMBER, false},
    {"max-concurrent", "maxConcurrent", RESOURCE_OPTION_NUMBER, true},
    {"weight", "weight", RESOURCE_OPTION_NUMBER, false},
    {"keep-days", "keepDays", RESOURCE_OPTION_NUMBER, false},
    {"trunk", "trunks", RESOURCE_OPTION_LIST, false},
    {"alias", "alias", RESOURCE_OPTION_TEXT, false},
    {"credits", "credits", RESOURCE_OPTION_NUMBER, false},
    {"max-requests-per-second", "maxRequestsPerSecond", RESOURCE_OPTION_NUMBER, true},
    {"max-batches", "maxBatches", RESOURCE_OPTION_NUMBER, true},
    {"max-queued-contacts", "maxQueuedContacts", RESOURCE_OPTION_NUMBER, true},
    {"max-bytes", "maxBytes", RESOURCE_OPTION_NUMBER, true},
    {"timezone", "timezone", RESOURCE_OPTION_TEXT, false},
    {"calling-window", "callingWindow", RESOURCE_OPTION_JSON, false},
};
#define MEMBERS (sizeof members / sizeof members[0])

/* ---- what is given ---- */

/* No limit is null in a body. */
static bool lift_credit_limit(const struct conf *conf, cJSON *body)
{
    if (!conf_is_set(conf, "no-credit-limit") || !conf_bool(conf, "no-credit-limit"))
        return true;
    if (conf_is_set(conf, "credits"))
        out_complain("--credits and --no-credit-limit exclude each other");
    else if (!cJSON_AddNullToObject(body, "credits"))
        out_complain("out of memory");
    else
        return true;
    return false;
}

/* The options as a body and as a change; complains where they are not as they should be. */
static enum cli_exit judge(const struct conf *conf, bool is_new, struct resource_change *change, cJSON **ret_body)
{
    struct faults faults;
    cJSON *body = resource_body(conf, members, MEMBERS);
    if (!body) {
        out_complain("out of memory");
        return CLI_FAILED;
    }
    *ret_body = body;
    if (!lift_credit_limit(conf, body))
        return CLI_USAGE;
    faults_init(&faults, LIMIT_FAULTS);
    tenant_settings_read(body, is_new, change, &faults);
    resource_complain(&resource_tenant, members, MEMBERS, &faults);
    enum cli_exit status = faults_count(&faults) == 0 ? CLI_DONE : CLI_USAGE;
    faults_free(&faults);
    if (status == CLI_DONE && resource_change_is_empty(change)) {
        out_complain("nothing to change: 'carillon tenant set --help' tells what can be");
        status = CLI_USAGE;
    }
    return status;
}

/* ---- what lies in Redis ---- */

/* Every trunk that is named must be there: a typo would leave the tenant without one. */
static bool trunks_exist(struct session *s)
{
    const struct conf *conf = session_conf(s);
    bool do_exist = true;
    for (size_t i = 0; i < conf_count(conf, "trunk"); i++) {
        const char *trunk = conf_str_at(conf, "trunk", i);
        bool exists = false;
        if (resource_exists(s, &resource_trunk, trunk, &exists) != 0)
            return false;
        if (!exists)
            out_complain("there is no trunk %s in cell %s", trunk, session_cell(s));
        do_exist = do_exist && exists;
    }
    return do_exist;
}

static int take_same(const struct redisReply *reply, void *arg)
{
    const char *text;
    size_t len;
    int rc = reply_str(reply, &text, &len);
    return rc == 0 && strcmp(text, arg) != 0 ? ERR_EXISTS : rc;
}

/* Writes down that the tenant lives in this cell; it never moves by accident. */
static int claim(struct session *s, const char *tenant)
{
    char *cell = (char *)session_cell(s); /* only compared with */
    struct key key = key_dir_tenant(tenant);
    const struct redis_arg put[] = {redis_arg_str("HSETNX"), key_arg(&key), redis_arg_str("cell"), redis_arg_str(cell)};
    const struct redis_arg get[] = {redis_arg_str("HGET"), key_arg(&key), redis_arg_str("cell")};
    int rc = session_command(s, put, 4, NULL, NULL);
    if (rc == 0)
        rc = session_command(s, get, 3, take_same, cell);
    if (rc == ERR_EXISTS)
        out_complain("tenant %s lives in another cell", tenant);
    return rc;
}

static int write_places(struct session *s, const char *tenant, const cJSON *body)
{
    struct key key = key_dir_tenant(tenant);
    int rc = 0;
    for (size_t i = 0; i < TENANT_PLACES && rc == 0; i++) {
        const char *field;
        char value[TENANT_PLACE_CAP];
        if (!tenant_settings_place(body, i, &field, value))
            continue;
        const struct redis_arg args[] = {redis_arg_str(value[0] ? "HSET" : "HDEL"), key_arg(&key), redis_arg_str(field),
                                         redis_arg_str(value)};
        rc = session_command(s, args, value[0] ? 4 : 3, NULL, NULL);
    }
    return rc;
}

static enum cli_exit write_tenant(struct session *s, const char *id, bool is_new, const struct resource_change *change,
                                  const cJSON *body)
{
    enum cli_exit status = session_open_cell(s, is_new);
    if (status != CLI_DONE)
        return status;
    if (!trunks_exist(s) || (is_new && claim(s, id) != 0))
        return CLI_FAILED;
    status = resource_apply(s, &resource_tenant, id, is_new ? "create" : "set", change);
    if (status == CLI_DONE && (claim(s, id) != 0 || write_places(s, id, body) != 0))
        return CLI_FAILED;
    return status == CLI_DONE ? resource_say(s, &resource_tenant, id, is_new ? "created" : "changed") : status;
}

/* ---- verbs ---- */

static enum cli_exit change_tenant(struct session *s, bool is_new)
{
    const struct conf *conf = session_conf(s);
    const char *id = conf_rest(conf, 0);
    struct resource_change *change;
    cJSON *body = NULL;
    if (!resource_check_id(id))
        return CLI_USAGE;
    if (resource_change_create(&change) != 0)
        return CLI_FAILED;
    enum cli_exit status = judge(conf, is_new, change, &body);
    if (status == CLI_DONE)
        status = write_tenant(s, id, is_new, change, body);
    cJSON_Delete(body);
    resource_change_free(change);
    return status;
}

static enum cli_exit run_create(struct session *s)
{
    return change_tenant(s, true);
}

static enum cli_exit run_set(struct session *s)
{
    return change_tenant(s, false);
}

/* Adds to what is left at that moment, whoever uses it up meanwhile. */
static enum cli_exit run_credit(struct session *s)
{
    struct resource_change *change;
    const char *id = conf_rest(session_conf(s), 0);
    if (!resource_check_id(id))
        return CLI_USAGE;
    enum cli_exit status = session_open_cell(s, false);
    if (status != CLI_DONE || resource_change_create(&change) != 0)
        return status != CLI_DONE ? status : CLI_FAILED;
    tenant_settings_add_credits(change, conf_i64(session_conf(s), "add"));
    status = resource_apply(s, &resource_tenant, id, "set", change);
    resource_change_free(change);
    return status == CLI_DONE ? resource_say(s, &resource_tenant, id, "credited") : status;
}

static enum cli_exit run_list(struct session *s)
{
    return resource_list(s, &resource_tenant, tenant_fields, TENANT_FIELDS);
}

static enum cli_exit run_show(struct session *s)
{
    return resource_show(s, &resource_tenant, tenant_fields, TENANT_FIELDS);
}

const struct cli_verb *cli_tenant_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {
            .words = "tenant create",
            .subjects = "ID",
            .n_subjects = 1,
            .options = tenant_options,
            .n_options = sizeof tenant_options / sizeof tenant_options[0],
            .help = "make a tenant",
            .about = "--cps and at least one --trunk are needed; the trunks must be there already.",
            .run = run_create,
        },
        {
            .words = "tenant set",
            .subjects = "ID",
            .n_subjects = 1,
            .options = tenant_options,
            .n_options = sizeof tenant_options / sizeof tenant_options[0],
            .help = "change a tenant",
            .about = "What is not given stays as it is; the trunks are given all together. A new rate holds at once.\n"
                     "--credits says what is left from now on; 'carillon tenant credit' adds to it.",
            .run = run_set,
        },
        {
            .words = "tenant credit",
            .subjects = "ID",
            .n_subjects = 1,
            .options = credit_options,
            .n_options = sizeof credit_options / sizeof credit_options[0],
            .help = "add to a tenant's credit",
            .about = "Batches that are paused because its credit was used up go on within seconds.",
            .run = run_credit,
        },
        {.words = "tenant list", .subjects = "", .help = "list the tenants of a cell", .run = run_list},
        {.words = "tenant show",
         .subjects = "ID",
         .n_subjects = 1,
         .help = "show how a tenant is set",
         .run = run_show},
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
