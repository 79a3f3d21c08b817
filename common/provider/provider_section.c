/* SPDX-License-Identifier: Apache-2.0 */
#include "common/provider/provider_section.h"

#include <stdio.h>
#include <string.h>

/* The longest window of a lookup, and of the platform's own deduplication. */
#define WINDOW_MAX_MS (7 * INT64_C(86400000))

/* What a signature may cover beside the URL that we see. */
#define SUFFIXES_MOST 4

/* Judges what a word of the platform is said to mean. */
typedef bool (*meaning_fn)(const char *meaning);

static bool is_state(const char *meaning)
{
    enum provider_kind kind;
    return provider_kind_from_name(meaning, &kind) == 0;
}

static bool is_target(const char *meaning)
{
    struct provider_target target;
    return provider_target_from_name(meaning, &target) == 0;
}

/* What a create that was answered can come to, beside ACCEPTED: never an outcome that only a placed call has. */
static bool is_start_target(const char *meaning)
{
    struct provider_target target;
    if (provider_target_from_name(meaning, &target) != 0)
        return false;
    return target.verdict != VERDICT_ACCEPTED || target.outcome == OUTCOME_FAILED ||
           target.outcome == OUTCOME_UNKNOWN || target.outcome == OUTCOME_INVALID_NUMBER ||
           target.outcome == OUTCOME_BLOCKED || target.outcome == OUTCOME_REJECTED;
}

static void check_map(struct lint *l, const cJSON *map, meaning_fn is_meaning, const char *message)
{
    size_t mark = lint_enter(l, "map");
    if (map->child == NULL)
        lint_fault(l, FAULT_REQUIRED, "must have a member");
    for (const cJSON *entry = map->child; entry != NULL; entry = entry->next) {
        if (!cJSON_IsString(entry) || !is_meaning(entry->valuestring))
            lint_fault_in(l, entry->string, FAULT_RANGE, message);
    }
    lint_leave(l, mark);
}

/* The members "pointer" and "map" of `object`. */
static void read_words(struct lint *l, const cJSON *object, meaning_fn is_meaning, const char *message,
                       struct word_map *ret_words)
{
    ret_words->at = lint_pointers(l, object, "pointer", LINT_REQUIRED);
    ret_words->map = lint_object(l, object, "map", LINT_REQUIRED);
    if (ret_words->map != NULL)
        check_map(l, ret_words->map, is_meaning, message);
}

static const char state_message[] = "must be ringing, ongoing, ended, analyzed or none";
static const char target_message[] = "must be an outcome that a platform can report, or THROTTLED or ACCOUNT";
static const char start_message[] = "must be THROTTLED, ACCOUNT, UNKNOWN, REJECTED, INVALID_NUMBER, BLOCKED or FAILED";

static void read_state(struct lint *l, const cJSON *object, const char *name, enum lint_need need,
                       struct word_map *ret_words)
{
    static const char *const names[] = {"pointer", "map", NULL};
    const cJSON *section = lint_object(l, object, name, need);
    if (section == NULL)
        return;
    size_t mark = lint_enter(l, name);
    lint_members(l, section, names);
    read_words(l, section, is_state, state_message, ret_words);
    lint_leave(l, mark);
}

static void read_time(struct lint *l, const cJSON *object, const char *name, struct time_field *ret_field)
{
    static const char *const names[] = {"pointer", "unit", NULL};
    static const char *const units[] = {"ms", "s", "rfc3339", "rfc2822", NULL};
    const cJSON *section = lint_object(l, object, name, LINT_OPTIONAL);
    if (section == NULL)
        return;
    size_t mark = lint_enter(l, name);
    lint_members(l, section, names);
    ret_field->at = lint_pointers(l, section, "pointer", LINT_REQUIRED);
    int unit = lint_word(l, section, "unit", LINT_REQUIRED, units);
    ret_field->unit = unit >= 0 ? (enum time_unit)unit : TIME_MS;
    lint_leave(l, mark);
}

/* What is a length of time has no date. */
static void check_length(struct lint *l, const char *name, const struct time_field *field)
{
    if (field->at != NULL && field->unit != TIME_MS && field->unit != TIME_S)
        lint_fault_in(l, name, FAULT_RANGE, "must be in ms or s");
}

/* ---- start ---- */

