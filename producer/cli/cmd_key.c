/* SPDX-License-Identifier: Apache-2.0
 *
 * API keys: made, listed, replaced, revoked. Only a key's SHA-256 is kept; the key itself is printed once, alone on
 * stdout. A key is called by its id afterwards.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/parse.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/cli/out.h"
#include "producer/cli/resource.h"
#include "producer/cli/table.h"
#include "producer/cli/verbs.h"
#include "producer/key_record.h"

/* ---- options ---- */

static int check_label(const char *text, const char **ret_why)
{
    *ret_why = "is no label: 1 to 64 bytes of UTF-8 text";
    return key_label_is_good(text, strlen(text)) ? 0 : ERR_INVALID;
}
_Static_assert(LIMIT_KEY_LABEL_BYTES == 64, "what check_label() says");

static int check_life(const char *text, const char **ret_why)
{
    int64_t ms;
    *ret_why = "is no time of life such as 90d, 24h, 30m: at most ten years";
    int err = parse_duration_ms(text, strlen(text), LIMIT_KEY_LIFE_MS, &ms);
    return err ? err : ms > 0 ? 0 : ERR_RANGE;
}

static int check_overlap(const char *text, const char **ret_why)
{
    int64_t ms;
    *ret_why = "is no overlap such as 24h, 30m, 0: at most 30 days";
    return parse_duration_ms(text, strlen(text), LIMIT_KEY_OVERLAP_MS, &ms);
}

#define OPTION_LABEL                                                                                                   \
    {                                                                                                                  \
        .name = "label", .kind = CONF_STR, .flags = CONF_FLAG_ONLY, .help = "what it is for, shown in lists",          \
        .check = check_label                                                                                           \
    }
#define OPTION_EXPIRES                                                                                                 \
    {                                                                                                                  \
        .name = "expires-in", .kind = CONF_STR, .flags = CONF_FLAG_ONLY,                                               \
        .help = "how long it holds, such as 90d (default: until it is revoked)", .check = check_life                   \
    }

static const struct conf_option create_options[] = {
    {.name = "tenant", .kind = CONF_STR, .flags = CONF_FLAG_ONLY, .help = "whose key it is"},
    {.name = "viewer",
     .kind = CONF_BOOL,
     .flags = CONF_FLAG_ONLY,
     .default_text = "false",
     .help = "it may read, not write"},
    {.name = "operator",
     .kind = CONF_BOOL,
     .flags = CONF_FLAG_ONLY,
     .default_text = "false",
     .help = "a key of the operator, of no tenant"},
    OPTION_LABEL,
    OPTION_EXPIRES,
};

static const struct conf_option rotate_options[] = {
    {.name = "overlap",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .default_text = "24h",
     .help = "how long the old one holds on, such as 90s, 15m, 24h, 7d; 0: it ends now",
     .check = check_overlap},
    OPTION_LABEL,
    OPTION_EXPIRES,
};

static const struct conf_option list_options[] = {
    {.name = "tenant", .kind = CONF_STR, .flags = CONF_FLAG_ONLY, .help = "only this tenant's"},
    {.name = "operator",
     .kind = CONF_BOOL,
     .flags = CONF_FLAG_ONLY,
     .default_text = "false",
     .help = "only the operators'"},
};

/* Of an option that was checked, or 0 where it is not there. */
static int64_t duration_of(const struct conf *conf, const char *name)
{
    int64_t ms = 0;
    const char *text = conf_str(conf, name);
    return text && parse_duration_ms(text, strlen(text), INT64_MAX, &ms) == 0 ? ms : 0;
}

static const char *label_of(const struct conf *conf)
{
    const char *label = conf_str(conf, "label");
    return label ? label : "";
}

/* ---- a new key ---- */

static int take_key(const struct redisReply *reply, void *arg)
{
    return key_record_read(reply, arg);
}

static enum cli_exit print_key(const struct session *s, const struct key_record *k, const char *text)
{
    if (session_is_json(s)) {
        cJSON *object = key_record_json(k);
        json_add_str(object, "key", text);
        return out_json_take(object);
    }
    out_line("%s", text);
    out_note("%s, of %s%s (%s): it is not shown again.", k->id, k->tenant[0] ? "tenant " : "the operator", k->tenant,
             k->role);
    return CLI_DONE;
}

/* Runs `script` with a new secret's hash in front of `args`; ERR_* are complained of, but for ERR_STATE and
 * ERR_NOT_FOUND. */
