/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_settings.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/domain/pacing.h"
#include "common/domain/phone.h"
#include "common/domain/retry.h"
#include "common/json/json.h"

#define SEEN_PER_SHARD 192u /* as in common/lua/lib/seen.lua */
#define SEEN_SHARDS_MAX 65536u
#define WINDOW_FIELD "window"
/* A creation that is not sealed by then is purged; far longer than any writing takes. */
#define UNSEALED_LIFE_MS "600000"
#define TEXT_MAX ((size_t)4 * LIMIT_OPTIONS_JSON_BYTES)

uint32_t batch_settings_seen_shards(uint64_t contacts)
{
    uint64_t shards = contacts / SEEN_PER_SHARD + 1;
    return shards < SEEN_SHARDS_MAX ? (uint32_t)shards : SEEN_SHARDS_MAX;
}

/* The fields are written one behind the other; the first error is kept and the rest is skipped. */
struct writer {
    struct batch_settings *s;
    int err;
};

static void put(struct writer *w, const char *name, const char *value)
{
    struct batch_settings *s = w->s;
    if (w->err || !value)
        return;
    if (s->n == BATCH_SETTINGS_MAX) {
        w->err = ERR_NOMEM;
        return;
    }
    w->err = buf_append_str(&s->text, name);
    s->ends[2 * s->n] = buf_len(&s->text);
    if (!w->err)
        w->err = buf_append_str(&s->text, value);
    s->ends[2 * s->n + 1] = buf_len(&s->text);
    s->n++;
}

static void put_i64(struct writer *w, const char *name, int64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRId64, value);
    put(w, name, text);
}

/* A list of texts as a JSON array, "" items not allowed; nothing where it is empty. */
static void put_list(struct writer *w, const char *name, const char *const *items, size_t n)
{
    if (w->err || n == 0)
        return;
    struct buf json;
    buf_init(&json, TEXT_MAX);
    cJSON *list = cJSON_CreateStringArray(items, (int)n);
    w->err = list ? json_print(list, &json) : ERR_NOMEM;
    if (!w->err)
        put(w, name, buf_str(&json));
    cJSON_Delete(list);
    buf_free(&json);
}

static void put_caller_ids(struct writer *w, const struct batch_options *o)
{
    char numbers[LIMIT_CALLER_IDS][PHONE_TEXT_LEN + 1];
    const char *items[LIMIT_CALLER_IDS];
    for (size_t i = 0; i < o->n_caller_ids; i++) {
        phone_format(o->caller_ids[i], numbers[i]);
        items[i] = numbers[i];
    }
    put_list(w, "caller_ids", items, o->n_caller_ids);
}

static void put_pace(struct writer *w, const struct batch_options *o)
{
    put_i64(w, "priority", o->priority);
    put_i64(w, "cps", o->max_calls_per_second);
    put_i64(w, "interval_us", pacing_interval_us(o->max_calls_per_second));
    if (o->max_concurrent_calls > 0)
        put_i64(w, "max_concurrent", o->max_concurrent_calls);
}

/* The window as it was given, and its next hours for the scripts. */
static void put_window(struct writer *w, const struct calling_window *window, int64_t from_ms, int64_t until_ms)
{
    char hours[CALLING_WINDOW_HOURS_LEN + 1];
    int64_t known_ms;
    struct buf json;
    buf_init(&json, TEXT_MAX);
    cJSON *object = cJSON_CreateObject();
    if (!w->err)
        w->err = calling_window_add_json(window, object, WINDOW_FIELD);
    if (!w->err)
        w->err = json_print(cJSON_GetObjectItemCaseSensitive(object, WINDOW_FIELD), &json);
    if (!w->err)
        w->err = calling_window_publish(window, from_ms, until_ms, hours, &known_ms);
    if (!w->err) {
        put(w, WINDOW_FIELD, buf_str(&json));
        put(w, "hours", hours);
        put_i64(w, "hours_until_ms", known_ms);
    }
    cJSON_Delete(object);
    buf_free(&json);
}

static void put_times(struct writer *w, const struct batch_options *o, int64_t now_ms)
{
    int64_t start_ms = o->has_start ? o->start_ms : now_ms;
    if (o->has_start)
        put_i64(w, "start_ms", o->start_ms);
    if (o->has_expiry)
        put_i64(w, "expires_ms", o->expires_ms);
    else
        put_i64(w, "life_ms", LIMIT_BATCH_LIFE_MS);
    put(w, "timezone", o->timezone);
    if (o->has_window)
        put_window(w, &o->window, start_ms > now_ms ? start_ms : now_ms,
                   o->has_expiry ? o->expires_ms : start_ms + LIMIT_BATCH_LIFE_MS);
}

