/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/timestamp.h"
#include "common/base/utf8.h"
#include "common/domain/phone.h"
#include "common/domain/schedule.h"
#include "common/domain/timezone.h"
#include "common/domain/webhook_url.h"

#define WINDOW_PATH "callingWindow"
#define EXACT_INTEGER_MAX 9007199254740992.0 /* 2^53: up to here a JSON number is exact as a double */

/* One reading of the options. */
struct reading {
    const struct options_policy *policy;
    int64_t now_ms;
    struct batch_options *o;
    struct faults *faults;
    struct faults *warnings;
    const cJSON *start; /* these three are read last, because they need the zone and each other */
    const cJSON *expiry;
    const cJSON *window;
    bool is_zone_given;
    bool is_zone_good;
    bool is_change; /* of options that stand: what may be taken away is, by null */
    bool is_time_dropped; /* the start or the expiry was */
    bool failed_follows; /* failedDelay is what noAnswerDelay is */
    bool is_out_of_memory;
};

/* One member of an object: its name, where it is in the options, who reads it, and who takes it away from those that
 * stand (NULL: it can only be changed). */
struct member {
    const char *name;
    const char *path;
    void (*read)(struct reading *r, const char *path, const cJSON *value);
    void (*drop)(struct reading *r);
};

static void read_members(struct reading *r, const char *path, const cJSON *object, const struct member *members,
                         size_t n)
{
    if (!cJSON_IsObject(object)) {
        faults_add(r->faults, path, FAULT_TYPE, "must be an object");
        return;
    }
    const cJSON *value;
    cJSON_ArrayForEach(value, object)
    {
        size_t i = 0;
        while (i < n && strcmp(members[i].name, value->string) != 0)
            i++;
        if (i == n)
            faults_add_path(r->faults, FAULT_UNKNOWN_FIELD, "is not an option", "%s%s%s", path, path[0] ? "." : "",
                            value->string);
        else if (r->is_change && cJSON_IsNull(value) && members[i].drop)
            members[i].drop(r);
        else
            members[i].read(r, members[i].path, value);
    }
}

/* ---- numbers ---- */

static bool read_integer(struct reading *r, const char *path, const cJSON *value, int64_t min, int64_t max,
                         int64_t *ret)
{
    if (!cJSON_IsNumber(value)) {
        faults_add(r->faults, path, FAULT_TYPE, "must be an integer from %lld to %lld", (long long)min, (long long)max);
        return false;
    }
    double number = value->valuedouble;
    if (!(fabs(number) <= EXACT_INTEGER_MAX) || number != floor(number) || (int64_t)number < min ||
        (int64_t)number > max) {
        faults_add(r->faults, path, FAULT_RANGE, "must be an integer from %lld to %lld", (long long)min,
                   (long long)max);
        return false;
    }
    *ret = (int64_t)number;
    return true;
}

static void read_int32(struct reading *r, const char *path, const cJSON *value, int32_t min, int32_t max, int32_t *ret)
{
    int64_t number;
    if (read_integer(r, path, value, min, max, &number))
        *ret = (int32_t)number;
}

static void read_priority(struct reading *r, const char *path, const cJSON *value)
{
    read_int32(r, path, value, 1, 10, &r->o->priority);
}

static void read_calls_per_second(struct reading *r, const char *path, const cJSON *value)
{
    int32_t cap = r->policy->max_calls_per_second > 0 ? r->policy->max_calls_per_second : OPTIONS_MAX_CALLS_PER_SECOND;
    read_int32(r, path, value, 1, cap, &r->o->max_calls_per_second);
}

static void read_concurrent_calls(struct reading *r, const char *path, const cJSON *value)
{
    read_int32(r, path, value, 1, OPTIONS_MAX_CONCURRENT_CALLS, &r->o->max_concurrent_calls);
}

static void drop_concurrent_calls(struct reading *r)
{
    r->o->max_concurrent_calls = 0;
}

static void read_ring_timeout(struct reading *r, const char *path, const cJSON *value)
{
    read_int32(r, path, value, 5, 120, &r->o->ring_timeout_s);
}

static void read_max_call_duration(struct reading *r, const char *path, const cJSON *value)
{
    read_int32(r, path, value, 10, 14400, &r->o->max_call_duration_s);
}

