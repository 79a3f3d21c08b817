/* SPDX-License-Identifier: Apache-2.0
 *
 * Trunks, the accounts at platforms: made, changed, shown. Their credential is read from a file, sealed, and never
 * shown again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/seal.h"
#include "common/domain/phone.h"
#include "producer/cli/out.h"
#include "producer/cli/profile.h"
#include "producer/cli/resource.h"
#include "producer/cli/trunk_settings.h"
#include "producer/cli/verbs.h"

#define CREDENTIAL_MOST 4096

static const struct conf_option trunk_options[] = {
    {.name = "profile",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .help = "how the platform is spoken to: retell or twilio"},
    {.name = "base-url",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY,
     .check = trunk_check_base_url,
     .help = "where the platform is (default: the profile's); --base-url= goes back to that"},
    {.name = "credential-file",
     .kind = CONF_FILE,
     .flags = CONF_FLAG_ONLY,
     .help = "file with the platform's API key; sealed with --secrets-key-file"},
    {.name = "variable",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY | CONF_REPEATABLE,
     .check = trunk_check_variable,
     .help = "NAME=VALUE, for a profile that has variables; NAME= takes one away"},
    {.name = "caller-id",
     .kind = CONF_STR,
     .flags = CONF_FLAG_ONLY | CONF_REPEATABLE,
     .check = trunk_check_caller_id,
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
     .min = 100,
     .max = 86400000,
     .help = "a silent call is looked up after that"},
    {.name = "lookup-absent-after-ms",
     .kind = CONF_I64,
     .flags = CONF_FLAG_ONLY,
     .min = 100,
     .max = 86400000,
     .help = "two lookups that find nothing must lie this far apart (60000)"},
};

static const struct resource_field fields[] = {
    {"state", "state", RESOURCE_TEXT, "STATE"},
    {"reason", "reason", RESOURCE_TEXT, NULL},
    {"stopped_ms", "stoppedAt", RESOURCE_INSTANT, NULL},
    {"profile", "profile", RESOURCE_TEXT, "PROFILE"},
    {"base_url", "baseUrl", RESOURCE_TEXT, "BASE URL"},
    {"credential", "credential", RESOURCE_SEALED, NULL},
    {"cps", "cps", RESOURCE_NUMBER, "CPS"},
    {"max_concurrent", "maxConcurrent", RESOURCE_NUMBER, "CONCURRENT"},
    {"caller_ids", "callerIds", RESOURCE_LIST, "CALLER IDS"},
    {"poll_after_ms", "pollAfterMs", RESOURCE_NUMBER, NULL},
    {"lookup_absent_after_ms", "lookupAbsentAfterMs", RESOURCE_NUMBER, NULL},
    {"created_ms", "createdAt", RESOURCE_INSTANT, NULL},
};
#define FIELDS (sizeof fields / sizeof fields[0])

/* ---- the credential ---- */

static bool is_credential(const char *text)
{
    for (const char *at = text; *at; at++) {
        if (*at < 0x20 || *at > 0x7E)
            return false;
    }
    return true;
}

static int read_credential(const char *path, char **ret_credential)
{
    char *credential = NULL;
    int rc = file_read_secret(path, CREDENTIAL_MOST, &credential);
    if (rc == 0 && is_credential(credential)) {
        *ret_credential = credential;
        return 0;
    }
    if (rc == ERR_IO)
        out_complain("--credential-file: %s: %s", path, strerror(errno));
    else
        out_complain("--credential-file: %s does not hold one line of printable ASCII", path);
    file_free_secret(credential);
    return ERR_INVALID;
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

/* The credential of --credential-file, sealed for this trunk and no other. */
static int seal_credential(const struct conf *conf, const char *id, char **ret_sealed)
{
    struct seal_keys *keys = NULL;
    char *credential = NULL;
    char context[sizeof "trunk/" + LIMIT_ID_LEN];
    snprintf(context, sizeof context, "trunk/%s", id);
    int rc = read_keys(conf, &keys);
    if (rc == 0)
        rc = read_credential(conf_str(conf, "credential-file"), &credential);
    if (rc == 0)
        rc = seal_secret(keys, context, credential, strlen(credential), ret_sealed);
    file_free_secret(credential);
    seal_keys_free(keys);
    return rc;
}

/* ---- what is given ---- */

/* A new trunk needs all of these; the base URL is the profile's matter. */
static bool is_complete(const struct conf *conf)
{
    static const char *const needed[] = {"profile", "credential-file", "cps"};
    bool is_complete = conf_count(conf, "caller-id") > 0;
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (!conf_is_set(conf, needed[i]))
            out_complain("a trunk needs --%s", needed[i]);
        is_complete = is_complete && conf_is_set(conf, needed[i]);
    }
    if (conf_count(conf, "caller-id") == 0)
        out_complain("a trunk needs --caller-id");
    return is_complete;
}