static int make_key(struct session *s, enum lua_script script, struct redis_arg *args, size_t n)
{
    struct key_secret secret;
    struct key_record k;
    int rc = key_secret_make(&secret);
    if (rc != 0) {
        out_complain("no random bytes to make a key of");
        return rc;
    }
    args[0] = redis_arg_str(secret.sha);
    rc = session_script_dir(s, script, args, n, take_key, &k);
    if (rc == 0 && print_key(s, &k, secret.text) != CLI_DONE)
        rc = ERR_IO;
    key_secret_clear(&secret);
    return rc;
}

/* ---- create ---- */

static enum cli_exit check_owner(const struct conf *conf)
{
    const char *tenant = conf_str(conf, "tenant");
    bool is_operator = conf_bool(conf, "operator");
    if (is_operator == (tenant != NULL)) {
        out_complain("either --tenant ID or --operator says whose key it is");
        return CLI_USAGE;
    }
    if (is_operator && conf_bool(conf, "viewer")) {
        out_complain("--viewer is for a tenant's key");
        return CLI_USAGE;
    }
    return !tenant || resource_check_id(tenant) ? CLI_DONE : CLI_USAGE;
}

static enum cli_exit check_tenant(struct session *s, const char *tenant)
{
    bool exists = false;
    if (resource_exists(s, &resource_tenant, tenant, &exists) != 0)
        return CLI_FAILED;
    if (exists)
        return CLI_DONE;
    out_complain("there is no tenant %s in cell %s", tenant, session_cell(s));
    return CLI_FAILED;
}

static enum cli_exit run_create(struct session *s)
{
    const struct conf *conf = session_conf(s);
    const char *tenant = conf_str(conf, "tenant");
    char life[REDIS_I64_LEN], most[REDIS_I64_LEN];
    enum cli_exit status = check_owner(conf);
    if (status == CLI_DONE)
        status = session_open_cell(s, true);
    if (status == CLI_DONE && tenant)
        status = check_tenant(s, tenant);
    if (status != CLI_DONE)
        return status;
    const char *role = !tenant ? "operator" : conf_bool(conf, "viewer") ? "viewer" : "tenant";
    struct redis_arg args[] = {{0},
                               redis_arg_str(role),
                               redis_arg_str(tenant ? tenant : ""),
                               redis_arg_str(label_of(conf)),
                               redis_arg_i64(duration_of(conf, "expires-in"), life),
                               redis_arg_i64(LIMIT_KEYS_PER_OWNER, most)};
    int rc = make_key(s, LUA_KEY_CREATE, args, sizeof args / sizeof args[0]);
    if (rc == ERR_NOT_FOUND)
        out_complain("there is no tenant %s in the directory", tenant);
    else if (rc == ERR_STATE)
        out_complain("there are %d keys already: revoke some", LIMIT_KEYS_PER_OWNER);
    return rc == 0 ? CLI_DONE : CLI_FAILED;
}

/* ---- a key by its id ---- */

static bool check_id(const char *id)
{
    if (strncmp(id, KEY_SECRET_PREFIX, sizeof KEY_SECRET_PREFIX - 1) != 0)
        return resource_check_id(id);
    out_complain("that looks like a key itself: a key is called by its id, which 'carillon key list' tells");
    return false;
}

static enum cli_exit run_rotate(struct session *s)
{
    const struct conf *conf = session_conf(s);
    const char *id = conf_rest(conf, 0);
    char overlap[REDIS_I64_LEN], life[REDIS_I64_LEN], most[REDIS_I64_LEN];
    if (!check_id(id))
        return CLI_USAGE;
    enum cli_exit status = session_open_cell(s, true);
    if (status != CLI_DONE)
        return status;
    struct redis_arg args[] = {{0},
                               redis_arg_str(id),
                               redis_arg_i64(duration_of(conf, "overlap"), overlap),
                               redis_arg_str(label_of(conf)),
                               redis_arg_i64(duration_of(conf, "expires-in"), life),
                               redis_arg_i64(LIMIT_KEYS_PER_OWNER, most)};
    int rc = make_key(s, LUA_KEY_ROTATE, args, sizeof args / sizeof args[0]);
    if (rc == ERR_NOT_FOUND)
        out_complain("there is no key %s", id);
    else if (rc == ERR_STATE)
        out_complain(
            "key %s cannot be replaced: it is over, was replaced already ('carillon key list' tells by which), or "
            "its owner has %d keys",
            id, LIMIT_KEYS_PER_OWNER);
    return rc == 0 ? CLI_DONE : CLI_FAILED;
}