static void read_summary_wait(struct reading *r, const char *path, const cJSON *value)
{
    read_int32(r, path, value, 0, 600, &r->o->summary_wait_s);
}

/* ---- retryStrategy ---- */

static void read_delay(struct reading *r, const char *path, const cJSON *value, int64_t *ret_ms)
{
    (void)read_integer(r, path, value, OPTIONS_MIN_DELAY_MS, OPTIONS_MAX_DELAY_MS, ret_ms);
}

static void read_max_attempts(struct reading *r, const char *path, const cJSON *value)
{
    read_int32(r, path, value, 1, OPTIONS_MAX_ATTEMPTS, &r->o->retry.max_attempts);
}

static void read_no_answer_delay(struct reading *r, const char *path, const cJSON *value)
{
    read_delay(r, path, value, &r->o->retry.no_answer_delay_ms);
}

static void read_busy_delay(struct reading *r, const char *path, const cJSON *value)
{
    read_delay(r, path, value, &r->o->retry.busy_delay_ms);
}

static void read_voicemail_delay(struct reading *r, const char *path, const cJSON *value)
{
    read_delay(r, path, value, &r->o->retry.voicemail_delay_ms);
}

static void read_failed_delay(struct reading *r, const char *path, const cJSON *value)
{
    r->failed_follows = false;
    read_delay(r, path, value, &r->o->retry.failed_delay_ms);
}

static void drop_voicemail_delay(struct reading *r)
{
    r->o->retry.voicemail_delay_ms = 0;
}

static void drop_failed_delay(struct reading *r)
{
    r->failed_follows = true;
}

static void read_retry(struct reading *r, const char *path, const cJSON *value)
{
    static const struct member members[] = {
        {"maxAttempts", "retryStrategy.maxAttempts", read_max_attempts, NULL},
        {"noAnswerDelay", "retryStrategy.noAnswerDelay", read_no_answer_delay, NULL},
        {"busyDelay", "retryStrategy.busyDelay", read_busy_delay, NULL},
        {"voicemailDelay", "retryStrategy.voicemailDelay", read_voicemail_delay, drop_voicemail_delay},
        {"failedDelay", "retryStrategy.failedDelay", read_failed_delay, drop_failed_delay},
    };
    read_members(r, path, value, members, sizeof members / sizeof members[0]);
}

/* ---- webhooks ---- */

static void read_url(struct reading *r, const char *path, const cJSON *value, char **ret_url)
{
    if (!cJSON_IsString(value)) {
        faults_add(r->faults, path, FAULT_TYPE, "must be a URL");
        return;
    }
    struct webhook_url url;
    const char *why;
    if (webhook_url_parse(value->valuestring, strlen(value->valuestring), &url, &why) < 0) {
        faults_add(r->faults, path, FAULT_URL, "%s", why);
        return;
    }
    if (webhook_url_judge(&url, r->policy->private_webhooks, &why) < 0) {
        faults_add(r->faults, path, FAULT_URL_REFUSED, "%s", why);
        return;
    }
    free(*ret_url);
    *ret_url = strdup(value->valuestring);
    r->is_out_of_memory |= !*ret_url;
}

static void drop_url(char **url)
{
    free(*url);
    *url = NULL;
}

static void read_on_batch_complete(struct reading *r, const char *path, const cJSON *value)
{
    read_url(r, path, value, &r->o->on_batch_complete);
}

static void drop_on_batch_complete(struct reading *r)
{
    drop_url(&r->o->on_batch_complete);
}

static void read_on_call_complete(struct reading *r, const char *path, const cJSON *value)
{
    read_url(r, path, value, &r->o->on_call_complete);
}

static void drop_on_call_complete(struct reading *r)
{
    drop_url(&r->o->on_call_complete);
}

static void read_on_call_attempt(struct reading *r, const char *path, const cJSON *value)
{
    read_url(r, path, value, &r->o->on_call_attempt);
}

static void drop_on_call_attempt(struct reading *r)
{
    drop_url(&r->o->on_call_attempt);
}

static void read_on_batch_failed(struct reading *r, const char *path, const cJSON *value)
{
    read_url(r, path, value, &r->o->on_batch_failed);
}

