/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_report.h"

#include <math.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/utf8.h"
#include "common/domain/outcome.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/instant.h"

#define SECOND_US INT64_C(1000000)

/* ---- reading ---- */

/* The first error is kept. */
static void note(int rc, int *err)
{
    if (rc && !*err)
        *err = rc;
}

/* NULL where absent. What a tenant is told is text: ERR_PROTOCOL for anything else. */
static const char *text_field(const struct redisReply *hash, const char *name, int *err)
{
    const char *text = NULL;
    size_t len = 0;
    const struct redisReply *value = reply_field(hash, name);
    int rc = value ? reply_str(value, &text, &len) : 0;
    if (!rc && text && (memchr(text, '\0', len) || !utf8_is_valid(text, len)))
        rc = ERR_PROTOCOL;
    note(rc, err);
    return rc ? NULL : text;
}

/* 0 where absent. */
static int64_t number_field(const struct redisReply *hash, const char *name, int64_t most, int *err)
{
    int64_t number = 0;
    const struct redisReply *value = reply_field(hash, name);
    int rc = value ? reply_i64(value, &number) : 0;
    if (!rc && (number < -most || number > most))
        rc = ERR_PROTOCOL;
    note(rc, err);
    return rc ? 0 : number;
}

static int64_t count_field(const struct redisReply *hash, const char *name, int *err)
{
    return number_field(hash, name, LIMIT_COUNT, err);
}

static int64_t instant_field(const struct redisReply *hash, const char *name, int *err)
{
    return number_field(hash, name, LIMIT_INSTANT_MS, err);
}

/* JSON of the given kind (cJSON_Array, cJSON_Object), which goes into answers as it is. */
static const char *json_field(const struct redisReply *hash, const char *name, int kind, int *err)
{
    cJSON *value = NULL;
    const char *text = text_field(hash, name, err);
    if (!text)
        return NULL;
    int rc = json_parse(text, strlen(text), &value, NULL);
    if (rc != ERR_NOMEM && (!value || value->type != kind))
        rc = ERR_PROTOCOL;
    cJSON_Delete(value);
    note(rc, err);
    return rc ? NULL : text;
}

static void read_texts(struct batch_report *r, const struct redisReply *hash, int *err)
{
    r->tenant = text_field(hash, "tenant", err);
    r->agent_id = text_field(hash, "agent_id", err);
    r->user_id = text_field(hash, "user_id", err);
    r->reason = text_field(hash, "reason", err);
    r->refusal = text_field(hash, "refusal", err);
    r->redial_of = text_field(hash, "redial_of", err);
    r->tags = json_field(hash, "tags", cJSON_Array, err);
    r->trunk = text_field(hash, "trunk", err);
    r->timezone = text_field(hash, "timezone", err);
    r->window = json_field(hash, "window", cJSON_Object, err);
    r->on_call_complete = text_field(hash, "on_call_complete", err);
    r->on_call_attempt = text_field(hash, "on_call_attempt", err);
    r->on_batch_complete = text_field(hash, "on_batch_complete", err);
    r->on_batch_failed = text_field(hash, "on_batch_failed", err);
    r->on_event = text_field(hash, "on_event", err);
}

static void read_numbers(struct batch_report *r, const struct redisReply *hash, int *err)
{
    r->revision = count_field(hash, "revision", err);
    r->revision += r->revision == 0;
    r->priority = count_field(hash, "priority", err);
    r->cps = count_field(hash, "cps", err);
    r->max_concurrent = count_field(hash, "max_concurrent", err);
    r->total = count_field(hash, "total", err);
    r->cursor = count_field(hash, "cursor", err);
    r->live = count_field(hash, "live", err);
    r->ended = count_field(hash, "ended", err);
    r->succeeded = count_field(hash, "succeeded", err);
    r->failed = count_field(hash, "failed", err);
    r->attempts = count_field(hash, "attempts", err);
    r->rejected = count_field(hash, "rejected", err);
    r->duplicates = count_field(hash, "duplicates", err);
    r->talked_s = count_field(hash, "talked_s", err);
    r->start_ms = instant_field(hash, "start_ms", err);
    r->created_ms = instant_field(hash, "created_ms", err);
    r->started_ms = instant_field(hash, "started_ms", err);
    r->completed_ms = instant_field(hash, "completed_ms", err);
    r->expires_ms = instant_field(hash, "expires_ms", err);
    r->expired_ms = instant_field(hash, "expired_ms", err);
    r->is_sealed = count_field(hash, "sealed", err) == 1;
}

int batch_report_read(const struct redisReply *hash, const char *id, struct batch_report *ret_report)
{
    struct batch_report r = {.id = id, .fields = hash};
    int err = 0;
    const char *state = text_field(hash, "state", &err);
    if (reply_len(hash) == 0)
        return ERR_NOT_FOUND;
    if (!state || batch_state_from_name(state, strlen(state), &r.state) != 0)
        return ERR_PROTOCOL;
    read_texts(&r, hash, &err);
    read_numbers(&r, hash, &err);
    if (err)
        return err;
    if (!r.tenant)
        return ERR_PROTOCOL;
    *ret_report = r;
    return 0;
}