static bool is_usable(const struct conf *conf)
{
    bool has_key = !conf_is_set(conf, "credential-file") || conf_is_set(conf, "secrets-key-file");
    if (!has_key)
        out_complain("--credential-file needs --secrets-key-file (or CARILLON_SECRETS_KEY_FILE in the environment)");
    if (conf_count(conf, "caller-id") > LIMIT_CALLER_IDS)
        out_complain("--caller-id: at most %d of them", LIMIT_CALLER_IDS);
    if (conf_count(conf, "variable") > LIMIT_TRUNK_VARIABLES)
        out_complain("--variable: at most %d of them", LIMIT_TRUNK_VARIABLES);
    return has_key && conf_count(conf, "caller-id") <= LIMIT_CALLER_IDS &&
           conf_count(conf, "variable") <= LIMIT_TRUNK_VARIABLES;
}

static void put_caller_ids(struct resource_change *change, const struct conf *conf)
{
    char numbers[LIMIT_CALLER_IDS][PHONE_TEXT_LEN + 1];
    const char *texts[LIMIT_CALLER_IDS];
    size_t n = conf_count(conf, "caller-id");
    for (size_t i = 0; i < n && i < LIMIT_CALLER_IDS; i++) {
        uint64_t digits = 0;
        const char *text = conf_str_at(conf, "caller-id", i);
        (void)!phone_parse(text, strlen(text), &digits); /* trunk_check_caller_id() did */
        phone_format(digits, numbers[i]);
        texts[i] = numbers[i];
    }
    if (n > 0)
        resource_put_list(change, "caller_ids", texts, n);
}

static void put_options(struct resource_change *change, const struct conf *conf)
{
    resource_put_option(change, conf, "cps", "cps", false);
    resource_put_option(change, conf, "max-concurrent", "max_concurrent", true);
    resource_put_option(change, conf, "poll-after-ms", "poll_after_ms", false);
    resource_put_option(change, conf, "lookup-absent-after-ms", "lookup_absent_after_ms", false);
    if (conf_is_set(conf, "profile"))
        resource_put_str(change, "profile", conf_str(conf, "profile"));
    if (conf_is_set(conf, "base-url"))
        resource_put_str(change, "base_url", conf_str(conf, "base-url"));
    for (size_t i = 0; i < conf_count(conf, "variable"); i++) {
        struct trunk_variable variable = trunk_variable_of(conf_str_at(conf, "variable", i));
        resource_put_str(change, variable.field, variable.value);
    }
    put_caller_ids(change, conf);
}

/* ---- verbs ---- */

/* Whether the profile can work with what is there and what is given. */
static enum cli_exit judge(struct session *s, const char *id, bool is_new, bool *ret_is_stopped)
{
    struct trunk_settings settings = {.profile = NULL};
    if (!is_new && trunk_settings_read(s, id, &settings) != 0)
        return CLI_FAILED;
    enum cli_exit status = trunk_settings_hold(&settings, session_conf(s)) ? CLI_DONE : CLI_USAGE;
    *ret_is_stopped = settings.is_stopped;
    trunk_settings_clear(&settings);
    return status;
}

static enum cli_exit write_trunk(struct session *s, const char *id, bool is_new, const struct resource_change *change)
{
    bool is_stopped = false;
    enum cli_exit status = is_new ? judge(s, id, true, &is_stopped) : CLI_DONE;
    if (status == CLI_DONE)
        status = session_open_cell(s, true);
    if (status == CLI_DONE && !is_new)
        status = judge(s, id, false, &is_stopped);
    if (status == CLI_DONE)
        status = resource_apply(s, &resource_trunk, id, is_new ? "create" : "set", change);
    if (status == CLI_DONE)
        status = resource_say(s, &resource_trunk, id, is_new ? "created" : "changed");
    if (status == CLI_DONE && is_stopped)
        out_note("It is stopped: 'carillon start trunk %s' starts it.", id);
    return status;
}

static enum cli_exit change_trunk(struct session *s, bool is_new)
{
    const struct conf *conf = session_conf(s);
    const char *id = conf_rest(conf, 0);
    struct resource_change *change = NULL;
    char *sealed = NULL;
    enum cli_exit status = CLI_FAILED;
    if (!resource_check_id(id) || (is_new && !is_complete(conf)) || !is_usable(conf))
        return CLI_USAGE;
    if (conf_is_set(conf, "credential-file") && seal_credential(conf, id, &sealed) != 0)
        return CLI_CONFIGURATION;
    if (resource_change_create(&change) != 0)
        goto cleanup;
    put_options(change, conf);
    if (sealed)
        resource_put_str(change, "credential", sealed);
    if (resource_change_is_empty(change)) {
        out_complain("nothing to change: 'carillon trunk set --help' tells what can be");
        status = CLI_USAGE;
    } else {
        status = write_trunk(s, id, is_new, change);
    }
cleanup:
    resource_change_free(change);
    free(sealed);
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
    return resource_list(s, &resource_trunk, fields, FIELDS);
}

static enum cli_exit run_show(struct session *s)
{
    return resource_show(s, &resource_trunk, fields, FIELDS);
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
