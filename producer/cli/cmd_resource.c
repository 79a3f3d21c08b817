/* SPDX-License-Identifier: Apache-2.0
 *
 * Tenants and trunks: made, changed, stopped and started, by one script of their cell.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/file.h"
#include "common/base/ident.h"
#include "common/base/seal.h"
#include "common/domain/phone.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/cli/verbs.h"

#define FIELDS_MOST 24
#define CREDENTIAL_MOST 4096
#define LIST_MOST 4096
#define CPS_MOST 100000

static const struct conf_option tenant_options[] = {
    {.name = "cps", .kind = CONF_I64, .min = 1, .max = CPS_MOST, .help = "calls a second"},
    {.name = "max-concurrent", .kind = CONF_I64, .min = 0, .max = 10000000, .help = "calls at a time; 0: no limit"},
    {.name = "weight", .kind = CONF_I64, .min = 1, .max = 1000, .help = "its share beside other tenants (1)"},
    {.name = "trunk",
     .kind = CONF_STR,
     .flags = CONF_REPEATABLE,
     .help = "a trunk it may use; the first is its default"},
    {.name = "alias", .kind = CONF_STR, .help = "what its clients may also say for userId"},
};

static const struct conf_option trunk_options[] = {
    {.name = "profile", .kind = CONF_STR, .help = "how the platform is spoken to: retell"},
    {.name = "base-url", .kind = CONF_STR, .help = "where the platform is"},
    {.name = "credential-file", .kind = CONF_FILE, .help = "file with the platform's API key"},
    {.name = "secrets-key-file", .kind = CONF_FILE, .help = "file with the key that secrets are sealed under"},
    {.name = "caller-id", .kind = CONF_STR, .flags = CONF_REPEATABLE, .help = "a number to call from, E.164"},
    {.name = "cps", .kind = CONF_I64, .min = 1, .max = CPS_MOST, .help = "calls a second"},
    {.name = "max-concurrent", .kind = CONF_I64, .min = 0, .max = 10000000, .help = "calls at a time; 0: no limit"},
    {.name = "poll-after-ms",
     .kind = CONF_I64,
     .min = 100,
     .max = 86400000,
     .help = "a silent call is looked up after"},
    {.name = "lookup-absent-after-ms",
     .kind = CONF_I64,
     .min = 100,
     .max = 86400000,
     .help = "two lookups that find nothing must lie this far apart (60000)"},
};

/* The arguments of one resource_set, with the memory behind them. */
struct change {
    struct redis_arg args[3 + 2 * FIELDS_MOST];
    size_t n;
    char numbers[FIELDS_MOST][REDIS_I64_LEN];
    size_t n_numbers;
};

static void put(struct change *c, const char *field, struct redis_arg value)
{
    if (c->n + 2 > sizeof c->args / sizeof c->args[0])
        abort();
    c->args[c->n++] = redis_arg_str(field);
    c->args[c->n++] = value;
}

static void put_i64(struct change *c, const char *field, int64_t value)
{
    put(c, field, redis_arg_i64(value, c->numbers[c->n_numbers++]));
}

/* An option that was given becomes a field. */
static void put_option_i64(struct change *c, const struct conf *conf, const char *option, const char *field)
{
    if (conf_is_set(conf, option))
        put_i64(c, field, conf_i64(conf, option));
}

/* 0 takes the limit away: an empty field. */
static void put_concurrency(struct change *c, const struct conf *conf)
{
    if (!conf_is_set(conf, "max-concurrent"))
        return;
    int64_t most = conf_i64(conf, "max-concurrent");
    if (most > 0)
        put_i64(c, "max_concurrent", most);
    else
        put(c, "max_concurrent", redis_arg_str(""));
}

static int take_word(const struct redisReply *reply, void *arg)
{
    (void)arg;
    const char *word;
    size_t len;
    return reply_str(reply, &word, &len);
}

static enum cli_exit apply(struct session *s, const char *kind, const char *id, const char *how, struct change *c)
{
    c->args[0] = redis_arg_str(kind);
    c->args[1] = redis_arg_str(id);
    c->args[2] = redis_arg_str(how);
    const char *cell = conf_str(session_conf(s), "cell");
    return session_script(s, LUA_RESOURCE_SET, cell, c->args, c->n, take_word, NULL) == 0 ? CLI_DONE : CLI_FAILED;
}