static bool is_status_pattern(const char *text)
{
    size_t len = strlen(text);
    return len >= 1 && len <= 3 && strspn(text, "0123456789*") == len;
}

static void read_rule(struct lint *l, const cJSON *rule, struct start_rule *ret_rule)
{
    static const char *const names[] = {"status", "pointer", "map", "means", NULL};
    if (!cJSON_IsObject(rule)) {
        lint_fault(l, FAULT_TYPE, "must be an object");
        return;
    }
    lint_members(l, rule, names);
    ret_rule->status = lint_text(l, rule, "status", LINT_REQUIRED);
    if (ret_rule->status != NULL && !is_status_pattern(ret_rule->status))
        lint_fault_in(l, "status", FAULT_RANGE, "must be an HTTP status, such as \"429\" or \"5*\"");
    ret_rule->target = lint_text(l, rule, "means", LINT_OPTIONAL);
    bool has_words = cJSON_HasObjectItem(rule, "pointer") || cJSON_HasObjectItem(rule, "map");
    if (has_words)
        read_words(l, rule, is_start_target, start_message, &ret_rule->words);
    if (has_words == (ret_rule->target != NULL))
        lint_fault(l, FAULT_REQUIRED, "needs either means, or pointer and map");
    if (ret_rule->target != NULL && !is_start_target(ret_rule->target))
        lint_fault_in(l, "means", FAULT_RANGE, start_message);
}

void section_start(struct lint *l, const cJSON *object, struct provider_profile *profile)
{
    static const char *const names[] = {"request", "id", "reason", "queue", "dedup_window_ms", "verdicts", NULL};
    struct profile_start *start = &profile->start;
    lint_members(l, object, names);
    section_request(l, object, REQUEST_START, profile->variables, &start->request);
    start->id = lint_pointers(l, object, "id", LINT_REQUIRED);
    start->reason = lint_pointers(l, object, "reason", LINT_OPTIONAL);
    read_time(l, object, "queue", &start->queue);
    check_length(l, "queue", &start->queue);
    start->dedup_window_ms = lint_int(l, object, "dedup_window_ms", 0, WINDOW_MAX_MS, 0);
    const cJSON *rules = lint_array(l, object, "verdicts", LINT_REQUIRED);
    if (cJSON_GetArraySize(rules) > LIMIT_PROFILE_RULES) {
        lint_fault_in(l, "verdicts", FAULT_TOO_MANY, "has too many elements");
        return;
    }
    size_t mark = lint_enter(l, "verdicts");
    for (const cJSON *rule = rules ? rules->child : NULL; rule != NULL; rule = rule->next) {
        size_t rule_mark = lint_enter_index(l, start->n_rules);
        read_rule(l, rule, &start->rules[start->n_rules++]);
        lint_leave(l, rule_mark);
    }
    lint_leave(l, mark);
}

/* ---- call ---- */

static void read_outcomes(struct lint *l, const cJSON *object, struct profile_call *call)
{
    static const char *const names[] = {"pointer", "map", NULL};
    const cJSON *outcomes = lint_array(l, object, "outcomes", LINT_REQUIRED);
    if (outcomes == NULL)
        return;
    if (cJSON_GetArraySize(outcomes) > LIMIT_PROFILE_RULES) {
        lint_fault_in(l, "outcomes", FAULT_TOO_MANY, "has too many elements");
        return;
    }
    size_t mark = lint_enter(l, "outcomes");
    if (outcomes->child == NULL)
        lint_fault(l, FAULT_REQUIRED, "must have an element");
    for (const cJSON *words = outcomes->child; words != NULL; words = words->next) {
        size_t words_mark = lint_enter_index(l, call->n_outcomes);
        if (cJSON_IsObject(words)) {
            lint_members(l, words, names);
            read_words(l, words, is_target, target_message, &call->outcomes[call->n_outcomes++]);
        } else {
            lint_fault(l, FAULT_TYPE, "must be an object");
        }
        lint_leave(l, words_mark);
    }
    lint_leave(l, mark);
}