static enum cli_exit run_revoke(struct session *s)
{
    const char *id = conf_rest(session_conf(s), 0);
    struct key_record k;
    if (!check_id(id))
        return CLI_USAGE;
    enum cli_exit status = session_open_cell(s, true);
    if (status != CLI_DONE)
        return status;
    const struct redis_arg args[] = {redis_arg_str(id)};
    int rc = session_script_dir(s, LUA_KEY_REVOKE, args, 1, take_key, &k);
    if (rc == ERR_NOT_FOUND)
        out_complain("there is no key %s", id);
    if (rc != 0)
        return CLI_FAILED;
    if (session_is_json(s)) {
        cJSON *object = key_record_json(&k);
        json_add_str(object, "done", "revoked");
        return out_json_take(object);
    }
    out_line("key %s revoked", id);
    return CLI_DONE;
}

/* ---- list ---- */

static int take_keys(const struct redisReply *reply, void *arg)
{
    for (size_t i = 0; i < reply_len(reply); i++) {
        struct key_record k;
        int rc = key_record_read(reply_at(reply, i), &k);
        cJSON *object = rc == 0 ? key_record_json(&k) : NULL;
        if (rc != 0)
            return rc;
        if (!cJSON_AddItemToArray(arg, object)) {
            cJSON_Delete(object);
            return ERR_NOMEM;
        }
    }
    return 0;
}

static int list_owner(struct session *s, const char *owner, cJSON *list)
{
    const struct redis_arg args[] = {redis_arg_str(owner)};
    return session_script_dir(s, LUA_KEY_LIST, args, 1, take_keys, list);
}

/* All keys that --tenant and --operator leave: those of the operators, and of the tenants of the cell. */
static int list_all(struct session *s, cJSON *list)
{
    const struct conf *conf = session_conf(s);
    const char *tenant = conf_str(conf, "tenant");
    bool is_operator = conf_bool(conf, "operator");
    struct resource_ids tenants = {.n = 0};
    int rc = tenant && !is_operator ? 0 : list_owner(s, "", list);
    if (rc == 0 && tenant)
        rc = list_owner(s, tenant, list);
    if (rc != 0 || tenant || is_operator)
        return rc;
    rc = resource_ids_of(s, &resource_tenant, &tenants);
    for (size_t i = 0; i < tenants.n && rc == 0; i++)
        rc = list_owner(s, tenants.items[i], list);
    resource_ids_clear(&tenants);
    return rc;
}

static enum cli_exit run_list(struct session *s)
{
    static const struct table_column columns[] = {{"id", "ID"},
                                                  {"role", "ROLE"},
                                                  {"tenant", "TENANT"},
                                                  {"label", "LABEL"},
                                                  {"createdAt", "CREATED"},
                                                  {"lastUsedAt", "LAST USED"},
                                                  {"expiresAt", "EXPIRES"},
                                                  {"replacedBy", "REPLACED BY"}};
    const char *tenant = conf_str(session_conf(s), "tenant");
    enum cli_exit status = tenant && !resource_check_id(tenant) ? CLI_USAGE : session_open_cell(s, false);
    if (status != CLI_DONE)
        return status;
    cJSON *list = cJSON_CreateArray();
    int rc = list ? list_all(s, list) : ERR_NOMEM;
    if (rc == 0 && session_is_json(s))
        status = out_json(list);
    else if (rc == 0)
        rc = table_print(list, columns, sizeof columns / sizeof columns[0]);
    cJSON_Delete(list);
    return rc == 0 ? status : CLI_FAILED;
}

const struct cli_verb *cli_key_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {
            .words = "key create",
            .subjects = "",
            .options = create_options,
            .n_options = sizeof create_options / sizeof create_options[0],
            .help = "make an API key and print it, once",
            .about = "The key stands alone on stdout, its id on stderr. Only its SHA-256 is kept; the id is how that "
                     "begins.",
            .run = run_create,
        },
        {
            .words = "key list",
            .subjects = "",
            .options = list_options,
            .n_options = sizeof list_options / sizeof list_options[0],
            .help = "list the API keys: id, role, tenant, last use, never the key",
            .about = "The last use is told to a minute. Keys that are over are listed until their owner gets another.",
            .run = run_list,
        },
        {
            .words = "key rotate",
            .subjects = "ID",
            .n_subjects = 1,
            .options = rotate_options,
            .n_options = sizeof rotate_options / sizeof rotate_options[0],
            .help = "make a key in the place of another, which ends after an overlap",
            .about = "The new key, of the same owner and role, is printed as by key create. A key is replaced once.",
            .run = run_rotate,
        },
        {
            .words = "key revoke",
            .subjects = "ID",
            .n_subjects = 1,
            .help = "revoke an API key by its id",
            .about = "No producer takes it for more than another second.",
            .run = run_revoke,
        },
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