static bool id_is_valid(const char *id)
{
    if (ident_is_valid(id, strlen(id), LIMIT_ID_LEN))
        return true;
    fprintf(stderr, "carillon: %s: an id is 1 to %d letters, digits, _ and -\n", id, LIMIT_ID_LEN);
    return false;
}

static enum cli_exit open_cell(struct session *s)
{
    const char *cell = conf_str(session_conf(s), "cell");
    if (!ident_is_cell(cell, strlen(cell))) {
        fprintf(stderr, "carillon: --cell: 1 to %d lower-case letters and digits\n", LIMIT_CELL_ID_LEN);
        return CLI_USAGE;
    }
    return session_redis_open(s) == 0 ? CLI_DONE : CLI_NO_REDIS;
}

static void say(struct session *s, const char *what, const char *id, const char *done)
{
    if (!session_is_json(s)) {
        printf("%s %s %s\n", what, id, done);
        return;
    }
    cJSON *object = cJSON_CreateObject();
    json_add_str(object, what, id);
    json_add_str(object, "done", done);
    session_print_json(object);
    cJSON_Delete(object);
}

/* A repeatable option's values as a JSON array of strings. */
static int list_json(const struct conf *conf, const char *option, struct buf *out)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array && i < conf_count(conf, option); i++)
        cJSON_AddItemToArray(array, cJSON_CreateString(conf_str_at(conf, option, i)));
    int rc = array ? json_print(array, out) : ERR_NOMEM;
    cJSON_Delete(array);
    return rc;
}

/* ---- tenants ---- */

static int take_integer(const struct redisReply *reply, void *arg)
{
    return reply_i64(reply, arg);
}

/* Every trunk that is named must be there: a typo would leave the tenant without one. */
static bool trunks_exist(struct session *s)
{
    const struct conf *conf = session_conf(s);
    for (size_t i = 0; i < conf_count(conf, "trunk"); i++) {
        const char *trunk = conf_str_at(conf, "trunk", i);
        if (!id_is_valid(trunk))
            return false;
        struct key key = key_trunk(conf_str(conf, "cell"), trunk);
        const struct redis_arg args[] = {redis_arg_str("EXISTS"), key_arg(&key)};
        int64_t exists = 0;
        if (session_command(s, args, 2, take_integer, &exists) != 0)
            return false;
        if (exists == 0) {
            fprintf(stderr, "carillon: there is no trunk %s in cell %s\n", trunk, conf_str(conf, "cell"));
            return false;
        }
    }
    return true;
}

/* The directory says which cell the tenant lives in; it never moves by accident. */
static enum cli_exit write_directory(struct session *s, const char *tenant)
{
    const struct conf *conf = session_conf(s);
    struct key key = key_dir_tenant(tenant);
    const struct redis_arg cell[] = {redis_arg_str("HSET"), key_arg(&key), redis_arg_str("cell"),
                                     redis_arg_str(conf_str(conf, "cell"))};
    if (session_command(s, cell, 4, NULL, NULL) != 0)
        return CLI_FAILED;
    if (!conf_is_set(conf, "alias"))
        return CLI_DONE;
    const struct redis_arg alias[] = {redis_arg_str("HSET"), key_arg(&key), redis_arg_str("alias"),
                                      redis_arg_str(conf_str(conf, "alias"))};
    return session_command(s, alias, 4, NULL, NULL) == 0 ? CLI_DONE : CLI_FAILED;
}

