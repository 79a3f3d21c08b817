/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/trunk_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/limits.h"
#include "common/base/utf8.h"
#include "common/domain/phone.h"
#include "common/json/json.h"
#include "common/provider/provider.h"
#include "common/redis/reply.h"

#define VARIABLE_PREFIX "var:"
#define PREFIX_LEN (sizeof VARIABLE_PREFIX - 1)
#define VARIABLE_NAME_MOST 64
#define VARIABLE_VALUE_MOST 1024
#define NAMES_MOST 200 /* of profiles or variables, in a message */

const struct resource_field trunk_fields[TRUNK_FIELDS] = {
    {"state", "state", RESOURCE_TEXT, "STATE"},
    {"reason", "reason", RESOURCE_TEXT, NULL},
    {"stopped_ms", "stoppedAt", RESOURCE_INSTANT, NULL},
    {"profile", "profile", RESOURCE_TEXT, "PROFILE"},
    {"base_url", "baseUrl", RESOURCE_TEXT, "BASE URL"},
    {"credential", "credential", RESOURCE_SEALED, NULL},
    {"cps", "cps", RESOURCE_NUMBER, "CPS"},
    {"max_concurrent", "maxConcurrent", RESOURCE_NUMBER, "CONCURRENT"},
    {"caller_ids", "callerIds", RESOURCE_JSON, "CALLER IDS"},
    {"poll_after_ms", "pollAfterMs", RESOURCE_NUMBER, NULL},
    {"lookup_absent_after_ms", "lookupAbsentAfterMs", RESOURCE_NUMBER, NULL},
    {"breaker_percent", "breakerPercent", RESOURCE_NUMBER, NULL},
    {"breaker_minimum", "breakerMinimum", RESOURCE_NUMBER, NULL},
    {"breaker", "breaker", RESOURCE_TEXT, "BREAKER"},
    {"breaker_reason", "breakerReason", RESOURCE_TEXT, NULL},
    {"breaker_since_ms", "breakerSince", RESOURCE_INSTANT, NULL},
    {"breaker_until_ms", "breakerUntil", RESOURCE_INSTANT, NULL},
    {"created_ms", "createdAt", RESOURCE_INSTANT, NULL},
};

const char *const trunk_members[TRUNK_MEMBERS] = {
    "profile",       "baseUrl",     "credential",          "variables",      "callerIds",      "cps",
    "maxConcurrent", "pollAfterMs", "lookupAbsentAfterMs", "breakerPercent", "breakerMinimum",
};

static const struct resource_number numbers[] = {
    {"cps", "cps", 1, RESOURCE_CPS_MOST, false},
    {"maxConcurrent", "max_concurrent", 1, RESOURCE_CONCURRENT_MOST, true},
    {"pollAfterMs", "poll_after_ms", TRUNK_MS_LEAST, TRUNK_MS_MOST, true},
    {"lookupAbsentAfterMs", "lookup_absent_after_ms", TRUNK_MS_LEAST, TRUNK_MS_MOST, true},
    {"breakerPercent", "breaker_percent", 0, 100, true},
    {"breakerMinimum", "breaker_minimum", 1, TRUNK_BREAKER_MINIMUM_MOST, true},
};

static const cJSON *member_of(const cJSON *body, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(body, name);
}

/* ---- what a trunk has ---- */

/* The object of variables, made when the first one is put in. */
static int put_variable(struct trunk_settings *settings, const char *name, const char *value)
{
    if (!settings->variables)
        settings->variables = cJSON_CreateObject();
    cJSON_DeleteItemFromObjectCaseSensitive(settings->variables, name);
    if (value[0] == '\0')
        return 0;
    return json_add_str(settings->variables, name, value) ? 0 : ERR_NOMEM;
}

static int put_profile(struct trunk_settings *settings, const char *name)
{
    free(settings->profile);
    settings->profile = strdup(name);
    return settings->profile ? 0 : ERR_NOMEM;
}

static int take_field(struct trunk_settings *settings, const char *field, const char *value)
{
    if (strcmp(field, "profile") == 0)
        return put_profile(settings, value);
    if (strncmp(field, VARIABLE_PREFIX, PREFIX_LEN) == 0)
        return put_variable(settings, field + PREFIX_LEN, value);
    if (strcmp(field, "state") == 0)
        settings->is_stopped = strcmp(value, "stopped") == 0;
    else if (strcmp(field, "base_url") == 0)
        settings->has_base_url = true;
    return 0;
}

