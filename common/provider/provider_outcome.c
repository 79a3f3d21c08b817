/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/parse.h"
#include "common/base/timestamp.h"
#include "common/provider/provider_format.h"
#include "common/provider/provider_template.h"

/* Year 9999: what lies behind it is no time of a call. */
#define TIME_MAX_MS INT64_C(253402300799999)
/* Longer than any call that a platform permits. */
#define DURATION_MAX_MS (7 * INT64_C(86400000))
/* How far a platform's clock may be from Redis's before one of its calls passes for another's. Less than a dial is kept
 * for (docs/decisions/0007-whose-call-is-it.md): what was ours before is known and left out. */
#define CLOCKS_APART_MS 600000

int provider_target_from_name(const char *name, struct provider_target *ret_target)
{
    enum outcome outcome;
    if (strcmp(name, "THROTTLED") == 0) {
        *ret_target = (struct provider_target){.verdict = VERDICT_THROTTLED, .outcome = OUTCOME_UNKNOWN};
        return 0;
    }
    if (strcmp(name, "ACCOUNT") == 0) {
        *ret_target = (struct provider_target){.verdict = VERDICT_ACCOUNT, .outcome = OUTCOME_UNKNOWN};
        return 0;
    }
    if (outcome_from_name(name, strlen(name), &outcome) != 0)
        return ERR_NOT_FOUND;
    /* These two are decisions of ours alone. */
    if (outcome == OUTCOME_SUPPRESSED || outcome == OUTCOME_EXPIRED)
        return ERR_NOT_FOUND;
    *ret_target = (struct provider_target){.verdict = VERDICT_ACCEPTED, .outcome = outcome};
    return 0;
}

void provider_result_init(struct provider_result *result)
{
    *result = (struct provider_result){
        .kind = PROVIDER_NONE,
        .verdict = VERDICT_ACCEPTED,
        .outcome = OUTCOME_UNKNOWN,
        .created_ms = -1,
        .start_ms = -1,
        .end_ms = -1,
        .duration_s = -1,
        .success = -1,
    };
}

void provider_result_clear(struct provider_result *result)
{
    free(result->summary);
    free(result->recording_url);
    provider_result_init(result);
}

int provider_result_copy(const struct provider_result *from, struct provider_result *ret_to)
{
    *ret_to = *from;
    ret_to->summary = from->summary ? strdup(from->summary) : NULL;
    ret_to->recording_url = from->recording_url ? strdup(from->recording_url) : NULL;
    if ((from->summary && !ret_to->summary) || (from->recording_url && !ret_to->recording_url)) {
        provider_result_clear(ret_to);
        return ERR_NOMEM;
    }
    return 0;
}

/* ---- single fields ---- */

/* A number, or a text that is one. False where it is neither or outside [0, max]. */
static bool read_number(const cJSON *value, double max, double *ret_number)
{
    double number;
    if (cJSON_IsNumber(value))
        number = value->valuedouble;
    else if (!cJSON_IsString(value) ||
             parse_double(value->valuestring, strlen(value->valuestring), 0, max, &number) != 0)
        return false;
    if (!(number >= 0 && number <= max))
        return false;
    *ret_number = number;
    return true;
}

static int64_t read_date(enum time_unit unit, const cJSON *value, int64_t max_ms)
{
    struct timestamp_parts parts;
    if (!cJSON_IsString(value))
        return -1;
    size_t len = strlen(value->valuestring);
    int rc = unit == TIME_RFC2822 ? timestamp_parse_rfc2822(value->valuestring, len, &parts)
                                  : timestamp_parse(value->valuestring, len, &parts);
    int64_t ms = rc == 0 ? parts.wall_ms - (int64_t)parts.offset_s * 1000 : -1;
    return ms >= 0 && ms <= max_ms ? ms : -1;
}

int64_t time_read_ms(const struct time_field *field, const cJSON *value, int64_t max_ms)
{
    const cJSON *found = pointer_get(value, field->at);
    if (field->unit == TIME_RFC3339 || field->unit == TIME_RFC2822)
        return read_date(field->unit, found, max_ms);
    double scale = field->unit == TIME_S ? 1000 : 1;
    double number;
    if (!read_number(found, (double)max_ms / scale, &number))
        return -1;
    return (int64_t)ceil(number * scale);
}