/* ---- arithmetic ---- */

static double to_two_decimals(double value)
{
    return round(value * 100.0) / 100.0;
}

double batch_report_percent(int64_t part, int64_t whole)
{
    return whole > 0 ? to_two_decimals(100.0 * (double)part / (double)whole) : 0.0;
}

double batch_report_rate(const struct redisReply *begins, int64_t now_us)
{
    int64_t first_us;
    size_t n = reply_len(begins);
    if (n == 0 || reply_i64(reply_at(begins, 0), &first_us) != 0 || first_us < 0 || first_us > LIMIT_INSTANT_MS * 1000)
        return 0.0;
    /* Between n begins lie n - 1 gaps: the gap behind the last is taken to be as long as these are in the mean. */
    double span_us = (double)(now_us - first_us);
    if (n > 1)
        span_us = span_us * (double)n / (double)(n - 1);
    return (double)n * (double)SECOND_US / fmax(span_us, (double)SECOND_US);
}

static bool is_running(enum batch_state state)
{
    return state == BATCH_STATE_PENDING || state == BATCH_STATE_PROCESSING;
}

/* From the first begin to the end, or to now. */
static int64_t elapsed_ms(const struct batch_report *r, const struct batch_pulse *pulse)
{
    int64_t end_ms = r->completed_ms ? r->completed_ms : pulse->now_ms;
    return r->started_ms && end_ms > r->started_ms ? end_ms - r->started_ms : 0;
}

/* While it runs, the pace of the last calls; once it has ended, the whole batch's. */
static double calls_per_second(const struct batch_report *r, const struct batch_pulse *pulse)
{
    if (!batch_state_is_end(r->state))
        return to_two_decimals(pulse->calls_per_second);
    int64_t ms = elapsed_ms(r, pulse);
    return ms > 0 ? to_two_decimals(1000.0 * (double)r->attempts / (double)ms) : 0.0;
}

/* Fresh contacts at the pace of now (or at the limit, where nothing was begun lately), but not before the last retry
 * that waits. What later attempts may need is not in it. */
static int64_t remaining_s(const struct batch_report *r, const struct batch_pulse *pulse)
{
    double rate = pulse->calls_per_second > 0.0 ? pulse->calls_per_second : (double)r->cps;
    double fresh_s = rate > 0.0 && !r->expired_ms ? (double)(r->total - r->cursor) / rate : 0.0;
    double retries_s =
        pulse->last_retry_ms > pulse->now_ms ? (double)(pulse->last_retry_ms - pulse->now_ms) / 1000.0 : 0.0;
    double most_s = (double)(LIMIT_INSTANT_MS / 1000);
    return (int64_t)ceil(fmin(fmax(fresh_s, retries_s), most_s));
}

/* ---- writing ---- */

static bool add_number(cJSON *object, const char *name, double value)
{
    return cJSON_AddNumberToObject(object, name, value) != NULL;
}

static bool add_statistics(const struct batch_report *r, cJSON *object)
{
    cJSON *statistics = cJSON_AddObjectToObject(object, "statistics");
    int64_t processed = r->succeeded + r->failed;
    return json_add_i64(statistics, "total", r->total) && json_add_i64(statistics, "processed", processed) &&
           json_add_i64(statistics, "succeeded", r->succeeded) && json_add_i64(statistics, "failed", r->failed) &&
           json_add_i64(statistics, "pending", r->total - processed) &&
           add_number(statistics, "percentComplete", batch_report_percent(processed, r->total)) &&
           add_number(statistics, "successRate", batch_report_percent(r->succeeded, processed));
}

static bool add_performance(const struct batch_report *r, const struct batch_pulse *pulse, cJSON *object)
{
    cJSON *performance = cJSON_AddObjectToObject(object, "performance");
    bool is_whole = add_number(performance, "callsPerSecond", calls_per_second(r, pulse));
    if (is_running(r->state))
        is_whole = is_whole && json_add_i64(performance, "estimatedTimeRemaining", remaining_s(r, pulse));
    else
        is_whole = is_whole && cJSON_AddNullToObject(performance, "estimatedTimeRemaining");
    return is_whole && json_add_i64(performance, "elapsedTime", elapsed_ms(r, pulse) / 1000);
}

static bool add_timestamps(const struct batch_report *r, cJSON *object)
{
    cJSON *timestamps = cJSON_AddObjectToObject(object, "timestamps");
    return instant_add(timestamps, "createdAt", r->created_ms) && instant_add(timestamps, "startedAt", r->started_ms) &&
           instant_add(timestamps, "completedAt", r->completed_ms);
}

