/* SPDX-License-Identifier: Apache-2.0
 *
 * Trunks, the accounts at platforms: made, changed, shown. Their credential is read from a file, sealed, and never
 * shown again.
 */
#include <errno.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/seal.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "producer/cli/out.h"
#include "producer/cli/resource.h"
#include "producer/cli/verbs.h"
#include "producer/trunk_settings.h"

static int check_pair(const char *text, const char **ret_why)
{
    *ret_why = "must be NAME=VALUE, the value of at most 1024 bytes of text";
    return text[0] != '=' && strchr(text, '=') ? 0 : ERR_INVALID;
}

static const struct conf_option trunk_options[] = {
    {.name = "profile",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .help = "how the platform is spoken to: retell, twilio or vapi"},
    {.name = "base-url",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .help = "where the platform is (default: the profile's); --base-url= goes back to that"},
    {.name = "credential-file",
     .kind = CONF_FILE,
     .flags = CONF_FLAG_ONLY,
     .help = "file with the platform's API key; sealed with --secrets-key-file"},
    {.name = "variable",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY | CONF_REPEATABLE,
     .check = check_pair,
     .help = "NAME=VALUE, for a profile that has variables; NAME= takes one away"},
    {.name = "caller-id",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY | CONF_REPEATABLE,
     .help = "a number to call from, E.164"},
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
    {.name = "poll-after-ms",
     .kind = CONF_I64,
     .flags = CONF_FLAG_ONLY,
     .min = TRUNK_MS_LEAST,
     .max = TRUNK_MS_MOST,
     .help = "a silent call is looked up after that"},
    {.name = "lookup-absent-after-ms",
     .kind = CONF_I64,
     .flags = CONF_FLAG_ONLY,
     .min = TRUNK_MS_LEAST,
     .max = TRUNK_MS_MOST,
     .help = "two lookups that find nothing must lie this far apart (60000, or ringing and 30 s)"},
    {.name = "breaker-percent",
     .kind = CONF_I64,
     .flags = CONF_FLAG_ONLY,
     .min = 0,
     .max = 100,
     .help = "it stops when so many of the latest requests failed, and tries single calls (50); 0: never"},
    {.name = "breaker-minimum",
     .kind = CONF_I64,
     .flags = CONF_FLAG_ONLY,
     .min = 1,
     .max = TRUNK_BREAKER_MINIMUM_MOST,
     .help = "of so many requests at least (20)"},
};

static const struct resource_option members[] = {
    {"profile", "profile", RESOURCE_OPTION_TEXT, false},
    {"base-url", "baseUrl", RESOURCE_OPTION_TEXT, false},
    {"credential-file", "credential", RESOURCE_OPTION_SECRET, false},
    {"variable", "variables", RESOURCE_OPTION_PAIRS, false},
    {"caller-id", "callerIds", RESOURCE_OPTION_LIST, false},
    {"cps", "cps", RESOURCE_OPTION_NUMBER, false},
    {"max-concurrent", "maxConcurrent", RESOURCE_OPTION_NUMBER, true},
    {"poll-after-ms", "pollAfterMs", RESOURCE_OPTION_NUMBER, false},
    {"lookup-absent-after-ms", "lookupAbsentAfterMs", RESOURCE_OPTION_NUMBER, false},
    {"breaker-percent", "breakerPercent", RESOURCE_OPTION_NUMBER, false},
    {"breaker-minimum", "breakerMinimum", RESOURCE_OPTION_NUMBER, false},
};
#define MEMBERS (sizeof members / sizeof members[0])

/* ---- the credential ---- */

/* The credential of --credential-file, as the body's member. */
static int add_credential(const struct conf *conf, cJSON *body)
{
    const char *path = conf_str(conf, "credential-file");
    char *credential = NULL;
    if (!conf_is_set(conf, "credential-file"))
        return 0;
    int rc = file_read_secret(path, TRUNK_CREDENTIAL_MOST, &credential);
    if (rc == ERR_IO)
        out_complain("--credential-file: %s: %s", path, strerror(errno));
    else if (rc != 0 || !trunk_credential_is_good(credential))
        out_complain("--credential-file: %s does not hold one line of printable ASCII", path);
    if (rc == 0)
        rc = trunk_credential_is_good(credential) ? 0 : ERR_INVALID;
    if (rc == 0)
        rc = json_add_str(body, "credential", credential) ? 0 : ERR_NOMEM;
    file_free_secret(credential);
    return rc;
}

static int read_keys(const struct conf *conf, struct seal_keys **ret_keys)
{
    const char *path = conf_str(conf, "secrets-key-file");
    int rc = seal_keys_load(path, ret_keys);
    if (rc == ERR_IO)
        out_complain("--secrets-key-file: %s: %s", path, strerror(errno));
    else if (rc != 0)
        out_complain("--secrets-key-file: %s does not hold 32 bytes as hexadecimal or base64", path);
    return rc;
}

static int seal_credential(const struct conf *conf, const cJSON *body, const char *id, struct resource_change *change)
{
    struct seal_keys *keys = NULL;
    if (!conf_is_set(conf, "credential-file"))
        return 0;
    int rc = read_keys(conf, &keys);
    if (rc == 0)
        rc = trunk_settings_seal(body, id, keys, change);
    seal_keys_free(keys);
    return rc;
}

/* ---- what is given ---- */

/* What is wrong with it, together with what is there; complains. */
static enum cli_exit complain(const struct faults *faults)
{
    resource_complain(&resource_trunk, members, MEMBERS, faults);
    return faults_count(faults) == 0 ? CLI_DONE : CLI_USAGE;
}