static void put_retry(struct writer *w, const struct retry_rules *rules)
{
    put_i64(w, "max_attempts", rules->max_attempts);
    put_i64(w, "no_answer_delay_ms", rules->no_answer_delay_ms);
    put_i64(w, "busy_delay_ms", rules->busy_delay_ms);
    put_i64(w, "failed_delay_ms", rules->failed_delay_ms);
    if (rules->voicemail_delay_ms > 0)
        put_i64(w, "voicemail_delay_ms", rules->voicemail_delay_ms);
    put(w, "on_unknown", on_unknown_name(rules->on_unknown));
}

static void put_call(struct writer *w, const struct batch_options *o)
{
    put_i64(w, "ring_s", o->ring_timeout_s);
    put_i64(w, "talk_s", o->max_call_duration_s);
    put_i64(w, "summary_wait_ms", INT64_C(1000) * o->summary_wait_s);
    put_caller_ids(w, o);
}

int batch_settings_make(const struct batch_options *o, const char *agent_id, const char *user_id, uint64_t contacts,
                        int64_t now_ms, struct batch_settings *ret_settings)
{
    struct batch_settings settings = {.n = 0};
    struct writer w = {&settings, 0};
    buf_init(&settings.text, TEXT_MAX);
    put(&w, "agent_id", agent_id);
    put(&w, "user_id", user_id);
    put_pace(&w, o);
    put_times(&w, o, now_ms);
    put_retry(&w, &o->retry);
    put_call(&w, o);
    put(&w, "on_call_complete", o->on_call_complete);
    put(&w, "on_call_attempt", o->on_call_attempt);
    put(&w, "on_batch_complete", o->on_batch_complete);
    put(&w, "on_batch_failed", o->on_batch_failed);
    put(&w, "on_event", o->on_event);
    put_list(&w, "tags", (const char *const *)o->tags, o->n_tags);
    put_i64(&w, "seen_shards", batch_settings_seen_shards(contacts));
    if (w.err) {
        batch_settings_free(&settings);
        return w.err;
    }
    *ret_settings = settings;
    return 0;
}

int batch_settings_put_quotas(struct batch_settings *s, const struct quota_defaults *defaults)
{
    struct writer w = {s, 0};
    char text[80];
    snprintf(text, sizeof text, "%" PRId64 " %" PRId64 " %" PRId64, defaults->batches, defaults->contacts,
             defaults->bytes);
    put(&w, "quotas", text);
    return w.err;
}

void batch_settings_free(struct batch_settings *s)
{
    buf_free(&s->text);
    s->n = 0;
}

/* Field `i`'s name where `is_value` is 0, its value where it is 1. */
static struct redis_arg piece(const struct batch_settings *s, size_t i, size_t is_value)
{
    size_t at = 2 * i + is_value;
    size_t start = at > 0 ? s->ends[at - 1] : 0;
    return redis_arg_mem(buf_str(&s->text) + start, s->ends[at] - start);
}

static bool is_same(struct redis_arg a, struct redis_arg b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* Its index, or s->n. */
static size_t find(const struct batch_settings *s, struct redis_arg name)
{
    size_t i = 0;
    while (i < s->n && !is_same(piece(s, i, 0), name))
        i++;
    return i;
}

size_t batch_settings_diff(const struct batch_settings *before, const struct batch_settings *after,
                           struct redis_arg args[BATCH_SETTINGS_DIFF_ARGS])
{
    size_t n = 0;
    for (size_t i = 0; i < after->n; i++) {
        struct redis_arg name = piece(after, i, 0), value = piece(after, i, 1);
        size_t was = find(before, name);
        if (was < before->n && is_same(piece(before, was, 1), value))
            continue;
        args[n++] = redis_arg_str("set");
        args[n++] = name;
        args[n++] = value;
    }
    for (size_t i = 0; i < before->n; i++) {
        struct redis_arg name = piece(before, i, 0);
        if (find(after, name) < after->n)
            continue;
        args[n++] = redis_arg_str("drop");
        args[n++] = name;
        args[n++] = redis_arg_str("");
    }
    return n;
}

void batch_settings_args(const struct batch_settings *s, struct redis_arg *args)
{
    size_t start = 0;
    for (size_t i = 0; i < 2 * s->n; i++) {
        args[i] = redis_arg_mem(buf_str(&s->text) + start, s->ends[i] - start);
        start = s->ends[i];
    }
}

size_t batch_settings_create_args(const struct batch_settings *s, const char *batch_id, const char *tenant,
                                  const char *trunk, struct redis_arg args[BATCH_CREATE_ARGS])
{
    args[0] = redis_arg_str(batch_id);
    args[1] = redis_arg_str(tenant);
    args[2] = redis_arg_str(trunk);
    args[3] = redis_arg_str(UNSEALED_LIFE_MS);
    batch_settings_args(s, args + 4);
    return 4 + 2 * s->n;
}
