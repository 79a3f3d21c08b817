/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/trunk_settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/utf8.h"
#include "common/domain/phone.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/cli/out.h"
#include "producer/cli/profile.h"

#define PREFIX_LEN (sizeof TRUNK_VARIABLE_PREFIX - 1)

/* ---- single values ---- */

int trunk_check_base_url(const char *text, const char **ret_why)
{
    *ret_why = "must be http://HOST or https://HOST, perhaps with a port and a path; no user, no query";
    if (text[0] == '\0')
        return 0;
    size_t scheme = strncmp(text, "http://", 7) == 0 ? 7 : strncmp(text, "https://", 8) == 0 ? 8 : 0;
    size_t authority = strcspn(text + scheme, "/");
    if (scheme == 0 || authority == 0 || memchr(text + scheme, '@', authority) || strlen(text) > LIMIT_URL_LEN / 2)
        return ERR_INVALID;
    for (const char *at = text; *at; at++) {
        if (*at <= 0x20 || *at >= 0x7F || strchr("?#\\", *at))
            return ERR_INVALID;
    }
    return 0;
}

int trunk_check_caller_id(const char *text, const char **ret_why)
{
    uint64_t digits;
    *ret_why = "must be a number in E.164, such as +15550001111";
    return phone_parse(text, strlen(text), &digits);
}

/* A profile's names: letters, digits, _ and - */
static size_t name_len(const char *text)
{
    return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
}

int trunk_check_variable(const char *text, const char **ret_why)
{
    size_t len = name_len(text);
    *ret_why = "must be NAME=VALUE, the value of at most 1024 bytes of text";
    if (len == 0 || len > TRUNK_VARIABLE_NAME_MOST || text[len] != '=')
        return ERR_INVALID;
    const char *value = text + len + 1;
    size_t value_len = strlen(value);
    for (size_t i = 0; i < value_len; i++) {
        if ((unsigned char)value[i] < 0x20 || value[i] == 0x7F)
            return ERR_INVALID;
    }
    return value_len <= PROFILE_VALUE_MOST && utf8_is_valid(value, value_len) ? 0 : ERR_INVALID;
}
_Static_assert(PROFILE_VALUE_MOST == 1024, "the message names the limit");

struct trunk_variable trunk_variable_of(const char *text)
{
    struct trunk_variable variable;
    size_t len = name_len(text);
    snprintf(variable.field, sizeof variable.field, TRUNK_VARIABLE_PREFIX "%.*s", (int)len, text);
    variable.value = text + len + 1;
    return variable;
}

/* ---- what is there ---- */

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

static int take_field(struct trunk_settings *settings, const char *field, const char *value)
{
    if (strcmp(field, "state") == 0)
        settings->is_stopped = strcmp(value, "stopped") == 0;
    else if (strcmp(field, "base_url") == 0)
        settings->has_base_url = true;
    else if (strcmp(field, "profile") == 0)
        settings->profile = strdup(value);
    else if (strncmp(field, TRUNK_VARIABLE_PREFIX, PREFIX_LEN) == 0)
        return put_variable(settings, field + PREFIX_LEN, value);
    return strcmp(field, "profile") == 0 && !settings->profile ? ERR_NOMEM : 0;
}

static int take_hash(const struct redisReply *reply, void *arg)
{
    int rc = reply_len(reply) == 0 ? ERR_NOT_FOUND : 0;
    for (size_t i = 0; i + 1 < reply_len(reply) && rc == 0; i += 2) {
        const char *field, *value;
        size_t len;
        rc = reply_str(reply_at(reply, i), &field, &len);
        if (rc == 0)
            rc = reply_str(reply_at(reply, i + 1), &value, &len);
        if (rc == 0)
            rc = take_field(arg, field, value);
    }
    return rc;
}

int trunk_settings_read(struct session *s, const char *id, struct trunk_settings *ret_settings)
{
    struct trunk_settings settings = {.profile = NULL};
    struct key key = key_trunk(session_cell(s), id);
    const struct redis_arg args[] = {redis_arg_str("HGETALL"), key_arg(&key)};
    int rc = session_command(s, args, 2, take_hash, &settings);
    if (rc == ERR_NOT_FOUND)
        out_complain("there is no trunk %s in cell %s", id, session_cell(s));
    if (rc == 0)
        *ret_settings = settings;
    else
        trunk_settings_clear(&settings);
    return rc;
}

void trunk_settings_clear(struct trunk_settings *settings)
{
    free(settings->profile);
    cJSON_Delete(settings->variables);
}

/* ---- judging ---- */

static bool join_variables(struct trunk_settings *settings, const struct conf *conf,
                           const struct provider_profile *profile)
{
    bool is_good = true;
    for (size_t i = 0; i < conf_count(conf, "variable"); i++) {
        struct trunk_variable variable = trunk_variable_of(conf_str_at(conf, "variable", i));
        const char *name = variable.field + PREFIX_LEN;
        bool is_known = variable.value[0] == '\0' || profile_has_variable(profile, name);
        is_good = is_good && is_known && put_variable(settings, name, variable.value) == 0;
    }
    return is_good;
}

bool trunk_settings_hold(struct trunk_settings *settings, const struct conf *conf)
{
    const char *name = conf_is_set(conf, "profile") ? conf_str(conf, "profile") : settings->profile;
    const char *base_url = conf_str(conf, "base-url");
    struct provider_profile *profile;
    if (!name) {
        out_complain("the trunk has no profile: give it one with --profile");
        return false;
    }
    if (profile_load(name, &profile) != 0)
        return false;
    bool has_base_url = base_url ? base_url[0] != '\0' : settings->has_base_url;
    bool is_good = join_variables(settings, conf, profile) && profile_is_satisfied(profile, settings->variables);
    if (!has_base_url && !provider_profile_base_url(profile)) {
        out_complain("profile %s needs --base-url", name);
        is_good = false;
    }
    provider_profile_free(profile);
    return is_good;
}
