/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_settings_read.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/ident.h"
#include "common/base/utf8.h"
#include "common/domain/phone.h"
#include "common/domain/timezone.h"
#include "common/json/json.h"
#include "common/redis/reply.h"

/* The first error is kept, and what follows is skipped. */
struct reader {
    const struct redisReply *hash;
    int err;
};

/* NULL where absent. */
static const char *text(struct reader *r, const char *field)
{
    const char *found = NULL;
    size_t len = 0;
    const struct redisReply *value = r->err ? NULL : reply_field(r->hash, field);
    if (value)
        r->err = reply_str(value, &found, &len);
    if (!r->err && found && (memchr(found, '\0', len) || !utf8_is_valid(found, len)))
        r->err = ERR_PROTOCOL;
    return r->err ? NULL : found;
}

static int64_t number(struct reader *r, const char *field, int64_t min, int64_t max, int64_t fallback)
{
    int64_t found = fallback;
    const struct redisReply *value = r->err ? NULL : reply_field(r->hash, field);
    if (!value)
        return fallback;
    r->err = reply_i64(value, &found);
    if (!r->err && (found < min || found > max))
        r->err = ERR_PROTOCOL;
    return r->err ? fallback : found;
}

static int32_t small(struct reader *r, const char *field, int32_t min, int32_t max, int32_t fallback)
{
    return (int32_t)number(r, field, min, max, fallback);
}

static void copy(struct reader *r, const char *field, char *ret, size_t cap)
{
    const char *found = text(r, field);
    size_t len = found ? strlen(found) : 0;
    if (found && len >= cap)
        r->err = ERR_PROTOCOL;
    else if (found)
        memcpy(ret, found, len + 1);
}

static char *duplicate(struct reader *r, const char *field)
{
    const char *found = text(r, field);
    char *made = found ? strdup(found) : NULL;
    if (found && !made)
        r->err = ERR_NOMEM;
    return made;
}

/* A field that holds JSON; NULL where absent. The caller deletes it. */
static cJSON *tree(struct reader *r, const char *field)
{
    const char *found = text(r, field);
    cJSON *value = NULL;
    int err = found ? json_parse(found, strlen(found), &value, NULL) : 0;
    if (err)
        r->err = err == ERR_NOMEM ? err : ERR_PROTOCOL;
    return value;
}

static void read_times(struct reader *r, struct batch_options *o)
{
    memcpy(o->timezone, OPTIONS_DEFAULT_TIMEZONE, sizeof OPTIONS_DEFAULT_TIMEZONE);
    copy(r, "timezone", o->timezone, sizeof o->timezone);
    o->start_ms = number(r, "start_ms", 1, LIMIT_INSTANT_MS, 0);
    o->has_start = o->start_ms > 0;
    o->expires_ms = number(r, "expires_ms", 1, LIMIT_INSTANT_MS, 0);
    o->has_expiry = o->expires_ms > 0 && number(r, "life_ms", 1, LIMIT_INSTANT_MS, 0) == 0;
    cJSON *window = tree(r, "window");
    if (window) {
        o->has_window = calling_window_read(window, "", o->timezone, &o->window, NULL, NULL) == 0;
        if (!o->has_window)
            r->err = ERR_PROTOCOL;
    }
    cJSON_Delete(window);
}

static void read_retry(struct reader *r, struct retry_rules *rules)
{
    rules->max_attempts = small(r, "max_attempts", 1, 100, OPTIONS_DEFAULT_ATTEMPTS);
    rules->no_answer_delay_ms =
        number(r, "no_answer_delay_ms", 0, LIMIT_SCHEDULE_AHEAD_MS, OPTIONS_DEFAULT_NO_ANSWER_DELAY_MS);
    rules->busy_delay_ms = number(r, "busy_delay_ms", 0, LIMIT_SCHEDULE_AHEAD_MS, OPTIONS_DEFAULT_BUSY_DELAY_MS);
    rules->failed_delay_ms = number(r, "failed_delay_ms", 0, LIMIT_SCHEDULE_AHEAD_MS, rules->no_answer_delay_ms);
    rules->voicemail_delay_ms = number(r, "voicemail_delay_ms", 0, LIMIT_SCHEDULE_AHEAD_MS, 0);
    const char *on_unknown = text(r, "on_unknown");
    rules->on_unknown = ON_UNKNOWN_RETRY;
    if (on_unknown && on_unknown_from_name(on_unknown, strlen(on_unknown), &rules->on_unknown) != 0)
        r->err = ERR_PROTOCOL;
}

static void read_tags(struct reader *r, struct batch_options *o)
{
    cJSON *list = tree(r, "tags");
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item) || o->n_tags == LIMIT_TAGS) {
            r->err = ERR_PROTOCOL;
            break;
        }
        o->tags[o->n_tags] = strdup(item->valuestring);
        if (!o->tags[o->n_tags]) {
            r->err = ERR_NOMEM;
            break;
        }
        o->n_tags++;
    }
    cJSON_Delete(list);
}

static void read_caller_ids(struct reader *r, struct batch_options *o)
{
    cJSON *list = tree(r, "caller_ids");
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsString(item) || o->n_caller_ids == LIMIT_CALLER_IDS ||
            phone_parse(item->valuestring, strlen(item->valuestring), &o->caller_ids[o->n_caller_ids]) != 0) {
            r->err = ERR_PROTOCOL;
            break;
        }
        o->n_caller_ids++;
    }
    cJSON_Delete(list);
}

static void read_webhooks(struct reader *r, struct batch_options *o)
{
    o->on_batch_complete = duplicate(r, "on_batch_complete");
    o->on_call_complete = duplicate(r, "on_call_complete");
    o->on_call_attempt = duplicate(r, "on_call_attempt");
    o->on_batch_failed = duplicate(r, "on_batch_failed");
    o->on_event = duplicate(r, "on_event");
}

int batch_settings_read(const struct redisReply *hash, struct batch_options *ret_options)
{
    struct reader r = {.hash = hash};
    struct batch_options o = {
        .priority = small(&r, "priority", 1, 10, OPTIONS_DEFAULT_PRIORITY),
        .max_calls_per_second = small(&r, "cps", 1, INT32_MAX, OPTIONS_DEFAULT_CALLS_PER_SECOND),
        .max_concurrent_calls = small(&r, "max_concurrent", 0, INT32_MAX, 0),
        .ring_timeout_s = small(&r, "ring_s", 1, 86400, OPTIONS_DEFAULT_RING_TIMEOUT_S),
        .max_call_duration_s = small(&r, "talk_s", 1, 86400, OPTIONS_DEFAULT_MAX_CALL_DURATION_S),
        .summary_wait_s = small(&r, "summary_wait_ms", 0, 86400000, 1000 * OPTIONS_DEFAULT_SUMMARY_WAIT_S) / 1000,
    };
    copy(&r, "trunk", o.trunk, sizeof o.trunk);
    read_times(&r, &o);
    read_retry(&r, &o.retry);
    read_webhooks(&r, &o);
    read_tags(&r, &o);
    read_caller_ids(&r, &o);
    if (r.err) {
        batch_options_free(&o);
        return r.err;
    }
    *ret_options = o;
    return 0;
}