static void drop_on_batch_failed(struct reading *r)
{
    drop_url(&r->o->on_batch_failed);
}

static void read_on_event(struct reading *r, const char *path, const cJSON *value)
{
    read_url(r, path, value, &r->o->on_event);
}

static void drop_on_event(struct reading *r)
{
    drop_url(&r->o->on_event);
}

static void read_webhooks(struct reading *r, const char *path, const cJSON *value)
{
    static const struct member members[] = {
        {"onBatchComplete", "webhooks.onBatchComplete", read_on_batch_complete, drop_on_batch_complete},
        {"onCallComplete", "webhooks.onCallComplete", read_on_call_complete, drop_on_call_complete},
        {"onCallAttempt", "webhooks.onCallAttempt", read_on_call_attempt, drop_on_call_attempt},
        {"onBatchFailed", "webhooks.onBatchFailed", read_on_batch_failed, drop_on_batch_failed},
        {"onEvent", "webhooks.onEvent", read_on_event, drop_on_event},
    };
    read_members(r, path, value, members, sizeof members / sizeof members[0]);
}

/* ---- lists ---- */

/* True where the list can be read: an array of at most `max`. */
static bool check_list(struct reading *r, const char *path, const cJSON *value, int max)
{
    if (!cJSON_IsArray(value)) {
        faults_add(r->faults, path, FAULT_TYPE, "must be a list of strings");
        return false;
    }
    if (cJSON_GetArraySize(value) > max) {
        faults_add(r->faults, path, FAULT_TOO_MANY, "must not hold more than %d", max);
        return false;
    }
    return true;
}

static bool has_control(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    }
    return false;
}

static bool has_tag(const struct batch_options *o, const char *tag)
{
    for (size_t i = 0; i < o->n_tags; i++) {
        if (strcmp(o->tags[i], tag) == 0)
            return true;
    }
    return false;
}

static void read_tag(struct reading *r, size_t i, const cJSON *item)
{
    const char *tag = cJSON_IsString(item) ? item->valuestring : NULL;
    size_t chars = tag ? utf8_count(tag, strlen(tag)) : 0;
    if (!tag) {
        faults_add_path(r->faults, FAULT_TYPE, "must be a string", "tags[%zu]", i);
    } else if (chars < 1 || chars > LIMIT_TAG_LEN) {
        faults_add_path(r->faults, FAULT_LENGTH, "must have 1 to 64 characters", "tags[%zu]", i);
    } else if (has_control(tag)) {
        faults_add_path(r->faults, FAULT_CHARACTERS, "must not hold control characters", "tags[%zu]", i);
    } else if (has_tag(r->o, tag)) {
        faults_add_path(r->warnings, FAULT_DUPLICATE, "was given before: it counts once", "tags[%zu]", i);
    } else {
        r->o->tags[r->o->n_tags] = strdup(tag);
        if (r->o->tags[r->o->n_tags])
            r->o->n_tags++;
        else
            r->is_out_of_memory = true;
    }
}

static void read_tags(struct reading *r, const char *path, const cJSON *value)
{
    if (!check_list(r, path, value, LIMIT_TAGS))
        return;
    for (; r->o->n_tags > 0; r->o->n_tags--)
        free(r->o->tags[r->o->n_tags - 1]);
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, value)
    {
        read_tag(r, i++, item);
    }
}

static bool has_caller_id(const struct batch_options *o, uint64_t number)
{
    for (size_t i = 0; i < o->n_caller_ids; i++) {
        if (o->caller_ids[i] == number)
            return true;
    }
    return false;
}

/* A platform refuses a number that is not the account's, and a caller must not show somebody else's. */
static bool is_of_trunk(const struct options_policy *policy, uint64_t number)
{
    for (size_t i = 0; i < policy->n_caller_ids; i++) {
        if (policy->caller_ids[i] == number)
            return true;
    }
    return !policy->caller_ids;
}

