/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/settings_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ident.h"
#include "common/base/utf8.h"
#include "common/domain/phone.h"
#include "common/json/json.h"

#define VARIABLE_PREFIX "var:"
#define DELAY_MOST_MS LIMIT_SCHEDULE_AHEAD_MS /* a newer fleet may permit more than we do, but not for ever */

enum batch_field {
    FIELD_TENANT,
    FIELD_TRUNK,
    FIELD_AGENT_ID,
    FIELD_MAX_ATTEMPTS,
    FIELD_NO_ANSWER_DELAY,
    FIELD_BUSY_DELAY,
    FIELD_VOICEMAIL_DELAY,
    FIELD_FAILED_DELAY,
    FIELD_ON_UNKNOWN,
    FIELD_RING,
    FIELD_TALK,
    FIELD_SUMMARY_WAIT,
    FIELD_CALLER_IDS,
    FIELD_STATE,
    FIELD_COLUMNS,
};

const char *const settings_batch_fields[SETTINGS_BATCH_FIELDS] = {
    [FIELD_TENANT] = "tenant",
    [FIELD_TRUNK] = "trunk",
    [FIELD_AGENT_ID] = "agent_id",
    [FIELD_MAX_ATTEMPTS] = "max_attempts",
    [FIELD_NO_ANSWER_DELAY] = "no_answer_delay_ms",
    [FIELD_BUSY_DELAY] = "busy_delay_ms",
    [FIELD_VOICEMAIL_DELAY] = "voicemail_delay_ms",
    [FIELD_FAILED_DELAY] = "failed_delay_ms",
    [FIELD_ON_UNKNOWN] = "on_unknown",
    [FIELD_RING] = "ring_s",
    [FIELD_TALK] = "talk_s",
    [FIELD_SUMMARY_WAIT] = "summary_wait_ms",
    [FIELD_CALLER_IDS] = "caller_ids",
    [FIELD_STATE] = "state",
    [FIELD_COLUMNS] = "columns",
};

/* A number that may be absent. */
static int read_number(const struct redisReply *reply, int64_t min, int64_t max, int64_t fallback, int64_t *ret)
{
    int64_t value = fallback;
    if (reply && !reply_is_nil(reply)) {
        int rc = reply_i64(reply, &value);
        if (rc != 0 || value < min || value > max)
            return ERR_INVALID;
    }
    *ret = value;
    return 0;
}

static int read_id(const struct redisReply *reply, char *ret, size_t cap)
{
    const char *text;
    size_t len;
    if (reply_str(reply, &text, &len) != 0 || !ident_is_valid(text, len, cap - 1))
        return ERR_INVALID;
    memcpy(ret, text, len + 1);
    return 0;
}

static int copy_text(const struct redisReply *reply, char **ret)
{
    const char *text;
    size_t len;
    if (reply_str(reply, &text, &len) != 0 || memchr(text, '\0', len) || !utf8_is_valid(text, len))
        return ERR_INVALID;
    *ret = strdup(text);
    return *ret ? 0 : ERR_NOMEM;
}

/* A JSON array of E.164 numbers, or nothing. */
static int read_caller_ids(const struct redisReply *reply, uint64_t ids[LIMIT_CALLER_IDS], size_t *ret_n)
{
    *ret_n = 0;
    if (!reply || reply_is_nil(reply))
        return 0;
    const char *text;
    size_t len;
    cJSON *array = NULL;
    if (reply_str(reply, &text, &len) != 0 || json_parse(text, len, &array, NULL) != 0)
        return ERR_INVALID;
    int rc = cJSON_IsArray(array) && cJSON_GetArraySize(array) <= LIMIT_CALLER_IDS ? 0 : ERR_INVALID;
    size_t n = 0;
    const cJSON *element;
    cJSON_ArrayForEach(element, array)
    {
        if (rc == 0 && !cJSON_IsString(element))
            rc = ERR_INVALID;
        if (rc == 0)
            rc = phone_parse(element->valuestring, strlen(element->valuestring), &ids[n++]);
    }
    cJSON_Delete(array);
    if (rc == 0)
        *ret_n = n;
    return rc;
}