int trunk_settings_load(const struct redisReply *hash, struct trunk_settings *ret_settings)
{
    struct trunk_settings settings = {.profile = NULL};
    int err = reply_len(hash) == 0 ? ERR_NOT_FOUND : 0;
    for (size_t i = 0; i + 1 < reply_len(hash) && !err; i += 2) {
        const char *field, *value;
        size_t len;
        err = reply_str(reply_at(hash, i), &field, &len);
        if (!err)
            err = reply_str(reply_at(hash, i + 1), &value, &len);
        if (!err)
            err = take_field(&settings, field, value);
    }
    if (err)
        trunk_settings_clear(&settings);
    else
        *ret_settings = settings;
    return err;
}

void trunk_settings_clear(struct trunk_settings *settings)
{
    free(settings->profile);
    cJSON_Delete(settings->variables);
    *settings = (struct trunk_settings){.profile = NULL};
}

/* ---- single values ---- */

static bool is_base_url(const char *text)
{
    size_t scheme = strncmp(text, "http://", 7) == 0 ? 7 : strncmp(text, "https://", 8) == 0 ? 8 : 0;
    size_t authority = strcspn(text + scheme, "/");
    if (scheme == 0 || authority == 0 || memchr(text + scheme, '@', authority) || strlen(text) > LIMIT_URL_LEN / 2)
        return false;
    for (const char *at = text; *at; at++) {
        if (*at <= 0x20 || *at >= 0x7F || strchr("?#\\", *at))
            return false;
    }
    return true;
}

static void read_base_url(const cJSON *body, struct resource_change *change, struct faults *faults)
{
    const cJSON *url = member_of(body, "baseUrl");
    if (!url)
        return;
    if (cJSON_IsNull(url))
        resource_put_str(change, "base_url", "");
    else if (!cJSON_IsString(url))
        faults_add(faults, "baseUrl", FAULT_TYPE, "must be a string, or null");
    else if (!is_base_url(url->valuestring))
        faults_add(faults, "baseUrl", FAULT_URL,
                   "must be http://HOST or https://HOST, perhaps with a port and a path; no user, no query");
    else
        resource_put_str(change, "base_url", url->valuestring);
}

static void read_profile(const cJSON *body, struct resource_change *change, struct faults *faults)
{
    const cJSON *profile = member_of(body, "profile");
    if (profile && !cJSON_IsString(profile))
        faults_add(faults, "profile", FAULT_TYPE, "must be a string");
    else if (profile)
        resource_put_str(change, "profile", profile->valuestring);
}

bool trunk_credential_is_good(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if (text[i] < 0x20 || text[i] > 0x7E)
            return false;
    }
    return len > 0 && len <= TRUNK_CREDENTIAL_MOST;
}

static void read_credential(const cJSON *body, struct faults *faults)
{
    const cJSON *credential = member_of(body, "credential");
    if (credential && !cJSON_IsString(credential))
        faults_add(faults, "credential", FAULT_TYPE, "must be a string");
    else if (credential && !trunk_credential_is_good(credential->valuestring))
        faults_add(faults, "credential", FAULT_CHARACTERS, "must have 1 to %d characters of printable ASCII",
                   TRUNK_CREDENTIAL_MOST);
}

/* ---- caller ids ---- */

/* They are kept in one form, E.164. */
static void read_caller_ids(const cJSON *body, struct resource_change *change, struct faults *faults)
{
    const cJSON *given = member_of(body, "callerIds"), *item;
    uint64_t before = faults_count(faults);
    size_t i = 0;
    if (!given)
        return;
    if (!cJSON_IsArray(given)) {
        faults_add(faults, "callerIds", FAULT_TYPE, "must be a list of numbers as text");
        return;
    }
    if (cJSON_GetArraySize(given) < 1 || cJSON_GetArraySize(given) > LIMIT_CALLER_IDS) {
        faults_add(faults, "callerIds", FAULT_LENGTH, "must hold 1 to %d numbers", LIMIT_CALLER_IDS);
        return;
    }
    char numbers_kept[LIMIT_CALLER_IDS][PHONE_TEXT_LEN + 1];
    const char *texts[LIMIT_CALLER_IDS];
    cJSON_ArrayForEach(item, given)
    {
        uint64_t digits;
        if (!cJSON_IsString(item) || phone_parse(item->valuestring, strlen(item->valuestring), &digits) != 0)
            faults_add_path(faults, FAULT_NUMBER, "must be a number in E.164, such as +15550001111", "callerIds[%zu]",
                            i);
        else
            phone_format(digits, numbers_kept[i]);
        texts[i] = numbers_kept[i];
        i++;
    }
    if (faults_count(faults) > before)
        return;
    cJSON *list = cJSON_CreateStringArray(texts, (int)i);
    resource_put_json(change, "caller_ids", list);
    cJSON_Delete(list);
}

