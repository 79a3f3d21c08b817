/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/timestamp.h"
#include "common/domain/options.h"
#include "common/domain/phone.h"
#include "common/json/json.h"

static bool add_instant(cJSON *object, const char *key, bool is_given, int64_t ms)
{
    if (!is_given)
        return true;
    char text[TIMESTAMP_LEN + 1];
    timestamp_format(ms, text);
    return json_add_str(object, key, text) != NULL;
}

static bool add_times(const struct batch_options *o, cJSON *object)
{
    return add_instant(object, "scheduledStartTime", o->has_start, o->start_ms) &&
           add_instant(object, "expiresAt", o->has_expiry, o->expires_ms) &&
           (!o->has_window || calling_window_add_json(&o->window, object, "callingWindow") == 0) &&
           json_add_str(object, "timezone", o->timezone);
}

static bool add_retry(const struct batch_options *o, cJSON *object)
{
    cJSON *retry = cJSON_AddObjectToObject(object, "retryStrategy");
    return json_add_i64(retry, "maxAttempts", o->retry.max_attempts) &&
           json_add_i64(retry, "noAnswerDelay", o->retry.no_answer_delay_ms) &&
           json_add_i64(retry, "busyDelay", o->retry.busy_delay_ms) &&
           json_add_i64(retry, "failedDelay", o->retry.failed_delay_ms) &&
           (o->retry.voicemail_delay_ms == 0 || json_add_i64(retry, "voicemailDelay", o->retry.voicemail_delay_ms)) &&
           json_add_str(object, "onUnknown", on_unknown_name(o->retry.on_unknown));
}

static bool add_webhooks(const struct batch_options *o, cJSON *object)
{
    cJSON *webhooks = cJSON_AddObjectToObject(object, "webhooks");
    return webhooks && (!o->on_batch_complete || json_add_str(webhooks, "onBatchComplete", o->on_batch_complete)) &&
           (!o->on_call_complete || json_add_str(webhooks, "onCallComplete", o->on_call_complete)) &&
           (!o->on_call_attempt || json_add_str(webhooks, "onCallAttempt", o->on_call_attempt)) &&
           (!o->on_batch_failed || json_add_str(webhooks, "onBatchFailed", o->on_batch_failed)) &&
           (!o->on_event || json_add_str(webhooks, "onEvent", o->on_event));
}

static bool add_lists(const struct batch_options *o, cJSON *object)
{
    cJSON *tags = cJSON_AddArrayToObject(object, "tags");
    for (size_t i = 0; i < o->n_tags; i++) {
        if (!json_add_item(tags, o->tags[i]))
            return false;
    }
    if (o->n_caller_ids == 0)
        return tags != NULL;
    cJSON *caller_ids = cJSON_AddArrayToObject(object, "callerIds");
    for (size_t i = 0; i < o->n_caller_ids; i++) {
        char phone[PHONE_TEXT_LEN + 1];
        phone_format(o->caller_ids[i], phone);
        if (!json_add_item(caller_ids, phone))
            return false;
    }
    return tags && caller_ids;
}

int options_add_json(const struct batch_options *o, cJSON *object)
{
    bool is_complete =
        json_add_i64(object, "priority", o->priority) &&
        json_add_i64(object, "maxCallsPerSecond", o->max_calls_per_second) &&
        (o->max_concurrent_calls == 0 || json_add_i64(object, "maxConcurrentCalls", o->max_concurrent_calls)) &&
        add_times(o, object) && add_retry(o, object) && json_add_i64(object, "ringTimeout", o->ring_timeout_s) &&
        json_add_i64(object, "maxCallDuration", o->max_call_duration_s) &&
        json_add_i64(object, "summaryWait", o->summary_wait_s) && add_webhooks(o, object) && add_lists(o, object) &&
        json_add_str(object, "trunk", o->trunk);
    return is_complete ? 0 : ERR_NOMEM;
}