static int read_retry(const struct redisReply *reply, struct retry_rules *ret)
{
    int64_t attempts = 0;
    struct retry_rules rules = {.on_unknown = ON_UNKNOWN_RETRY};
    int rc = read_number(reply_at(reply, FIELD_MAX_ATTEMPTS), 1, 100, 3, &attempts);
    rules.max_attempts = (int32_t)attempts;
    if (rc == 0)
        rc = read_number(reply_at(reply, FIELD_NO_ANSWER_DELAY), 0, DELAY_MOST_MS, 3600000, &rules.no_answer_delay_ms);
    if (rc == 0)
        rc = read_number(reply_at(reply, FIELD_BUSY_DELAY), 0, DELAY_MOST_MS, 300000, &rules.busy_delay_ms);
    if (rc == 0)
        rc = read_number(reply_at(reply, FIELD_VOICEMAIL_DELAY), 0, DELAY_MOST_MS, 0, &rules.voicemail_delay_ms);
    if (rc == 0)
        rc = read_number(reply_at(reply, FIELD_FAILED_DELAY), 0, DELAY_MOST_MS, rules.no_answer_delay_ms,
                         &rules.failed_delay_ms);
    const struct redisReply *on_unknown = reply_at(reply, FIELD_ON_UNKNOWN);
    const char *text;
    size_t len;
    if (rc == 0 && on_unknown && !reply_is_nil(on_unknown)) {
        if (reply_str(on_unknown, &text, &len) != 0 || on_unknown_from_name(text, len, &rules.on_unknown) != 0)
            rc = ERR_INVALID;
    }
    if (rc == 0)
        *ret = rules;
    return rc;
}

int settings_read_batch(const char *batch_id, const struct redisReply *reply, struct batch_settings *ret_batch,
                        char ret_trunk_id[LIMIT_ID_LEN + 1])
{
    if (reply_len(reply) != SETTINGS_BATCH_FIELDS)
        return ERR_PROTOCOL;
    if (reply_is_nil(reply_at(reply, FIELD_STATE)))
        return ERR_NOT_FOUND;
    struct batch_settings batch = {0};
    int64_t ring_s = 0, talk_s = 0;
    int rc = ident_is_valid(batch_id, strlen(batch_id), LIMIT_BATCH_ID_LEN) ? 0 : ERR_INVALID;
    if (rc == 0)
        memcpy(batch.id, batch_id, strlen(batch_id) + 1);
    if (rc == 0)
        rc = read_id(reply_at(reply, FIELD_TENANT), batch.tenant, sizeof batch.tenant);
    if (rc == 0)
        rc = read_id(reply_at(reply, FIELD_TRUNK), ret_trunk_id, LIMIT_ID_LEN + 1);
    if (rc == 0)
        rc = copy_text(reply_at(reply, FIELD_AGENT_ID), &batch.agent_id);
    if (rc == 0)
        rc = read_retry(reply, &batch.retry);
    if (rc == 0)
        rc = read_number(reply_at(reply, FIELD_RING), 1, 600, 30, &ring_s);
    if (rc == 0)
        rc = read_number(reply_at(reply, FIELD_TALK), 1, 86400, 1800, &talk_s);
    if (rc == 0)
        rc = read_number(reply_at(reply, FIELD_SUMMARY_WAIT), 0, 86400000, 120000, &batch.summary_wait_ms);
    if (rc == 0)
        rc = read_caller_ids(reply_at(reply, FIELD_CALLER_IDS), batch.caller_ids, &batch.n_caller_ids);
    if (rc != 0) {
        settings_batch_clear(&batch);
        return rc;
    }
    batch.ring_timeout_s = (int)ring_s;
    batch.max_call_duration_s = (int)talk_s;
    batch.has_columns = !reply_is_nil(reply_at(reply, FIELD_COLUMNS));
    *ret_batch = batch;
    return 0;
}

void settings_batch_clear(struct batch_settings *batch)
{
    free(batch->agent_id);
    free(batch->columns);
    batch->agent_id = batch->columns = NULL;
}