static void read_caller_id(struct reading *r, size_t i, const cJSON *item)
{
    uint64_t number;
    if (!cJSON_IsString(item) || phone_parse(item->valuestring, strlen(item->valuestring), &number) < 0)
        faults_add_path(r->faults, FAULT_NUMBER,
                        "must be an international number like +15550001111: a plus sign and 7 to 15 digits",
                        "callerIds[%zu]", i);
    else if (!is_of_trunk(r->policy, number))
        faults_add_path(r->faults, FAULT_NOT_ALLOWED, "must be one of the trunk's caller ids", "callerIds[%zu]", i);
    else if (has_caller_id(r->o, number))
        faults_add_path(r->warnings, FAULT_DUPLICATE, "was given before: it counts once", "callerIds[%zu]", i);
    else
        r->o->caller_ids[r->o->n_caller_ids++] = number;
}

static void read_caller_ids(struct reading *r, const char *path, const cJSON *value)
{
    if (!check_list(r, path, value, LIMIT_CALLER_IDS))
        return;
    r->o->n_caller_ids = 0;
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, value)
    {
        read_caller_id(r, i++, item);
    }
}

/* ---- the rest ---- */

static void read_start(struct reading *r, const char *path, const cJSON *value)
{
    if (cJSON_IsString(value))
        r->start = value;
    else
        faults_add(r->faults, path, FAULT_TYPE, "must be a date and time like 2025-11-16T09:00:00.000Z");
}

static void read_expiry(struct reading *r, const char *path, const cJSON *value)
{
    if (cJSON_IsString(value))
        r->expiry = value;
    else
        faults_add(r->faults, path, FAULT_TYPE, "must be a date and time like 2025-11-16T17:00:00.000Z");
}

static void drop_start(struct reading *r)
{
    r->o->has_start = false;
    r->is_time_dropped = true;
}

static void drop_expiry(struct reading *r)
{
    r->o->has_expiry = false;
    r->is_time_dropped = true;
}

/* As where a creation names none. */
static void drop_window(struct reading *r)
{
    r->o->has_window = false;
    r->window = r->policy->window;
}

static void read_window(struct reading *r, const char *path, const cJSON *value)
{
    (void)path;
    r->window = value;
}

static void read_zone(struct reading *r, const char *path, const cJSON *value)
{
    r->is_zone_given = true;
    if (!cJSON_IsString(value)) {
        faults_add(r->faults, path, FAULT_TYPE, "must be an IANA time zone such as America/New_York");
        r->is_zone_good = false;
        return;
    }
    size_t len = strlen(value->valuestring);
    r->is_zone_good = timezone_is_valid(value->valuestring, len);
    if (r->is_zone_good)
        memcpy(r->o->timezone, value->valuestring, len + 1);
    else
        faults_add(r->faults, path, FAULT_TIMEZONE, "must be an IANA time zone such as America/New_York");
}

static void read_on_unknown(struct reading *r, const char *path, const cJSON *value)
{
    if (!cJSON_IsString(value) ||
        on_unknown_from_name(value->valuestring, strlen(value->valuestring), &r->o->retry.on_unknown) < 0)
        faults_add(r->faults, path, cJSON_IsString(value) ? FAULT_RANGE : FAULT_TYPE, "must be \"retry\" or \"hold\"");
}

static void read_trunk(struct reading *r, const char *path, const cJSON *value)
{
    if (!cJSON_IsString(value)) {
        faults_add(r->faults, path, FAULT_TYPE, "must be a string");
        return;
    }
    for (size_t i = 0; i < r->policy->n_trunks; i++) {
        const char *name = r->policy->trunks[i];
        if (strcmp(name, value->valuestring) == 0 && strlen(name) < sizeof r->o->trunk) {
            memcpy(r->o->trunk, name, strlen(name) + 1);
            return;
        }
    }
    faults_add(r->faults, path, FAULT_NOT_ALLOWED,
               r->policy->keeps_trunk ? "cannot be changed: calls of the batch may be on their way through its trunk"
                                      : "must be a trunk that this tenant may use");
}