/* Copies an id that is fit to be kept; leaves "" otherwise. */
static void read_id(const cJSON *at, const cJSON *call, char *ret, size_t max)
{
    const cJSON *value = pointer_get(call, at);
    if (cJSON_IsString(value) && id_is_fit(value->valuestring, max))
        memcpy(ret, value->valuestring, strlen(value->valuestring) + 1);
}

static int read_summary(const struct profile_call *profile, const cJSON *call, char **ret_summary)
{
    const cJSON *value = pointer_get(call, profile->summary);
    if (!cJSON_IsString(value) || value->valuestring[0] == '\0')
        return 0;
    *ret_summary = strndup(value->valuestring, text_prefix(value->valuestring, LIMIT_SUMMARY_BYTES));
    return *ret_summary == NULL ? ERR_NOMEM : 0;
}

/* A URL of http or https without anything that a URL cannot hold; anything else is left out. */
static int read_recording(const struct profile_call *profile, const cJSON *call, char **ret_url)
{
    const cJSON *value = pointer_get(call, profile->recording_url);
    if (!cJSON_IsString(value) || !id_is_fit(value->valuestring, LIMIT_URL_LEN))
        return 0;
    const char *url = value->valuestring;
    if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
        return 0;
    *ret_url = strdup(url);
    return *ret_url == NULL ? ERR_NOMEM : 0;
}

static int read_success(const struct profile_call *profile, const cJSON *call)
{
    char word[16];
    if (!scalar_text(pointer_get(call, profile->success), word, sizeof word))
        return -1;
    if (strcmp(word, "true") == 0 || strcmp(word, "success") == 0)
        return 1;
    return strcmp(word, "false") == 0 || strcmp(word, "failure") == 0 ? 0 : -1;
}

/* ---- the call object ---- */

static struct provider_target read_outcome(const struct profile_call *profile, const cJSON *call)
{
    char word[LIMIT_REASON_BYTES + 1];
    const char *meaning = NULL;
    for (size_t i = 0; i < profile->n_outcomes && meaning == NULL; i++)
        meaning = word_lookup(&profile->outcomes[i], call, word, sizeof word);
    struct provider_target target = {.verdict = VERDICT_ACCEPTED, .outcome = OUTCOME_UNKNOWN};
    /* Every meaning was checked when the profile was loaded. */
    (void)!provider_target_from_name(meaning ? meaning : profile->outcome_default, &target);
    return target;
}

static enum provider_kind read_kind(const struct word_map *words, const cJSON *value)
{
    char word[LIMIT_REASON_BYTES + 1];
    enum provider_kind kind = PROVIDER_NONE;
    const char *meaning = word_lookup(words, value, word, sizeof word);
    if (meaning != NULL)
        (void)!provider_kind_from_name(meaning, &kind);
    return kind;
}

static bool has_analysis(const struct profile_call *profile, const cJSON *call)
{
    const cJSON *analysis = pointer_get(call, profile->analysis);
    if (cJSON_IsObject(analysis) || cJSON_IsArray(analysis))
        return analysis->child != NULL;
    return analysis != NULL && !cJSON_IsNull(analysis);
}

/* What the call's own state says, for answers that come without an event. */
static enum provider_kind state_kind(const struct profile_call *profile, const cJSON *call)
{
    enum provider_kind kind = read_kind(&profile->state, call);
    return kind == PROVIDER_ENDED && has_analysis(profile, call) ? PROVIDER_ANALYZED : kind;
}

static int64_t talk_seconds(const struct profile_call *profile, const cJSON *call, const struct provider_result *result)
{
    int64_t ms = time_read_ms(&profile->duration, call, DURATION_MAX_MS);
    if (ms < 0 && profile->duration.at == NULL && result->start_ms >= 0 && result->end_ms >= result->start_ms)
        ms = result->end_ms - result->start_ms;
    return ms < 0 || ms > DURATION_MAX_MS ? -1 : (ms + 999) / 1000;
}