/* ---- variables ---- */

/* A profile's names: letters, digits, _ and - */
static bool is_variable_name(const char *name)
{
    size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    return len > 0 && len <= VARIABLE_NAME_MOST && name[len] == '\0';
}

static bool is_variable_value(const char *value)
{
    size_t len = strlen(value);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)value[i] < 0x20 || value[i] == 0x7F)
            return false;
    }
    return len > 0 && len <= VARIABLE_VALUE_MOST && utf8_is_valid(value, len);
}

static void read_variable(const cJSON *variable, struct resource_change *change, struct faults *faults)
{
    char field[sizeof VARIABLE_PREFIX + VARIABLE_NAME_MOST];
    if (!is_variable_name(variable->string)) {
        faults_add_path(faults, FAULT_CHARACTERS, "must have a name of 1 to 64 letters, digits, _ and -",
                        "variables.%s", variable->string);
        return;
    }
    snprintf(field, sizeof field, VARIABLE_PREFIX "%s", variable->string);
    if (cJSON_IsNull(variable))
        resource_put_str(change, field, "");
    else if (!cJSON_IsString(variable) || !is_variable_value(variable->valuestring))
        faults_add_path(faults, FAULT_CHARACTERS, "must be a text of 1 to 1024 bytes, or null", "variables.%s",
                        variable->string);
    else
        resource_put_str(change, field, variable->valuestring);
}
_Static_assert(VARIABLE_NAME_MOST == 64 && VARIABLE_VALUE_MOST == 1024, "the messages name the limits");

static void read_variables(const cJSON *body, struct resource_change *change, struct faults *faults)
{
    const cJSON *variables = member_of(body, "variables"), *variable;
    if (!variables)
        return;
    if (!cJSON_IsObject(variables)) {
        faults_add(faults, "variables", FAULT_TYPE, "must be an object of texts");
        return;
    }
    if (cJSON_GetArraySize(variables) > LIMIT_TRUNK_VARIABLES) {
        faults_add(faults, "variables", FAULT_TOO_MANY, "must hold at most %d", LIMIT_TRUNK_VARIABLES);
        return;
    }
    cJSON_ArrayForEach(variable, variables)
    {
        read_variable(variable, change, faults);
    }
}