void section_call(struct lint *l, const cJSON *object, struct provider_profile *profile)
{
    static const char *const names[] = {"id",      "token", "state", "analysis", "outcomes", "outcome_default",
                                        "reason",  "start", "end",   "duration", "summary",  "recording_url",
                                        "success", NULL};
    struct profile_call *call = &profile->call;
    lint_members(l, object, names);
    call->id = lint_pointers(l, object, "id", LINT_REQUIRED);
    call->token = lint_pointers(l, object, "token", LINT_OPTIONAL);
    read_state(l, object, "state", LINT_REQUIRED, &call->state);
    call->analysis = lint_pointers(l, object, "analysis", LINT_OPTIONAL);
    read_outcomes(l, object, call);
    call->outcome_default = lint_text(l, object, "outcome_default", LINT_REQUIRED);
    if (call->outcome_default != NULL && !is_target(call->outcome_default))
        lint_fault_in(l, "outcome_default", FAULT_RANGE, target_message);
    call->reason = lint_pointers(l, object, "reason", LINT_OPTIONAL);
    read_time(l, object, "start", &call->start);
    read_time(l, object, "end", &call->end);
    read_time(l, object, "duration", &call->duration);
    check_length(l, "duration", &call->duration);
    call->summary = lint_pointers(l, object, "summary", LINT_OPTIONAL);
    call->recording_url = lint_pointers(l, object, "recording_url", LINT_OPTIONAL);
    call->success = lint_pointers(l, object, "success", LINT_OPTIONAL);
}

/* ---- poll, cancel, hang_up, lookup ---- */

static void read_ask(struct lint *l, const cJSON *object, unsigned request, const cJSON *variables,
                     struct profile_ask *ret_ask)
{
    section_request(l, object, request, variables, &ret_ask->request);
    ret_ask->call = lint_pointers(l, object, "call", LINT_OPTIONAL);
    ret_ask->absent = lint_array(l, object, "absent", LINT_OPTIONAL);
    size_t mark = lint_enter(l, "absent");
    for (const cJSON *status = ret_ask->absent ? ret_ask->absent->child : NULL; status != NULL; status = status->next) {
        if (!cJSON_IsString(status) || !is_status_pattern(status->valuestring) || status->valuestring[0] != '4')
            lint_fault(l, FAULT_RANGE, "must be statuses from 400 to 499, such as \"404\"");
    }
    lint_leave(l, mark);
}

void section_poll(struct lint *l, const cJSON *object, struct provider_profile *profile)
{
    static const char *const names[] = {"request", "call", "absent", NULL};
    lint_members(l, object, names);
    read_ask(l, object, REQUEST_POLL, profile->variables, &profile->poll);
}

void section_cancel(struct lint *l, const cJSON *object, struct provider_profile *profile)
{
    static const char *const names[] = {"request", "absent", NULL};
    lint_members(l, object, names);
    read_ask(l, object, REQUEST_CANCEL, profile->variables, &profile->cancel);
}

void section_hang_up(struct lint *l, const cJSON *object, struct provider_profile *profile)
{
    static const char *const names[] = {"request", "absent", NULL};
    lint_members(l, object, names);
    read_ask(l, object, REQUEST_CANCEL, profile->variables, &profile->hang_up);
}

/* What a call must say: values of the dial alone, since no trunk is there when an answer is read. */
static void check_match(struct lint *l, const cJSON *match)
{
    size_t mark = lint_enter(l, "match");
    if (match->child == NULL)
        lint_fault(l, FAULT_REQUIRED, "must have a member");
    for (const cJSON *entry = match->child; entry != NULL; entry = entry->next) {
        size_t entry_mark = lint_enter(l, entry->string);
        if (!pointer_is_valid(entry->string))
            lint_fault(l, FAULT_TYPE, "must be named by a JSON pointer");
        section_template(l, entry, REQUEST_LOOKUP, PLACE_MATCH, NULL);
        lint_leave(l, entry_mark);
    }
    lint_leave(l, mark);
}

static bool asks_for_token(const cJSON *match)
{
    for (const cJSON *entry = match ? match->child : NULL; entry != NULL; entry = entry->next) {
        if (cJSON_IsString(entry) && strstr(entry->valuestring, "{{token}}") != NULL)
            return true;
    }
    return false;
}