static const struct member MEMBERS[] = {
    {"priority", "priority", read_priority, NULL},
    {"maxCallsPerSecond", "maxCallsPerSecond", read_calls_per_second, NULL},
    {"maxConcurrentCalls", "maxConcurrentCalls", read_concurrent_calls, drop_concurrent_calls},
    {"scheduledStartTime", "scheduledStartTime", read_start, drop_start},
    {"expiresAt", "expiresAt", read_expiry, drop_expiry},
    {"callingWindow", WINDOW_PATH, read_window, drop_window},
    {"timezone", "timezone", read_zone, NULL},
    {"retryStrategy", "retryStrategy", read_retry, NULL},
    {"onUnknown", "onUnknown", read_on_unknown, NULL},
    {"ringTimeout", "ringTimeout", read_ring_timeout, NULL},
    {"maxCallDuration", "maxCallDuration", read_max_call_duration, NULL},
    {"summaryWait", "summaryWait", read_summary_wait, NULL},
    {"webhooks", "webhooks", read_webhooks, NULL},
    {"tags", "tags", read_tags, NULL},
    {"callerIds", "callerIds", read_caller_ids, NULL},
    {"trunk", "trunk", read_trunk, NULL},
};

static void set_defaults(struct reading *r)
{
    *r->o = (struct batch_options){
        .priority = OPTIONS_DEFAULT_PRIORITY,
        .max_calls_per_second = OPTIONS_DEFAULT_CALLS_PER_SECOND,
        .timezone = OPTIONS_DEFAULT_TIMEZONE,
        .retry = {.max_attempts = OPTIONS_DEFAULT_ATTEMPTS,
                  .no_answer_delay_ms = OPTIONS_DEFAULT_NO_ANSWER_DELAY_MS,
                  .busy_delay_ms = OPTIONS_DEFAULT_BUSY_DELAY_MS,
                  .on_unknown = ON_UNKNOWN_RETRY},
        .ring_timeout_s = OPTIONS_DEFAULT_RING_TIMEOUT_S,
        .max_call_duration_s = OPTIONS_DEFAULT_MAX_CALL_DURATION_S,
        .summary_wait_s = OPTIONS_DEFAULT_SUMMARY_WAIT_S,
    };
    if (r->policy->timezone && timezone_is_valid(r->policy->timezone, strlen(r->policy->timezone)))
        memcpy(r->o->timezone, r->policy->timezone, strlen(r->policy->timezone) + 1);
    r->window = r->policy->window;
    int32_t cap = r->policy->max_calls_per_second;
    if (cap > 0 && cap < r->o->max_calls_per_second)
        r->o->max_calls_per_second = cap;
}

/* Up to when it lives, and from when on it can dial. */
static int64_t life_begin_ms(const struct reading *r)
{
    return r->o->has_start && r->o->start_ms > r->now_ms ? r->o->start_ms : r->now_ms;
}

static int64_t life_end_ms(const struct reading *r)
{
    const struct batch_options *o = r->o;
    return o->has_expiry ? o->expires_ms : (o->has_start ? o->start_ms : r->now_ms) + LIMIT_BATCH_LIFE_MS;
}

/* A window that will not open while the batch lives is a mistake that only the tenant can mend. */
static void check_window_opens(struct reading *r)
{
    struct calling_hours first;
    int64_t from_ms = life_begin_ms(r), until_ms = life_end_ms(r);
    if (calling_window_next(&r->o->window, from_ms, until_ms, &first) != ERR_NOT_FOUND)
        return;
    char from[TIMESTAMP_LEN + 1], until[TIMESTAMP_LEN + 1];
    timestamp_format(from_ms, from);
    timestamp_format(until_ms, until);
    faults_add(r->faults, WINDOW_PATH, FAULT_NEVER_OPEN, "does not open between the start (%s) and the expiry (%s)",
               from, until);
}

/* A start that was moved behind an expiry that was not. */
static bool check_expiry_stands(struct reading *r)
{
    bool stands = !r->o->has_expiry || r->o->expires_ms > life_begin_ms(r);
    if (!stands)
        faults_add(r->faults, "expiresAt", FAULT_EXPIRY_EARLY, "must lie after the batch's start");
    return stands;
}