void trunk_settings_read(const cJSON *body, bool is_new, struct resource_change *change, struct faults *faults)
{
    static const char *const required[] = {"profile", "credential", "callerIds", "cps"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        resource_read_number(change, body, &numbers[i], faults);
    read_profile(body, change, faults);
    read_base_url(body, change, faults);
    read_credential(body, faults);
    read_variables(body, change, faults);
    read_caller_ids(body, change, faults);
    if (is_new)
        resource_require(body, required, sizeof required / sizeof required[0], faults);
}

/* ---- together with its profile ---- */

static void refuse_profile(const char *name, struct faults *faults)
{
    struct buf names;
    const char *known;
    int err = 0;
    buf_init(&names, NAMES_MOST);
    for (size_t i = 0; (known = provider_profile_builtin_name(i)) && !err; i++)
        err = buf_printf(&names, "%s%s", i == 0 ? "" : ", ", known);
    faults_add(faults, "profile", FAULT_NOT_ALLOWED, "there is no profile '%.40s'; there is: %s", name,
               buf_str(&names));
    buf_free(&names);
}

/* The rule of that name; false where the profile has none. */
static bool find_rule(const struct provider_profile *profile, const char *name, struct provider_variable_rule *ret_rule)
{
    for (size_t i = 0; provider_profile_variable(profile, i, ret_rule); i++) {
        if (strcmp(ret_rule->name, name) == 0)
            return true;
    }
    return false;
}

static void refuse_variable(const struct provider_profile *profile, const char *name, struct faults *faults)
{
    struct provider_variable_rule rule;
    struct buf message;
    buf_init(&message, FAULT_MESSAGE_LEN);
    int err = buf_printf(&message, "profile %s has no such variable; it has: %s", provider_profile_name(profile),
                         provider_profile_variable(profile, 0, &rule) ? rule.name : "none");
    for (size_t i = 1; provider_profile_variable(profile, i, &rule) && !err; i++)
        err = buf_printf(&message, ", %s", rule.name);
    faults_add_path(faults, FAULT_UNKNOWN_FIELD, buf_str(&message), "variables.%s", name);
    buf_free(&message);
}

/* What is given, put over what the trunk has. */
static int join_variables(struct trunk_settings *has, const cJSON *body, const struct provider_profile *profile,
                          struct faults *faults)
{
    struct provider_variable_rule rule;
    const cJSON *variable;
    int err = 0;
    cJSON_ArrayForEach(variable, member_of(body, "variables"))
    {
        const char *value = cJSON_IsString(variable) ? variable->valuestring : "";
        if (value[0] && !find_rule(profile, variable->string, &rule))
            refuse_variable(profile, variable->string, faults);
        if (!err)
            err = put_variable(has, variable->string, value);
    }
    return err;
}

/* What the profile says of one variable, in words that tell what it is for. */
static void pass_on(const struct provider_profile *profile, const struct fault *fault, struct faults *faults)
{
    static const char prefix[] = "variables.";
    struct provider_variable_rule rule;
    const char *name = strncmp(fault->path, prefix, sizeof prefix - 1) == 0 ? fault->path + sizeof prefix - 1 : "";
    if (strcmp(fault->code, FAULT_REQUIRED) == 0 && find_rule(profile, name, &rule))
        faults_add(faults, fault->path, FAULT_REQUIRED, "profile %s needs it: %s", provider_profile_name(profile),
                   rule.about);
    else
        faults_add(faults, fault->path, fault->code, "%s", fault->message);
}

/* What the profile does not know is passed over: it may be from a profile that the trunk had before. */
static void check_variables(const struct provider_profile *profile, const cJSON *variables, struct faults *faults)
{
    struct provider_variable given[LIMIT_TRUNK_VARIABLES];
    struct provider_variable_rule rule;
    struct faults found;
    size_t n = 0;
    const cJSON *variable;
    cJSON_ArrayForEach(variable, variables)
    {
        if (n < LIMIT_TRUNK_VARIABLES && find_rule(profile, variable->string, &rule))
            given[n++] = (struct provider_variable){.name = variable->string, .value = variable->valuestring};
    }
    faults_init(&found, LIMIT_FAULTS);
    (void)!provider_profile_check_trunk(profile, given, n, &found);
    for (size_t i = 0; i < found.n; i++)
        pass_on(profile, &found.items[i], faults);
    faults_free(&found);
}

int trunk_settings_judge(struct trunk_settings *has, const cJSON *body, struct faults *faults)
{
    const cJSON *name = member_of(body, "profile"), *url = member_of(body, "baseUrl");
    struct provider_profile *profile;
    int err = name ? put_profile(has, name->valuestring) : 0;
    if (err)
        return err;
    if (!has->profile) {
        faults_add(faults, "profile", FAULT_REQUIRED, "is required");
        return 0;
    }
    err = provider_profile_builtin(has->profile, &profile);
    if (err == ERR_NOT_FOUND) {
        refuse_profile(has->profile, faults);
        return 0;
    }
    if (err)
        return err;
    has->has_base_url = url ? !cJSON_IsNull(url) : has->has_base_url;
    err = join_variables(has, body, profile, faults);
    if (!err)
        check_variables(profile, has->variables, faults);
    if (!has->has_base_url && !provider_profile_base_url(profile))
        faults_add(faults, "baseUrl", FAULT_REQUIRED, "profile %s needs it", provider_profile_name(profile));
    provider_profile_free(profile);
    return err;
}

/* ---- the credential ---- */

int trunk_settings_seal(const cJSON *body, const char *id, const struct seal_keys *keys, struct resource_change *change)
{
    const cJSON *credential = member_of(body, "credential");
    char context[sizeof "trunk/" + LIMIT_ID_LEN];
    char *sealed;
    if (!credential)
        return 0;
    snprintf(context, sizeof context, "trunk/%s", id);
    int err = seal_secret(keys, context, credential->valuestring, strlen(credential->valuestring), &sealed);
    if (err)
        return err;
    resource_put_str(change, "credential", sealed);
    free(sealed);
    return 0;
}

void trunk_settings_delete_body(cJSON *body)
{
    const cJSON *credential = member_of(body, "credential");
    if (cJSON_IsString(credential))
        explicit_bzero(credential->valuestring, strlen(credential->valuestring));
    cJSON_Delete(body);
}