/* Fills `result`, which is initialised, from the call object. */
static int read_call(const struct profile_call *profile, const cJSON *call, enum provider_kind kind,
                     struct provider_result *result)
{
    result->kind = kind;
    read_id(profile->id, call, result->provider_id, LIMIT_PROVIDER_ID_LEN);
    read_id(profile->token, call, result->token, LIMIT_TOKEN_LEN);
    result->start_ms = time_read_ms(&profile->start, call, TIME_MAX_MS);
    if (kind != PROVIDER_ENDED && kind != PROVIDER_ANALYZED)
        return 0;
    struct provider_target target = read_outcome(profile, call);
    result->verdict = target.verdict;
    result->outcome = target.outcome;
    result->end_ms = time_read_ms(&profile->end, call, TIME_MAX_MS);
    result->duration_s = talk_seconds(profile, call, result);
    if (result->start_ms < 0 && result->end_ms >= 0 && result->duration_s > 0)
        result->start_ms = result->end_ms - result->duration_s * 1000;
    result->success = read_success(profile, call);
    if (!scalar_text(pointer_get(call, profile->reason), result->reason, sizeof result->reason))
        result->reason[0] = '\0';
    int rc = read_summary(profile, call, &result->summary);
    if (rc == 0)
        rc = read_recording(profile, call, &result->recording_url);
    return rc;
}

/* ---- polls ---- */

/* What `at` names; the whole where it says nothing. */
static const cJSON *part_of(const cJSON *value, const cJSON *at)
{
    return at ? pointer_get(value, at) : value;
}

int provider_read_poll(const struct provider_profile *profile, const char *body, size_t len,
                       struct provider_result *ret_result)
{
    cJSON *tree = NULL;
    struct provider_result result;
    provider_result_init(&result);
    int rc = provider_parse_body(false, body, len, &tree);
    const cJSON *call = rc == 0 ? part_of(tree, profile->poll.call) : NULL;
    if (rc == 0 && !cJSON_IsObject(call))
        rc = ERR_INVALID;
    if (rc == 0)
        rc = read_call(&profile->call, call, state_kind(&profile->call, call), &result);
    cJSON_Delete(tree);
    if (rc != 0) {
        provider_result_clear(&result);
        return rc;
    }
    *ret_result = result;
    return 0;
}

/* ---- lookups ---- */

/* Whether the call says what every entry of `match` demands. */
static int call_matches(const struct provider_profile *profile, const struct value_source *source, const cJSON *call,
                        bool *ret_matches)
{
    bool matches = true;
    int rc = 0;
    for (const cJSON *entry = profile->lookup.match->child; entry != NULL && rc == 0 && matches; entry = entry->next) {
        const cJSON *value = pointer_text_get(call, entry->string);
        struct buf wanted;
        bool is_absent = false;
        buf_init(&wanted, LIMIT_URL_LEN);
        rc = template_expand(entry->valuestring, source, false, &wanted, &is_absent);
        matches = !is_absent && cJSON_IsString(value) && strcmp(value->valuestring, buf_str(&wanted)) == 0;
        buf_free(&wanted);
    }
    *ret_matches = matches;
    return rc;
}

static bool is_excluded(const struct provider_lookup *lookup, const struct profile_call *profile, const cJSON *call)
{
    const cJSON *id = pointer_get(call, profile->id);
    for (size_t i = 0; cJSON_IsString(id) && i < lookup->n_exclude_ids; i++) {
        if (strcmp(lookup->exclude_ids[i], id->valuestring) == 0)
            return true;
    }
    return false;
}

static bool has_window(const struct profile_lookup *profile)
{
    return profile->window_ms[0] != 0 || profile->window_ms[1] != 0;
}

/* Whether the call may have been made for the dial, by clocks that are so far apart. */
static bool is_within(const struct profile_lookup *profile, const struct provider_lookup *lookup, int64_t created_ms,
                      int64_t apart_ms)
{
    if (!has_window(profile))
        return true;
    int64_t until_ms = lookup->until_ms > lookup->begin_ms ? lookup->until_ms : lookup->begin_ms;
    return created_ms - lookup->begin_ms >= profile->window_ms[0] - apart_ms &&
           created_ms - until_ms <= profile->window_ms[1] + apart_ms;
}

/* Counts the calls of the list that are ours and finds the one created first; the list's order decides where no time
 * is told. ERR_INVALID where there is none, and one that could be ours by another clock. */
