/* SPDX-License-Identifier: Apache-2.0
 *
 * Tenants: made, changed, shown. A tenant lives in one cell; the directory says in which.
 */
#include <string.h>

#include "common/base/utf8.h"
#include "common/domain/batch_request.h"
#include "common/redis/reply.h"
#include "producer/cli/out.h"
#include "producer/cli/resource.h"
#include "producer/cli/verbs.h"

#define TRUNKS_MOST 64

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
     .max = 1000,
     .help = "its share beside other tenants (1)"},
    {.name = "trunk",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY | CONF_REPEATABLE,
     .help = "a trunk it may use; the first is its default"},
    {.name = "alias",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .help = "what its clients may also say for userId; --alias= takes it away"},
};

static const struct resource_field fields[] = {
    {"state", "state", RESOURCE_TEXT, "STATE"},
    {"reason", "reason", RESOURCE_TEXT, NULL},
    {"stopped_ms", "stoppedAt", RESOURCE_INSTANT, NULL},
    {"alias", "alias", RESOURCE_TEXT, NULL},
    {"cps", "cps", RESOURCE_NUMBER, "CPS"},
    {"max_concurrent", "maxConcurrent", RESOURCE_NUMBER, "CONCURRENT"},
    {"weight", "weight", RESOURCE_NUMBER, "WEIGHT"},
    {"trunks", "trunks", RESOURCE_LIST, "TRUNKS"},
    {"created_ms", "createdAt", RESOURCE_INSTANT, NULL},
};
#define FIELDS (sizeof fields / sizeof fields[0])

/* ---- what is given ---- */

static bool alias_is_good(const char *alias)
{
    size_t len = strlen(alias);
    bool is_good = len <= (size_t)BATCH_REQUEST_USER_BYTES && utf8_is_valid(alias, len);
    for (size_t i = 0; i < len; i++)
        is_good = is_good && (unsigned char)alias[i] >= 0x20 && alias[i] != 0x7F;
    if (!is_good)
        out_complain("--alias: at most %d bytes of UTF-8 text", BATCH_REQUEST_USER_BYTES);
    return is_good;
}

static bool trunks_are_good(const struct conf *conf)
{
    size_t n = conf_count(conf, "trunk");
    bool is_good = n <= TRUNKS_MOST;
    if (!is_good)
        out_complain("--trunk: at most %d of them", TRUNKS_MOST);
    for (size_t i = 0; i < n && is_good; i++)
        is_good = resource_check_id(conf_str_at(conf, "trunk", i));
    return is_good;
}

/* A new one needs a rate and a trunk. */
static bool is_complete(const struct conf *conf)
{
    if (!conf_is_set(conf, "cps"))
        out_complain("a tenant needs --cps");
    if (conf_count(conf, "trunk") == 0)
        out_complain("a tenant needs --trunk");
    return conf_is_set(conf, "cps") && conf_count(conf, "trunk") > 0;
}

static struct resource_change *read_change(const struct conf *conf)
{
    struct resource_change *change;
    const char *trunks[TRUNKS_MOST];
    size_t n_trunks = conf_count(conf, "trunk");
    if (resource_change_create(&change) != 0)
        return NULL;
    resource_put_option(change, conf, "cps", "cps", false);
    resource_put_option(change, conf, "max-concurrent", "max_concurrent", true);
    resource_put_option(change, conf, "weight", "weight", false);
    if (conf_is_set(conf, "alias"))
        resource_put_str(change, "alias", conf_str(conf, "alias"));
    for (size_t i = 0; i < n_trunks && i < TRUNKS_MOST; i++)
        trunks[i] = conf_str_at(conf, "trunk", i);
    if (n_trunks > 0)
        resource_put_list(change, "trunks", trunks, n_trunks);
    return change;
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

static int write_alias(struct session *s, const char *tenant)
{
    const struct conf *conf = session_conf(s);
    if (!conf_is_set(conf, "alias"))
        return 0;
    struct key key = key_dir_tenant(tenant);
    const char *alias = conf_str(conf, "alias");
    const struct redis_arg args[] = {redis_arg_str(alias[0] ? "HSET" : "HDEL"), key_arg(&key), redis_arg_str("alias"),
                                     redis_arg_str(alias)};
    return session_command(s, args, alias[0] ? 4 : 3, NULL, NULL);
}

static enum cli_exit write_tenant(struct session *s, const char *id, const char *how,
                                  const struct resource_change *change)
{
    bool is_new = strcmp(how, "create") == 0;
    enum cli_exit status = session_open_cell(s, true);
    if (status != CLI_DONE)
        return status;
    if (!trunks_exist(s) || (is_new && claim(s, id) != 0))
        return CLI_FAILED;
    status = resource_apply(s, &resource_tenant, id, how, change);
    if (status == CLI_DONE && (claim(s, id) != 0 || write_alias(s, id) != 0))
        return CLI_FAILED;
    return status == CLI_DONE ? resource_say(s, &resource_tenant, id, is_new ? "created" : "changed") : status;
}

/* ---- verbs ---- */

static enum cli_exit change_tenant(struct session *s, const char *how)
{
    const struct conf *conf = session_conf(s);
    const char *id = conf_rest(conf, 0);
    bool is_new = strcmp(how, "create") == 0;
    if (!resource_check_id(id) || (is_new && !is_complete(conf)) || !trunks_are_good(conf) ||
        (conf_is_set(conf, "alias") && !alias_is_good(conf_str(conf, "alias"))))
        return CLI_USAGE;
    struct resource_change *change = read_change(conf);
    enum cli_exit status = CLI_FAILED;
    if (change && resource_change_is_empty(change)) {
        out_complain("nothing to change: 'carillon tenant set --help' tells what can be");
        status = CLI_USAGE;
    } else if (change) {
        status = write_tenant(s, id, how, change);
    } else {
        out_complain("out of memory");
    }
    resource_change_free(change);
    return status;
}

static enum cli_exit run_create(struct session *s)
{
    return change_tenant(s, "create");
}

static enum cli_exit run_set(struct session *s)
{
    return change_tenant(s, "set");
}

static enum cli_exit run_list(struct session *s)
{
    return resource_list(s, &resource_tenant, fields, FIELDS);
}

static enum cli_exit run_show(struct session *s)
{
    return resource_show(s, &resource_tenant, fields, FIELDS);
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
            .about = "What is not given stays as it is; the trunks are given all together. A new rate holds at once.",
            .run = run_set,
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