static bool add_webhooks(const struct batch_report *r, cJSON *object)
{
    if (!r->on_batch_complete && !r->on_call_complete && !r->on_call_attempt && !r->on_batch_failed && !r->on_event)
        return cJSON_AddNullToObject(object, "webhooks") != NULL;
    cJSON *webhooks = cJSON_AddObjectToObject(object, "webhooks");
    return webhooks && (!r->on_batch_complete || json_add_str(webhooks, "onBatchComplete", r->on_batch_complete)) &&
           (!r->on_call_complete || json_add_str(webhooks, "onCallComplete", r->on_call_complete)) &&
           (!r->on_call_attempt || json_add_str(webhooks, "onCallAttempt", r->on_call_attempt)) &&
           (!r->on_batch_failed || json_add_str(webhooks, "onBatchFailed", r->on_batch_failed)) &&
           (!r->on_event || json_add_str(webhooks, "onEvent", r->on_event));
}

static cJSON *whole_or_nothing(cJSON *object, bool is_whole)
{
    if (is_whole)
        return object;
    cJSON_Delete(object);
    return NULL;
}

cJSON *batch_report_status_json(const struct batch_report *r, const struct batch_pulse *pulse)
{
    cJSON *object = cJSON_CreateObject();
    bool is_whole = json_add_str(object, "batchId", r->id) &&
                    json_add_str(object, "status", batch_state_name(r->state)) &&
                    json_add_i64(object, "priority", r->priority) && add_statistics(r, object) &&
                    add_performance(r, pulse, object) && add_timestamps(r, object) && add_webhooks(r, object) &&
                    json_add_str(object, "agentId", r->agent_id) && json_add_str(object, "userId", r->user_id);
    return whole_or_nothing(object, is_whole);
}

static bool add_outcomes(const struct batch_report *r, cJSON *object)
{
    cJSON *outcomes = cJSON_AddObjectToObject(object, "outcomes");
    for (size_t i = 0; i < OUTCOME_COUNT; i++) {
        char field[32] = "outcome:";
        int err = 0;
        strncat(field, outcome_rows()[i].name, sizeof field - strlen(field) - 1);
        int64_t n = count_field(r->fields, field, &err);
        if (n > 0 && !json_add_i64(outcomes, outcome_rows()[i].name, n))
            return false;
    }
    return outcomes != NULL;
}

static bool add_limits(const struct batch_report *r, cJSON *object)
{
    return json_add_i64(object, "maxCallsPerSecond", r->cps) &&
           (r->max_concurrent ? json_add_i64(object, "maxConcurrentCalls", r->max_concurrent) != NULL
                              : cJSON_AddNullToObject(object, "maxConcurrentCalls") != NULL);
}

static bool add_times(const struct batch_report *r, cJSON *object)
{
    const char *window = r->window ? r->window : "null";
    return json_add_str(object, "timezone", r->timezone) && instant_add(object, "startsAt", r->start_ms) &&
           json_add_raw(object, "callingWindow", window, strlen(window)) &&
           instant_add(object, "expiresAt", r->expires_ms) && instant_add(object, "expiredAt", r->expired_ms);
}

int batch_report_add_more(const struct batch_report *r, cJSON *object)
{
    const char *tags = r->tags ? r->tags : "[]";
    bool is_whole = json_add_str(object, "reason", r->reason) && json_add_str(object, "refusal", r->refusal) &&
                    json_add_str(object, "redialOf", r->redial_of) &&
                    json_add_raw(object, "tags", tags, strlen(tags)) && json_add_str(object, "trunk", r->trunk) &&
                    add_limits(r, object) && add_times(r, object) && json_add_i64(object, "attempts", r->attempts) &&
                    json_add_i64(object, "ongoing", r->live + r->ended) && add_outcomes(r, object) &&
                    json_add_i64(object, "rejected", r->rejected) && json_add_i64(object, "duplicates", r->duplicates);
    return is_whole ? 0 : ERR_NOMEM;
}

cJSON *batch_report_summary_json(const struct batch_report *r)
{
    cJSON *object = cJSON_CreateObject();
    int64_t processed = r->succeeded + r->failed;
    bool is_whole = json_add_str(object, "batchId", r->id) &&
                    json_add_str(object, "status", batch_state_name(r->state)) &&
                    json_add_i64(object, "total", r->total) && json_add_i64(object, "processed", processed) &&
                    json_add_i64(object, "succeeded", r->succeeded) && json_add_i64(object, "failed", r->failed) &&
                    add_number(object, "percentComplete", batch_report_percent(processed, r->total)) &&
                    instant_add(object, "createdAt", r->created_ms) && json_add_str(object, "agentId", r->agent_id) &&
                    json_add_i64(object, "priority", r->priority);
    return whole_or_nothing(object, is_whole);
}