/* Start, expiry and window: each is held against those before it, as far as they are sound. */
static void complete_times(struct reading *r)
{
    struct batch_options *o = r->o;
    bool is_sound = r->is_zone_good;
    if (r->start && r->is_zone_good) {
        o->has_start = schedule_read_start(r->start->valuestring, strlen(r->start->valuestring), o->timezone,
                                           r->is_zone_given, r->now_ms, &o->start_ms, r->faults, r->warnings) == 0;
        is_sound = o->has_start;
    }
    if (r->expiry && r->is_zone_good) {
        o->has_expiry =
            schedule_read_expiry(r->expiry->valuestring, strlen(r->expiry->valuestring), o->timezone, r->is_zone_given,
                                 r->now_ms, life_begin_ms(r), &o->expires_ms, r->faults, r->warnings) == 0;
        is_sound = is_sound && o->has_expiry;
    } else if (r->start && is_sound) {
        is_sound = check_expiry_stands(r);
    }
    if (r->window) {
        struct calling_window window;
        int rc = calling_window_read(r->window, WINDOW_PATH, o->timezone, &window, r->faults, r->warnings);
        is_sound = is_sound && rc == 0;
        if (rc == 0)
            o->window = window;
        o->has_window = rc == 0;
    }
    if (o->has_window && is_sound && (r->window || r->start || r->expiry || r->is_time_dropped))
        check_window_opens(r);
}

/* What can only be told once every member was read. */
static void complete(struct reading *r)
{
    struct batch_options *o = r->o;
    if (r->failed_follows)
        o->retry.failed_delay_ms = o->retry.no_answer_delay_ms;
    complete_times(r);
}

static void choose_trunk(struct reading *r, const cJSON *json)
{
    struct batch_options *o = r->o;
    if (json && cJSON_GetObjectItemCaseSensitive(json, "trunk"))
        return;
    const char *trunk = r->policy->n_trunks > 0 ? r->policy->trunks[0] : "";
    size_t len = strlen(trunk);
    if (len > 0 && len < sizeof o->trunk)
        memcpy(o->trunk, trunk, len + 1);
    else
        faults_add(r->faults, "trunk", FAULT_NOT_ALLOWED, "cannot be chosen: this tenant may use no trunk");
}

/* 0 where no fault was added to the `n` that there were. */
static int verdict(const struct reading *r, uint64_t n)
{
    if (r->is_out_of_memory)
        return ERR_NOMEM;
    return faults_count(r->faults) > n ? ERR_INVALID : 0;
}

int options_read(const cJSON *json, const struct options_policy *policy, int64_t now_ms, struct batch_options *ret,
                 struct faults *faults, struct faults *warnings)
{
    struct batch_options o = {0};
    struct reading r = {
        .policy = policy,
        .now_ms = now_ms,
        .o = &o,
        .faults = faults,
        .warnings = warnings,
        .is_zone_good = true,
        .failed_follows = true,
    };
    uint64_t faults_before = faults_count(faults);
    faults_at(faults, OPTIONS_PATH);
    faults_at(warnings, OPTIONS_PATH);
    set_defaults(&r);
    if (json)
        read_members(&r, "", json, MEMBERS, sizeof MEMBERS / sizeof MEMBERS[0]);
    complete(&r);
    choose_trunk(&r, json);
    faults_at(faults, "%s", "");
    faults_at(warnings, "%s", "");
    int rc = verdict(&r, faults_before);
    if (rc == 0)
        *ret = o;
    else
        batch_options_free(&o);
    return rc;
}

int options_change(struct batch_options *o, const cJSON *json, const char *path, const struct options_policy *policy,
                   int64_t now_ms, struct faults *faults, struct faults *warnings)
{
    struct reading r = {
        .policy = policy,
        .now_ms = now_ms,
        .o = o,
        .faults = faults,
        .warnings = warnings,
        .is_zone_good = true,
        .is_change = true,
        .failed_follows = o->retry.failed_delay_ms == o->retry.no_answer_delay_ms,
    };
    uint64_t faults_before = faults_count(faults);
    faults_at(faults, "%s", path);
    faults_at(warnings, "%s", path);
    read_members(&r, "", json, MEMBERS, sizeof MEMBERS / sizeof MEMBERS[0]);
    complete(&r);
    faults_at(faults, "%s", "");
    faults_at(warnings, "%s", "");
    return verdict(&r, faults_before);
}

void batch_options_free(struct batch_options *o)
{
    free(o->on_batch_complete);
    free(o->on_call_complete);
    free(o->on_call_attempt);
    free(o->on_batch_failed);
    free(o->on_event);
    for (size_t i = 0; i < o->n_tags; i++)
        free(o->tags[i]);
    memset(o, 0, sizeof *o);
}