void section_lookup(struct lint *l, const cJSON *object, struct provider_profile *profile)
{
    static const char *const names[] = {"request", "call",    "absent",    "items", "more", "match",
                                        "exact",   "created", "window_ms", "page",  NULL};
    struct profile_lookup *lookup = &profile->lookup;
    lint_members(l, object, names);
    read_ask(l, object, REQUEST_LOOKUP, profile->variables, &lookup->ask);
    lookup->items = lint_pointers(l, object, "items", LINT_REQUIRED);
    lookup->more = lint_pointers(l, object, "more", LINT_OPTIONAL);
    lookup->page = lint_int(l, object, "page", 1, LIMIT_LOOKUP_ITEMS, 0);
    lookup->match = lint_object(l, object, "match", LINT_REQUIRED);
    if (lookup->match != NULL)
        check_match(l, lookup->match);
    lookup->is_by_token = asks_for_token(lookup->match);
    lookup->is_exact = lint_bool(l, object, "exact");
    read_time(l, object, "created", &lookup->created);
    bool has_window = lint_range(l, object, "window_ms", -WINDOW_MAX_MS, WINDOW_MAX_MS, lookup->window_ms);
    bool is_wide = has_window && lookup->window_ms[0] < lookup->window_ms[1];
    if (has_window && lookup->created.at == NULL)
        lint_fault_in(l, "window_ms", FAULT_REQUIRED, "needs created, to know when a call was made");
    bool is_read = has_window || !cJSON_HasObjectItem(object, "window_ms");
    bool has_match = lookup->match != NULL && lookup->match->child != NULL;
    if (has_match && !lookup->is_by_token && is_read && !is_wide)
        lint_fault_in(l, "window_ms", FAULT_REQUIRED, "is needed where match does not ask for the token");
}

/* ---- callback ---- */

static bool are_texts(const cJSON *array)
{
    for (const cJSON *text = array ? array->child : NULL; text != NULL; text = text->next) {
        if (!cJSON_IsString(text))
            return false;
    }
    return true;
}

static void read_signature(struct lint *l, const cJSON *object, struct profile_callback *callback)
{
    static const char *const names[] = {"kind", "header", "suffixes", NULL};
    const cJSON *signature = lint_object(l, object, "signature", LINT_OPTIONAL);
    if (signature == NULL)
        return;
    size_t mark = lint_enter(l, "signature");
    lint_members(l, signature, names);
    callback->signature_kind = lint_text(l, signature, "kind", LINT_REQUIRED);
    callback->signature_header = lint_header_name(l, signature, "header", LINT_REQUIRED);
    if (callback->signature_kind != NULL && !signature_kind_exists(callback->signature_kind))
        lint_fault_in(l, "kind", FAULT_RANGE, "is not a signature kind that the engine knows");
    callback->signature_suffixes = lint_array(l, signature, "suffixes", LINT_OPTIONAL);
    if (cJSON_GetArraySize(callback->signature_suffixes) > SUFFIXES_MOST || !are_texts(callback->signature_suffixes))
        lint_fault_in(l, "suffixes", FAULT_TYPE, "must be at most 4 texts");
    lint_leave(l, mark);
}

void section_callback(struct lint *l, const cJSON *object, struct provider_profile *profile)
{
    static const char *const names[] = {"body", "call", "event", "token", "signature", NULL};
    static const char *const bodies[] = {"json", "form", NULL};
    static const char *const places[] = {"call", "path", NULL};
    struct profile_callback *callback = &profile->callback;
    profile->has_callback = true;
    lint_members(l, object, names);
    callback->is_form = lint_word(l, object, "body", LINT_REQUIRED, bodies) == 1;
    callback->call = lint_pointers(l, object, "call", LINT_REQUIRED);
    read_state(l, object, "event", LINT_OPTIONAL, &callback->event);
    callback->is_token_in_path = lint_word(l, object, "token", LINT_REQUIRED, places) == 1;
    if (!callback->is_token_in_path && profile->call.token == NULL)
        lint_fault_in(l, "token", FAULT_REQUIRED, "is to be read from the call, but call.token is missing");
    read_signature(l, object, callback);
    bool can_ask = profile->poll.request.method != NULL && profile->call.token != NULL && !callback->is_token_in_path;
    if (!cJSON_HasObjectItem(object, "signature") && !can_ask)
        lint_fault_in(l, "signature", FAULT_REQUIRED,
                      "is needed, unless the call itself can be asked for: by poll, with its token at call.token");
}