static enum cli_exit change_tenant(struct session *s, const char *how)
{
    const struct conf *conf = session_conf(s);
    const char *id = conf_rest(conf, 0);
    bool is_new = strcmp(how, "create") == 0;
    if (!id_is_valid(id))
        return CLI_USAGE;
    if (is_new && (!conf_is_set(conf, "cps") || conf_count(conf, "trunk") == 0)) {
        fprintf(stderr, "carillon: a tenant needs --cps and --trunk\n");
        return CLI_USAGE;
    }
    enum cli_exit status = open_cell(s);
    if (status != CLI_DONE)
        return status;
    if (!trunks_exist(s))
        return CLI_FAILED;
    struct buf trunks;
    buf_init(&trunks, LIST_MOST);
    struct change change = {.n = 3};
    put_option_i64(&change, conf, "cps", "cps");
    put_option_i64(&change, conf, "weight", "weight");
    put_concurrency(&change, conf);
    if (conf_is_set(conf, "alias"))
        put(&change, "alias", redis_arg_str(conf_str(conf, "alias")));
    status = CLI_FAILED;
    if (conf_count(conf, "trunk") == 0 || list_json(conf, "trunk", &trunks) == 0) {
        if (conf_count(conf, "trunk") > 0)
            put(&change, "trunks", redis_arg_str(buf_str(&trunks)));
        status = apply(s, "t", id, how, &change);
    }
    buf_free(&trunks);
    if (status == CLI_DONE && (is_new || conf_is_set(conf, "alias")))
        status = write_directory(s, id);
    if (status == CLI_DONE)
        say(s, "tenant", id, is_new ? "created" : "changed");
    return status;
}

static enum cli_exit run_tenant_create(struct session *s)
{
    return change_tenant(s, "create");
}

static enum cli_exit run_tenant_set(struct session *s)
{
    return change_tenant(s, "set");
}

/* ---- trunks ---- */

static bool caller_ids_are_valid(const struct conf *conf)
{
    bool is_valid = true;
    for (size_t i = 0; i < conf_count(conf, "caller-id"); i++) {
        uint64_t digits;
        const char *text = conf_str_at(conf, "caller-id", i);
        if (phone_parse(text, strlen(text), &digits) == 0)
            continue;
        fprintf(stderr, "carillon: --caller-id %s: not an E.164 number\n", text);
        is_valid = false;
    }
    if (conf_count(conf, "caller-id") <= LIMIT_CALLER_IDS)
        return is_valid;
    fprintf(stderr, "carillon: at most %d caller ids\n", LIMIT_CALLER_IDS);
    return false;
}

/* The credential of --credential-file, sealed for this trunk. */
static int seal_credential(const struct conf *conf, const char *id, char **ret_sealed)
{
    struct seal_keys *keys = NULL;
    char *credential = NULL;
    char context[sizeof "trunk/" + LIMIT_ID_LEN];
    snprintf(context, sizeof context, "trunk/%s", id);
    const char *key_file = conf_str(conf, "secrets-key-file"), *file = conf_str(conf, "credential-file");
    if (!key_file) {
        fprintf(stderr, "carillon: --credential-file needs --secrets-key-file\n");
        return ERR_INVALID;
    }
    int rc = seal_keys_load(key_file, &keys);
    if (rc != 0)
        fprintf(stderr, "carillon: %s does not hold a key of 32 bytes: %s\n", key_file, err_name(rc));
    if (rc == 0) {
        rc = file_read_secret(file, CREDENTIAL_MOST, &credential);
        if (rc != 0)
            fprintf(stderr, "carillon: cannot read a credential from %s\n", file);
    }
    if (rc == 0)
        rc = seal_secret(keys, context, credential, strlen(credential), ret_sealed);
    file_free_secret(credential);
    seal_keys_free(keys);
    return rc;
}

static bool trunk_is_complete(const struct conf *conf)
{
    static const char *const needed[] = {"profile", "base-url", "credential-file", "secrets-key-file", "cps"};
    bool is_complete = true;
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (conf_is_set(conf, needed[i]))
            continue;
        fprintf(stderr, "carillon: a trunk needs --%s\n", needed[i]);
        is_complete = false;
    }
    if (conf_count(conf, "caller-id") > 0)
        return is_complete;
    fprintf(stderr, "carillon: a trunk needs --caller-id\n");
    return false;
}

