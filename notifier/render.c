/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/render.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "common/base/ident.h"
#include "common/base/limits.h"
#include "common/base/timestamp.h"
#include "common/base/utf8.h"
#include "common/domain/phone.h"
#include "common/json/json.h"

#define CUT_SUMMARY_BYTES 2048

/* ---- values; each is true where memory lasted ---- */

/* A text that is absent or not clean is null. */
static bool add_text(cJSON *object, const char *key, struct render_text text)
{
    bool is_clean = text.data && strlen(text.data) == text.len && utf8_is_valid(text.data, text.len);
    return json_add_str(object, key, is_clean ? text.data : NULL) != NULL;
}

/* A text of a contact: "" where there is none. */
static bool add_or_null(cJSON *object, const char *key, const char *text)
{
    return add_text(object, key, (struct render_text){*text ? text : NULL, strlen(text)});
}

static bool add_instant(cJSON *object, const char *key, int64_t ms)
{
    char text[TIMESTAMP_LEN + 1];
    if (ms <= 0)
        return json_add_str(object, key, NULL) != NULL;
    timestamp_format(ms, text);
    return json_add_str(object, key, text) != NULL;
}

/* JSON that was checked when it came in, byte for byte; `otherwise` where it is absent or no longer reads as that. */
static bool add_json(cJSON *object, const char *key, const char *json, size_t len, cJSON_bool (*is_kind)(const cJSON *),
                     const char *otherwise)
{
    cJSON *tree = NULL;
    int err = json && len > 0 ? json_parse(json, len, &tree, NULL) : ERR_INVALID;
    if (err == ERR_NOMEM)
        return false;
    bool is_good = !err && is_kind(tree);
    cJSON_Delete(tree);
    return json_add_raw(object, key, is_good ? json : otherwise, is_good ? len : strlen(otherwise)) != NULL;
}

static bool add_tags(cJSON *object, const struct render_batch *batch)
{
    return add_json(object, "tags", batch->tags.data, batch->tags.len, cJSON_IsArray, "[]");
}

/* ---- call.completed, call.attempt ---- */

static enum call_status status_of(const struct call_text *state)
{
    return state->has_outcome ? outcome_row(state->outcome)->status : CALL_STATUS_FAILED;
}

/* A call that was never answered lasted 0 seconds; of one that was, the length may not be known. */
static bool add_duration(cJSON *object, const struct call_text *state)
{
    if (state->duration_s >= 0)
        return json_add_i64(object, "duration", state->duration_s) != NULL;
    if (status_of(state) == CALL_STATUS_COMPLETED)
        return cJSON_AddNullToObject(object, "duration") != NULL;
    return json_add_i64(object, "duration", 0) != NULL;
}

static bool add_times(cJSON *object, const struct call_text *state)
{
    return add_instant(object, "startTime", state->answered_ms > 0 ? state->answered_ms : state->begin_ms) &&
           add_instant(object, "endTime", state->ended_ms);
}

static bool is_success(const struct render_call *call)
{
    if (call->success == RENDER_SUCCESS_UNSAID)
        return status_of(&call->state) == CALL_STATUS_COMPLETED;
    return call->success == RENDER_SUCCESS_YES;
}

/* What follows an attempt, as it was decided when the attempt ended. */
static bool add_following(cJSON *body, const struct render_event *e)
{
    bool will_retry = e->call.state.state == CALL_STATE_DUE;
    if (e->ref.type != EVENT_CALL_ATTEMPT)
        return true;
    return cJSON_AddBoolToObject(body, "willRetry", will_retry) &&
           add_instant(body, "nextAttemptAt", will_retry ? e->call.state.next_ms : 0);
}

/* The form in which readers of the API's call metrics know a call. */
static bool add_call_data(cJSON *body, const struct render_event *e, const char *call_id, const char *phone,
                          struct render_text summary)
{
    const struct call_text *state = &e->call.state;
    cJSON *data = cJSON_AddObjectToObject(body, "callData");
    return json_add_str(data, "id", call_id) && add_or_null(data, "contactId", e->call.contact->id) &&
           add_text(data, "agentId", e->batch.agent_id) && json_add_str(data, "batchId", e->ref.batch) &&
           json_add_str(data, "status", call_status_name(status_of(state))) && add_times(data, state) &&
           add_duration(data, state) && json_add_str(data, "phoneNumber", phone) &&
           add_or_null(data, "contactName", contact_display_name(e->call.contact)) &&
           cJSON_AddArrayToObject(data, "transcription") && add_text(data, "recordingUrl", e->call.recording_url) &&
           add_text(data, "summary", summary) && cJSON_AddObjectToObject(data, "metricJson");
}