/* The trunk's variables are the fields "var:<name>". */
static int read_variables(const struct redisReply *reply, struct trunk_settings *trunk)
{
    struct provider_variable *variables = calloc(LIMIT_TRUNK_VARIABLES, sizeof *variables);
    if (!variables)
        return ERR_NOMEM;
    trunk->provider.variables = variables;
    for (size_t i = 0; i + 1 < reply_len(reply); i += 2) {
        const char *name;
        size_t len;
        if (reply_str(reply_at(reply, i), &name, &len) != 0 ||
            strncmp(name, VARIABLE_PREFIX, sizeof VARIABLE_PREFIX - 1) != 0)
            continue;
        if (trunk->provider.n_variables == LIMIT_TRUNK_VARIABLES)
            return ERR_TOO_LARGE;
        struct provider_variable *variable = &variables[trunk->provider.n_variables++];
        char *value = NULL;
        int rc = copy_text(reply_at(reply, i + 1), &value);
        variable->value = value;
        variable->name = strdup(name + sizeof VARIABLE_PREFIX - 1);
        if (rc != 0 || !variable->name)
            return rc != 0 ? rc : ERR_NOMEM;
    }
    return 0;
}

static int open_credential(const struct redisReply *reply, const struct seal_keys *keys, struct trunk_settings *trunk)
{
    const struct redisReply *field = reply_field(reply, "credential");
    const char *text;
    size_t len;
    char context[sizeof "trunk/" + LIMIT_ID_LEN];
    snprintf(context, sizeof context, "trunk/%s", trunk->id);
    if (reply_str(field, &text, &len) != 0)
        return ERR_INVALID;
    char *credential;
    size_t credential_len;
    int rc = seal_open(keys, context, text, len, &credential, &credential_len);
    if (rc != 0)
        return rc;
    trunk->provider.credential = credential;
    trunk->provider.credential_len = credential_len;
    return 0;
}

static int load_profile(const struct redisReply *reply, struct trunk_settings *trunk)
{
    const char *name;
    size_t len;
    if (reply_str(reply_field(reply, "profile"), &name, &len) != 0)
        return ERR_INVALID;
    int rc = provider_profile_builtin(name, &trunk->profile);
    return rc == ERR_NOT_FOUND ? ERR_INVALID : rc; /* there is such a trunk: a newer fleet may know its platform */
}

int settings_read_trunk(const char *trunk_id, const struct redisReply *reply, const struct seal_keys *keys,
                        const char *callback_base, struct trunk_settings *ret_trunk)
{
    if (reply_len(reply) == 0)
        return ERR_NOT_FOUND;
    struct trunk_settings trunk = {.provider = {.callback_base = callback_base}};
    int rc = ident_is_valid(trunk_id, strlen(trunk_id), LIMIT_ID_LEN) ? 0 : ERR_INVALID;
    if (rc == 0)
        memcpy(trunk.id, trunk_id, strlen(trunk_id) + 1);
    if (rc == 0)
        rc = load_profile(reply, &trunk);
    if (rc == 0)
        rc = open_credential(reply, keys, &trunk);
    char *base_url = NULL;
    if (rc == 0 && reply_field(reply, "base_url"))
        rc = copy_text(reply_field(reply, "base_url"), &base_url);
    trunk.provider.base_url = base_url;
    if (rc == 0)
        rc = read_variables(reply, &trunk);
    if (rc == 0)
        rc = read_caller_ids(reply_field(reply, "caller_ids"), trunk.caller_ids, &trunk.n_caller_ids);
    if (rc == 0)
        rc = read_number(reply_field(reply, "poll_after_ms"), 0, 86400000, 0, &trunk.poll_after_ms);
    if (rc == 0)
        rc = read_number(reply_field(reply, "lookup_absent_after_ms"), 0, 86400000, 0, &trunk.lookup_absent_after_ms);
    if (rc != 0) {
        settings_trunk_clear(&trunk);
        return rc;
    }
    *ret_trunk = trunk;
    return 0;
}

void settings_trunk_clear(struct trunk_settings *trunk)
{
    provider_profile_free(trunk->profile);
    free((char *)trunk->provider.base_url);
    seal_secret_free((char *)trunk->provider.credential, trunk->provider.credential_len);
    for (size_t i = 0; i < trunk->provider.n_variables; i++) {
        free((char *)trunk->provider.variables[i].name);
        free((char *)trunk->provider.variables[i].value);
    }
    free((struct provider_variable *)trunk->provider.variables);
    *trunk = (struct trunk_settings){0};
}