static int find_first(const struct provider_profile *profile, const struct value_source *source, const cJSON *items,
                      size_t *ret_matches, const cJSON **ret_first)
{
    const struct profile_lookup *rules = &profile->lookup;
    const cJSON *first = NULL;
    int64_t first_ms = -1, apart_ms = CLOCKS_APART_MS + source->lookup->apart_ms;
    size_t matches = 0;
    bool is_in_doubt = false;
    for (const cJSON *item = items->child; item != NULL; item = item->next) {
        const cJSON *call = part_of(item, rules->ask.call);
        bool is_ours = false;
        int rc = call_matches(profile, source, call, &is_ours);
        if (rc == 0 && !is_ours && rules->is_exact)
            rc = ERR_INVALID;
        if (rc != 0)
            return rc;
        if (!is_ours || is_excluded(source->lookup, &profile->call, call))
            continue;
        int64_t created_ms = time_read_ms(&rules->created, call, TIME_MAX_MS);
        if (created_ms < 0 && has_window(rules))
            return ERR_INVALID; /* it may be ours */
        if (!is_within(rules, source->lookup, created_ms, 0)) {
            is_in_doubt = is_in_doubt || is_within(rules, source->lookup, created_ms, apart_ms);
            continue;
        }
        matches++;
        if (first == NULL || (created_ms >= 0 && created_ms < first_ms)) {
            first = call;
            first_ms = created_ms;
        }
    }
    if (first == NULL && is_in_doubt)
        return ERR_INVALID;
    *ret_matches = matches;
    *ret_first = first;
    return 0;
}

/* What tells of a further page: true, or a text, such as its address; or that this one is full. */
static bool goes_on(const struct profile_lookup *rules, const cJSON *tree, const cJSON *items)
{
    const cJSON *more = pointer_get(tree, rules->more);
    bool is_full = rules->page > 0 && cJSON_GetArraySize(items) >= rules->page;
    return is_full || cJSON_IsTrue(more) || (cJSON_IsString(more) && more->valuestring[0] != '\0');
}

int provider_read_lookup(const struct provider_profile *profile, const struct provider_lookup *lookup, const char *body,
                         size_t len, size_t *ret_matches, struct provider_result *ret_result)
{
    static const struct provider_trunk no_trunk = {0};
    struct value_source source = {.profile = profile, .trunk = &no_trunk, .lookup = lookup};
    struct provider_result result;
    cJSON *tree = NULL;
    const cJSON *first = NULL;
    size_t matches = 0;
    provider_result_init(&result);
    int rc = provider_parse_body(false, body, len, &tree);
    if (rc == 0)
        rc = value_source_prepare(&source);
    const cJSON *items = rc == 0 ? pointer_get(tree, profile->lookup.items) : NULL;
    if (rc == 0 && (!cJSON_IsArray(items) || cJSON_GetArraySize(items) > LIMIT_LOOKUP_ITEMS))
        rc = ERR_INVALID;
    if (rc == 0)
        rc = find_first(profile, &source, items, &matches, &first);
    /* Nothing among what was listed, and not everything was: that proves no absence. */
    if (rc == 0 && first == NULL && goes_on(&profile->lookup, tree, items))
        rc = ERR_INVALID;
    if (rc == 0 && first != NULL)
        rc = read_call(&profile->call, first, state_kind(&profile->call, first), &result);
    if (rc == 0 && first != NULL)
        result.created_ms = time_read_ms(&profile->lookup.created, first, TIME_MAX_MS);
    cJSON_Delete(tree);
    if (rc != 0) {
        provider_result_clear(&result);
        return rc;
    }
    *ret_matches = matches;
    *ret_result = result;
    return 0;
}

/* ---- callbacks ---- */

int provider_read_callback(const struct provider_profile *profile, const struct provider_callback *callback,
                           struct provider_result *ret_result)
{
    const struct profile_callback *rules = &profile->callback;
    struct provider_result result;
    cJSON *tree = NULL;
    if (!profile->has_callback)
        return ERR_STATE;
    provider_result_init(&result);
    int rc = provider_parse_body(rules->is_form, callback->body, callback->body_len, &tree);
    if (rc != 0)
        return rc;
    const cJSON *call = pointer_get(tree, rules->call);
    enum provider_kind kind = PROVIDER_NONE;
    if (rules->event.at != NULL)
        kind = read_kind(&rules->event, tree);
    else
        kind = state_kind(&profile->call, call);
    if (kind != PROVIDER_NONE && !cJSON_IsObject(call))
        rc = ERR_INVALID;
    if (rc == 0 && kind != PROVIDER_NONE)
        rc = read_call(&profile->call, call, kind, &result);
    if (rc == 0 && rules->is_token_in_path) {
        const char *token = callback->path_token;
        result.token[0] = '\0';
        if (token != NULL && id_is_fit(token, LIMIT_TOKEN_LEN))
            memcpy(result.token, token, strlen(token) + 1);
    }
    cJSON_Delete(tree);
    if (rc != 0) {
        provider_result_clear(&result);
        return rc;
    }
    *ret_result = result;
    return 0;
}