static bool add_call(cJSON *body, const struct render_event *e, const char *call_id, struct render_text summary)
{
    const struct call_text *state = &e->call.state;
    const struct contact *contact = e->call.contact;
    char phone[PHONE_TEXT_LEN + 1];
    phone_format(contact->phone, phone);
    bool ok = json_add_str(body, "callId", call_id) &&
              json_add_str(body, "status", call_status_name(status_of(state))) && add_duration(body, state) &&
              add_text(body, "summary", summary);
    if (summary.len < e->call.summary.len)
        ok = ok && cJSON_AddTrueToObject(body, "summaryTruncated");
    return ok && json_add_str(body, "batchId", e->ref.batch) && add_or_null(body, "contactId", contact->id) &&
           json_add_str(body, "phoneNumber", phone) &&
           json_add_str(body, "outcome", state->has_outcome ? outcome_name(state->outcome) : NULL) &&
           json_add_i64(body, "attempt", e->ref.attempt) && json_add_i64(body, "attempts", state->attempts) &&
           add_times(body, state) && add_text(body, "agentId", e->batch.agent_id) &&
           add_text(body, "userId", e->batch.user_id) && add_tags(body, &e->batch) &&
           add_json(body, "metadata", contact->metadata, contact->metadata_len, cJSON_IsObject, "{}") &&
           add_text(body, "recordingUrl", e->call.recording_url) &&
           add_or_null(body, "providerCallId", state->provider_id) &&
           cJSON_AddBoolToObject(body, "success", is_success(&e->call)) && add_following(body, e) &&
           json_add_i64(body, "seq", e->seq) && add_call_data(body, e, call_id, phone, summary);
}

/* ---- events of a batch ---- */

static bool add_batch_head(cJSON *body, const struct render_event *e)
{
    return json_add_str(body, "batchId", e->ref.batch) && add_text(body, "agentId", e->batch.agent_id) &&
           add_text(body, "userId", e->batch.user_id);
}

static bool add_batch_started(cJSON *body, const struct render_event *e)
{
    return add_batch_head(body, e) && add_instant(body, "timestamp", e->at_ms) && add_tags(body, &e->batch) &&
           json_add_i64(body, "seq", e->seq);
}

static bool add_batch_paused(cJSON *body, const struct render_event *e)
{
    bool has_code = e->code.data != NULL;
    return add_batch_head(body, e) && add_text(body, "reason", e->reason) &&
           (!has_code || (add_text(body, "error", e->error) && add_text(body, "code", e->code))) &&
           add_instant(body, "timestamp", e->at_ms) && add_tags(body, &e->batch) && json_add_i64(body, "seq", e->seq);
}

/* Of a cancelled one too: what came of it until then. */
static bool add_batch_completed(cJSON *body, const struct render_event *e)
{
    if (!add_batch_head(body, e) || batch_statistics_add_json(&e->batch.statistics, body, "statistics") < 0)
        return false;
    cJSON *times = cJSON_AddObjectToObject(body, "timestamps");
    return add_instant(times, "createdAt", e->batch.created_ms) &&
           add_instant(times, "startedAt", e->batch.started_ms) &&
           add_instant(times, "completedAt", e->batch.completed_ms > 0 ? e->batch.completed_ms : e->at_ms) &&
           add_tags(body, &e->batch) && json_add_i64(body, "seq", e->seq);
}

static bool add_batch_failed(cJSON *body, const struct render_event *e)
{
    return add_batch_head(body, e) && add_text(body, "error", e->error) && add_text(body, "code", e->code) &&
           add_instant(body, "timestamp", e->at_ms) && json_add_i64(body, "seq", e->seq);
}

/* ---- the whole ---- */

static bool add_members(cJSON *body, const struct render_event *e, const char *call_id, struct render_text summary)
{
    if (!json_add_str(body, "event", event_type_name(e->ref.type)))
        return false;
    switch (e->ref.type) {
    case EVENT_CALL_COMPLETED:
    case EVENT_CALL_ATTEMPT:
        return add_call(body, e, call_id, summary);
    case EVENT_BATCH_STARTED:
        return add_batch_started(body, e);
    case EVENT_BATCH_PAUSED:
        return add_batch_paused(body, e);
    case EVENT_BATCH_CANCELLED:
    case EVENT_BATCH_COMPLETED:
        return add_batch_completed(body, e);
    case EVENT_BATCH_FAILED:
        return add_batch_failed(body, e);
    }
    return false;
}

static int render_with(const struct render_event *e, const char *call_id, struct render_text summary, struct buf *body)
{
    buf_clear(body);
    cJSON *tree = cJSON_CreateObject();
    int err = tree && add_members(tree, e, call_id, summary) ? json_print(tree, body) : ERR_NOMEM;
    if (!err && buf_len(body) > LIMIT_WEBHOOK_BODY_BYTES)
        err = ERR_TOO_LARGE;
    cJSON_Delete(tree);
    return err;
}

/* As much of the summary as fits into a cut body, whole characters only. `space` holds it. */
static struct render_text cut_summary(struct render_text summary, char space[CUT_SUMMARY_BYTES + 1])
{
    size_t len = summary.len < CUT_SUMMARY_BYTES ? summary.len : CUT_SUMMARY_BYTES;
    if (!summary.data)
        return summary;
    while (len > 0 && len < summary.len && ((unsigned char)summary.data[len] & 0xc0) == 0x80)
        len--;
    memcpy(space, summary.data, len);
    space[len] = '\0';
    return (struct render_text){space, len};
}

int render_body(const struct render_event *event, struct buf *body)
{
    char call_id[LIMIT_CALL_ID_LEN + 1] = "";
    char space[CUT_SUMMARY_BYTES + 1];
    if (event_type_is_call(event->ref.type)) {
        if (!event->call.contact)
            return ERR_INVALID;
        int err = ident_make_call(event->ref.batch, event->ref.ordinal, call_id);
        if (err)
            return err;
    }
    int err = render_with(event, call_id, event->call.summary, body);
    if (err == ERR_TOO_LARGE)
        err = render_with(event, call_id, cut_summary(event->call.summary, space), body);
    return err;
}