static enum cli_exit change_trunk(struct session *s, const char *how)
{
    const struct conf *conf = session_conf(s);
    const char *id = conf_rest(conf, 0);
    bool is_new = strcmp(how, "create") == 0;
    if (!id_is_valid(id) || (is_new && !trunk_is_complete(conf)) || !caller_ids_are_valid(conf))
        return CLI_USAGE;
    char *sealed = NULL;
    if (conf_is_set(conf, "credential-file") && seal_credential(conf, id, &sealed) != 0)
        return CLI_CONFIGURATION;
    struct buf callers;
    buf_init(&callers, LIST_MOST);
    struct change change = {.n = 3};
    put_option_i64(&change, conf, "cps", "cps");
    put_option_i64(&change, conf, "poll-after-ms", "poll_after_ms");
    put_option_i64(&change, conf, "lookup-absent-after-ms", "lookup_absent_after_ms");
    put_concurrency(&change, conf);
    if (conf_is_set(conf, "profile"))
        put(&change, "profile", redis_arg_str(conf_str(conf, "profile")));
    if (conf_is_set(conf, "base-url"))
        put(&change, "base_url", redis_arg_str(conf_str(conf, "base-url")));
    if (sealed)
        put(&change, "credential", redis_arg_str(sealed));
    enum cli_exit status = open_cell(s);
    if (status == CLI_DONE && conf_count(conf, "caller-id") > 0) {
        if (list_json(conf, "caller-id", &callers) != 0)
            status = CLI_FAILED;
        put(&change, "caller_ids", redis_arg_str(buf_str(&callers)));
    }
    if (status == CLI_DONE)
        status = apply(s, "k", id, how, &change);
    if (status == CLI_DONE)
        say(s, "trunk", id, is_new ? "created" : "changed");
    buf_free(&callers);
    free(sealed);
    return status;
}

static enum cli_exit run_trunk_create(struct session *s)
{
    return change_trunk(s, "create");
}

static enum cli_exit run_trunk_set(struct session *s)
{
    return change_trunk(s, "set");
}

/* ---- stopping and starting: nothing new begins within a second of a stop ---- */

static enum cli_exit change_state(struct session *s, const char *state, const char *done)
{
    const char *kind = conf_rest(session_conf(s), 0), *id = conf_rest(session_conf(s), 1);
    bool is_trunk = strcmp(kind, "trunk") == 0;
    if (!is_trunk && strcmp(kind, "tenant") != 0) {
        fprintf(stderr, "carillon: what is to be %s: trunk or tenant?\n", done);
        return CLI_USAGE;
    }
    if (!id_is_valid(id))
        return CLI_USAGE;
    enum cli_exit status = open_cell(s);
    if (status != CLI_DONE)
        return status;
    struct change change = {.n = 3};
    put(&change, "state", redis_arg_str(state));
    put(&change, "reason", redis_arg_str(strcmp(state, "stopped") == 0 ? "operator" : ""));
    status = apply(s, is_trunk ? "k" : "t", id, "set", &change);
    if (status == CLI_DONE)
        say(s, kind, id, done);
    return status;
}

static enum cli_exit run_stop(struct session *s)
{
    return change_state(s, "stopped", "stopped");
}

static enum cli_exit run_start(struct session *s)
{
    return change_state(s, "active", "started");
}

#define ROW(verb_words, verb_subjects, n, table, text, fn)                                                             \
    {                                                                                                                  \
        .words = (verb_words), .subjects = (verb_subjects), .n_subjects = (n), .options = (table),                     \
        .n_options = sizeof(table) / sizeof((table)[0]), .help = (text), .run = (fn)                                   \
    }

const struct cli_verb *cli_resource_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        ROW("tenant create", "ID", 1, tenant_options, "make a tenant", run_tenant_create),
        ROW("tenant set", "ID", 1, tenant_options, "change a tenant", run_tenant_set),
        ROW("trunk create", "ID", 1, trunk_options, "make a trunk: an account at a platform", run_trunk_create),
        ROW("trunk set", "ID", 1, trunk_options, "change a trunk", run_trunk_set),
        {.words = "stop", .subjects = "KIND ID", .n_subjects = 2, .help = "stop a trunk or a tenant", .run = run_stop},
        {.words = "start", .subjects = "KIND ID", .n_subjects = 2, .help = "start it again", .run = run_start},
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