static enum cli_exit judge(const cJSON *body, bool is_new, struct resource_change *change)
{
    struct trunk_settings none = {.profile = NULL};
    struct faults faults;
    faults_init(&faults, LIMIT_FAULTS);
    trunk_settings_read(body, is_new, change, &faults);
    int rc = is_new && faults_count(&faults) == 0 ? trunk_settings_judge(&none, body, &faults) : 0;
    enum cli_exit status = rc == 0 ? complain(&faults) : CLI_FAILED;
    trunk_settings_clear(&none);
    faults_free(&faults);
    if (status == CLI_DONE && resource_change_is_empty(change) &&
        !cJSON_GetObjectItemCaseSensitive(body, "credential")) {
        out_complain("nothing to change: 'carillon trunk set --help' tells what can be");
        status = CLI_USAGE;
    }
    return status;
}

static int take_settings(const struct redisReply *reply, void *arg)
{
    return trunk_settings_load(reply, arg);
}

/* The same for a trunk that is there: whether the profile can work with what it has and what is given. */
static enum cli_exit judge_set(struct session *s, const char *id, const cJSON *body, bool *ret_is_stopped)
{
    struct trunk_settings has = {.profile = NULL};
    struct faults faults;
    struct key key = key_trunk(session_cell(s), id);
    const struct redis_arg args[] = {redis_arg_str("HGETALL"), key_arg(&key)};
    int rc = session_command(s, args, 2, take_settings, &has);
    if (rc == ERR_NOT_FOUND)
        out_complain("there is no trunk %s in cell %s", id, session_cell(s));
    if (rc != 0)
        return CLI_FAILED;
    faults_init(&faults, LIMIT_FAULTS);
    rc = trunk_settings_judge(&has, body, &faults);
    enum cli_exit status = rc == 0 ? complain(&faults) : CLI_FAILED;
    *ret_is_stopped = has.is_stopped;
    faults_free(&faults);
    trunk_settings_clear(&has);
    return status;
}

/* ---- verbs ---- */

static enum cli_exit write_trunk(struct session *s, const char *id, bool is_new, const cJSON *body,
                                 const struct resource_change *change)
{
    bool is_stopped = false;
    enum cli_exit status = session_open_cell(s, is_new);
    if (status == CLI_DONE && !is_new)
        status = judge_set(s, id, body, &is_stopped);
    if (status == CLI_DONE)
        status = resource_apply(s, &resource_trunk, id, is_new ? "create" : "set", change);
    if (status == CLI_DONE)
        status = resource_say(s, &resource_trunk, id, is_new ? "created" : "changed");
    if (status == CLI_DONE && is_stopped)
        out_note("It is stopped: 'carillon start trunk %s' starts it.", id);
    return status;
}

static bool has_secrets_key(const struct conf *conf)
{
    bool has_key = !conf_is_set(conf, "credential-file") || conf_is_set(conf, "secrets-key-file");
    if (!has_key)
        out_complain("--credential-file needs --secrets-key-file (or CARILLON_SECRETS_KEY_FILE in the environment)");
    return has_key;
}

static enum cli_exit change_trunk(struct session *s, bool is_new)
{
    const struct conf *conf = session_conf(s);
    const char *id = conf_rest(conf, 0);
    struct resource_change *change = NULL;
    enum cli_exit status = CLI_FAILED;
    if (!resource_check_id(id) || !has_secrets_key(conf))
        return CLI_USAGE;
    cJSON *body = resource_body(conf, members, MEMBERS);
    if (!body || resource_change_create(&change) != 0)
        goto cleanup;
    status = add_credential(conf, body) == 0 ? judge(body, is_new, change) : CLI_CONFIGURATION;
    if (status == CLI_DONE && seal_credential(conf, body, id, change) != 0)
        status = CLI_CONFIGURATION;
    if (status == CLI_DONE)
        status = write_trunk(s, id, is_new, body, change);
cleanup:
    resource_change_free(change);
    trunk_settings_delete_body(body);
    return status;
}

static enum cli_exit run_create(struct session *s)
{
    return change_trunk(s, true);
}

static enum cli_exit run_set(struct session *s)
{
    return change_trunk(s, false);
}

static enum cli_exit run_list(struct session *s)
{
    return resource_list(s, &resource_trunk, trunk_fields, TRUNK_FIELDS);
}

static enum cli_exit run_show(struct session *s)
{
    return resource_show(s, &resource_trunk, trunk_fields, TRUNK_FIELDS);
}

const struct cli_verb *cli_trunk_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {
            .words = "trunk create",
            .subjects = "ID",
            .n_subjects = 1,
            .options = trunk_options,
            .n_options = sizeof trunk_options / sizeof trunk_options[0],
            .help = "make a trunk: an account at a voice platform",
            .about =
                "--profile, --credential-file, --secrets-key-file, --caller-id and --cps are needed, and what the "
                "profile\n"
                "asks for. twilio: --variable account_sid=AC..., --variable answer_url=https://...; the credential is\n"
                "the account's auth token.",
            .run = run_create,
        },
        {
            .words = "trunk set",
            .subjects = "ID",
            .n_subjects = 1,
            .options = trunk_options,
            .n_options = sizeof trunk_options / sizeof trunk_options[0],
            .help = "change a trunk",
            .about = "What is not given stays as it is; the caller ids are given all together. A new rate holds at\n"
                     "once. A stopped trunk stays stopped.",
            .run = run_set,
        },
        {.words = "trunk list", .subjects = "", .help = "list the trunks of a cell", .run = run_list},
        {.words = "trunk show",
         .subjects = "ID",
         .n_subjects = 1,
         .help = "show how a trunk is set, but for its credential",
         .run = run_show},
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
