/* SPDX-License-Identifier: Apache-2.0 */
#include "common/provider/provider.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ident.h"
#include "common/json/json.h"
#include "common/provider/provider_section.h"
#include "profiles.h"

/* The widest that a platform's own bounds may be, seconds. */
#define RING_TIMEOUT_MAX_S 600
#define CALL_DURATION_MAX_S 86400

static const char *const kind_names[] = {"none", "ringing", "ongoing", "ended", "analyzed"};

const char *provider_kind_name(enum provider_kind kind)
{
    return kind_names[kind];
}

int provider_kind_from_name(const char *name, enum provider_kind *ret_kind)
{
    for (size_t i = 0; i < sizeof kind_names / sizeof kind_names[0]; i++) {
        if (strcmp(kind_names[i], name) == 0) {
            *ret_kind = (enum provider_kind)i;
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

/* ---- sections of the profile as a whole ---- */

static void read_limits(struct lint *l, const cJSON *tree, struct provider_profile *profile)
{
    static const char *const names[] = {"ring_timeout_s", "max_call_duration_s", NULL};
    int64_t ring[2] = {1, RING_TIMEOUT_MAX_S};
    int64_t duration[2] = {1, CALL_DURATION_MAX_S};
    const cJSON *limits = lint_object(l, tree, "limits", LINT_OPTIONAL);
    if (limits != NULL) {
        size_t mark = lint_enter(l, "limits");
        lint_members(l, limits, names);
        lint_range(l, limits, "ring_timeout_s", 1, RING_TIMEOUT_MAX_S, ring);
        lint_range(l, limits, "max_call_duration_s", 1, CALL_DURATION_MAX_S, duration);
        lint_leave(l, mark);
    }
    for (int i = 0; i < 2; i++) {
        profile->ring_timeout_s[i] = (int)ring[i];
        profile->max_call_duration_s[i] = (int)duration[i];
    }
}

static void read_auth(struct lint *l, const cJSON *tree, struct provider_profile *profile)
{
    static const char *const names[] = {"kind", "header", "user", NULL};
    static const char *const kinds[] = {"none", "bearer", "header", "basic", NULL};
    struct profile_auth *auth = &profile->auth;
    const cJSON *section = lint_object(l, tree, "auth", LINT_REQUIRED);
    if (section == NULL)
        return;
    size_t mark = lint_enter(l, "auth");
    lint_members(l, section, names);
    int kind = lint_word(l, section, "kind", LINT_REQUIRED, kinds);
    auth->kind = kind >= 0 ? (enum auth_kind)kind : AUTH_NONE;
    auth->header = lint_header_name(l, section, "header", auth->kind == AUTH_HEADER ? LINT_REQUIRED : LINT_OPTIONAL);
    auth->user = lint_text(l, section, "user", auth->kind == AUTH_BASIC ? LINT_REQUIRED : LINT_OPTIONAL);
    if (auth->user != NULL) {
        size_t user_mark = lint_enter(l, "user");
        section_template(l, cJSON_GetObjectItemCaseSensitive(section, "user"), 0, PLACE_HEADER, profile->variables);
        lint_leave(l, user_mark);
    }
    if ((auth->header != NULL && auth->kind != AUTH_HEADER) || (auth->user != NULL && auth->kind != AUTH_BASIC))
        lint_fault(l, FAULT_NOT_ALLOWED, "has a member that its kind does not use");
    lint_leave(l, mark);
}

static void check_values(struct lint *l, const cJSON *values)
{
    size_t mark = lint_enter(l, "values");
    size_t index = 0;
    for (const cJSON *value = values ? values->child : NULL; value != NULL; value = value->next) {
        size_t value_mark = lint_enter_index(l, index++);
        if (!cJSON_IsString(value) || value->valuestring[0] == '\0')
            lint_fault(l, FAULT_TYPE, "must be a text, in which * stands for any run of characters");
        lint_leave(l, value_mark);
    }
    lint_leave(l, mark);
}

static void read_variables(struct lint *l, const cJSON *tree, struct provider_profile *profile)
{
    static const char *const names[] = {"required", "about", "values", NULL};
    profile->variables = lint_object(l, tree, "variables", LINT_OPTIONAL);
    size_t mark = lint_enter(l, "variables");
    const cJSON *variable = profile->variables ? profile->variables->child : NULL;
    for (; variable != NULL; variable = variable->next) {
        size_t variable_mark = lint_enter(l, variable->string);
        if (!ident_is_valid(variable->string, strlen(variable->string), LIMIT_ID_LEN))
            lint_fault(l, FAULT_CHARACTERS, "must be named with letters, digits, _ and -");
        if (cJSON_IsObject(variable)) {
            lint_members(l, variable, names);
            lint_bool(l, variable, "required");
            lint_text(l, variable, "about", LINT_REQUIRED);
            check_values(l, lint_array(l, variable, "values", LINT_OPTIONAL));
        } else {
            lint_fault(l, FAULT_TYPE, "must be an object");
        }
        lint_leave(l, variable_mark);
    }
    lint_leave(l, mark);
}

static void read_sections(struct lint *l, const cJSON *tree, struct provider_profile *profile)
{
    /* In this order: a callback's token may be read from the call. */
    static const struct {
        const char *name;
        enum lint_need need;
        void (*read)(struct lint *l, const cJSON *object, struct provider_profile *profile);
    } sections[] = {
        {"start", LINT_REQUIRED, section_start},       {"call", LINT_REQUIRED, section_call},
        {"poll", LINT_OPTIONAL, section_poll},         {"lookup", LINT_OPTIONAL, section_lookup},
        {"cancel", LINT_OPTIONAL, section_cancel},     {"hang_up", LINT_OPTIONAL, section_hang_up},
        {"callback", LINT_OPTIONAL, section_callback},
    };
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        const cJSON *section = lint_object(l, tree, sections[i].name, sections[i].need);
        if (section == NULL)
            continue;
        size_t mark = lint_enter(l, sections[i].name);
        sections[i].read(l, section, profile);
        lint_leave(l, mark);
    }
    if (!cJSON_HasObjectItem(tree, "poll") && !cJSON_HasObjectItem(tree, "callback"))
        lint_fault(l, FAULT_REQUIRED, "has neither poll nor callback: no call would ever end");
}

static void read_profile(struct lint *l, struct provider_profile *profile)
{
    static const char *const names[] = {"format", "name",      "about",   "base_url", "limits",
                                        "auth",   "variables", "start",   "call",     "poll",
                                        "lookup", "cancel",    "hang_up", "callback", NULL};
    const cJSON *tree = profile->tree;
    if (!cJSON_IsObject(tree)) {
        lint_fault(l, FAULT_TYPE, "must be an object");
        return;
    }
    lint_members(l, tree, names);
    if (lint_int(l, tree, "format", 1, 1, 0) == 0 && !cJSON_HasObjectItem(tree, "format"))
        lint_fault_in(l, "format", FAULT_REQUIRED, "is required; this engine reads format 1");
    profile->name = lint_text(l, tree, "name", LINT_REQUIRED);
    if (profile->name != NULL && !ident_is_valid(profile->name, strlen(profile->name), LIMIT_ID_LEN))
        lint_fault_in(l, "name", FAULT_CHARACTERS, "must be of letters, digits, _ and -");
    lint_text(l, tree, "about", LINT_REQUIRED);
    profile->base_url = lint_text(l, tree, "base_url", LINT_OPTIONAL);
    if (profile->base_url != NULL && strncmp(profile->base_url, "https://", 8) != 0)
        lint_fault_in(l, "base_url", FAULT_URL, "must begin with https://");
    read_limits(l, tree, profile);
    read_variables(l, tree, profile);
    read_auth(l, tree, profile);
    read_sections(l, tree, profile);
}

/* ---- loading ---- */

int provider_profile_load(const char *json, size_t len, struct faults *faults, struct provider_profile **ret_profile)
{
    struct lint lint = {.faults = faults};
    struct json_fault fault;
    if (len > LIMIT_PROFILE_BYTES)
        return ERR_TOO_LARGE;
    struct provider_profile *profile = calloc(1, sizeof *profile);
    if (profile == NULL)
        return ERR_NOMEM;
    int rc = json_parse(json, len, &profile->tree, &fault);
    if (rc == ERR_INVALID)
        faults_add(faults, fault.path, FAULT_SYNTAX, "%s (at byte %zu)", fault.reason, fault.offset);
    if (rc != 0)
        goto cleanup;
    read_profile(&lint, profile);
    if (lint.n_faults > 0) {
        rc = ERR_INVALID;
        goto cleanup;
    }
    *ret_profile = profile;
    profile = NULL;
cleanup:
    provider_profile_free(profile);
    return rc;
}

int provider_profile_builtin(const char *name, struct provider_profile **ret_profile)
{
    for (const struct profile_source *source = profile_sources; source->name != NULL; source++) {
        if (strcmp(source->name, name) == 0)
            return provider_profile_load(source->json, source->len, NULL, ret_profile);
    }
    return ERR_NOT_FOUND;
}

const char *provider_profile_builtin_name(size_t index)
{
    const struct profile_source *source = profile_sources;
    while (source->name != NULL && index > 0) {
        source++;
        index--;
    }
    return source->name;
}

void provider_profile_free(struct provider_profile *profile)
{
    if (profile == NULL)
        return;
    cJSON_Delete(profile->tree);
    free(profile);
}

/* ---- what a profile tells ---- */

const char *provider_profile_name(const struct provider_profile *profile)
{
    return profile->name;
}

const char *provider_profile_base_url(const struct provider_profile *profile)
{
    return profile->base_url;
}

bool provider_profile_variable(const struct provider_profile *profile, size_t index,
                               struct provider_variable_rule *ret_rule)
{
    const cJSON *variable = profile->variables ? profile->variables->child : NULL;
    for (; variable != NULL && index > 0; index--)
        variable = variable->next;
    if (variable == NULL)
        return false;
    *ret_rule = (struct provider_variable_rule){
        .name = variable->string,
        .about = cJSON_GetObjectItemCaseSensitive(variable, "about")->valuestring,
        .is_required = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(variable, "required")),
    };
    return true;
}

bool provider_profile_can_poll(const struct provider_profile *profile)
{
    return profile->poll.request.method != NULL;
}

bool provider_profile_can_lookup(const struct provider_profile *profile)
{
    return profile->lookup.ask.request.method != NULL;
}

int64_t provider_profile_lookup_span_ms(const struct provider_profile *profile)
{
    const struct profile_lookup *lookup = &profile->lookup;
    if (!provider_profile_can_lookup(profile) || lookup->is_by_token)
        return 0;
    return lookup->window_ms[1] - lookup->window_ms[0] + 1;
}

bool provider_profile_can_cancel(const struct provider_profile *profile)
{
    return profile->cancel.request.method != NULL;
}

bool provider_profile_can_queue(const struct provider_profile *profile)
{
    return profile->start.queue.at != NULL;
}

bool provider_profile_can_hang_up(const struct provider_profile *profile)
{
    return profile->hang_up.request.method != NULL;
}

bool provider_profile_can_summarise(const struct provider_profile *profile)
{
    return profile->call.summary != NULL;
}

bool provider_profile_signs_callbacks(const struct provider_profile *profile)
{
    return profile->has_callback && profile->callback.signature_kind != NULL;
}

int64_t provider_profile_dedup_window_ms(const struct provider_profile *profile)
{
    return profile->start.dedup_window_ms;
}

static int clamp(int value, const int range[2])
{
    if (value < range[0])
        return range[0];
    return value > range[1] ? range[1] : value;
}

void provider_profile_clamp(const struct provider_profile *profile, int *ring_timeout_s, int *max_call_duration_s)
{
    *ring_timeout_s = clamp(*ring_timeout_s, profile->ring_timeout_s);
    *max_call_duration_s = clamp(*max_call_duration_s, profile->max_call_duration_s);
}

static void check_variable(struct lint *l, const struct provider_profile *profile,
                           const struct provider_variable *variable)
{
    const cJSON *rules = cJSON_GetObjectItemCaseSensitive(profile->variables, variable->name);
    if (rules == NULL) {
        lint_fault_in(l, variable->name, FAULT_UNKNOWN_FIELD, "is not a variable of the trunk's profile");
        return;
    }
    const cJSON *values = cJSON_GetObjectItemCaseSensitive(rules, "values");
    const cJSON *value = values ? values->child : NULL;
    bool is_good = value == NULL || variable->value[0] == '\0';
    char message[FAULT_MESSAGE_LEN] = "must be like";
    for (size_t at = strlen(message); value != NULL; value = value->next) {
        is_good = is_good || pattern_matches(value->valuestring, variable->value);
        int n =
            snprintf(message + at, sizeof message - at, "%s %s", value == values->child ? "" : ",", value->valuestring);
        at += n > 0 && at + (size_t)n < sizeof message ? (size_t)n : 0;
    }
    if (!is_good)
        lint_fault_in(l, variable->name, FAULT_RANGE, message);
}

int provider_profile_check_trunk(const struct provider_profile *profile, const struct provider_variable *variables,
                                 size_t n_variables, struct faults *faults)
{
    const struct provider_trunk trunk = {.variables = variables, .n_variables = n_variables};
    struct lint lint = {.faults = faults};
    lint_enter(&lint, "variables");
    const cJSON *variable = profile->variables ? profile->variables->child : NULL;
    for (; variable != NULL; variable = variable->next) {
        bool is_required = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(variable, "required"));
        if (is_required && trunk_variable(&trunk, variable->string, strlen(variable->string)) == NULL)
            lint_fault_in(&lint, variable->string, FAULT_REQUIRED, "is required by the trunk's profile");
    }
    for (size_t i = 0; i < n_variables; i++)
        check_variable(&lint, profile, &variables[i]);
    return lint.n_faults > 0 ? ERR_INVALID : 0;
}
