/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/retell_view.h"

#include <string.h>

#include "common/base/buf.h"
#include "common/json/json.h"
#include "tests/carrier/fault.h"

#define URL_BYTES_MAX 256
#define MS_PER_S 1000

/* A call that nobody picked up is "not_connected", not "ended", as real webhooks have it. */
static const char *status_name(const struct call *call)
{
    switch (call->phase) {
    case CALL_QUEUED:
    case CALL_RINGING:
        return "registered";
    case CALL_TALKING:
        return "ongoing";
    case CALL_ENDED:
    case CALL_ANALYZED:
        break;
    }
    return call_was_connected(call) ? "ended" : "not_connected";
}

static const char *reason_name(enum call_end end)
{
    switch (end) {
    case CALL_END_CALLEE_HUNG_UP:
        return "user_hangup";
    case CALL_END_AGENT_HUNG_UP:
        return "agent_hangup";
    case CALL_END_MAX_DURATION:
        return "max_duration_reached";
    case CALL_END_STOPPED:
        return "manual_stopped";
    case CALL_END_BUSY:
        return "dial_busy";
    case CALL_END_NO_ANSWER:
        return "dial_no_answer";
    case CALL_END_FAILED:
        return "dial_failed";
    case CALL_END_VOICEMAIL:
        return "voicemail_reached";
    case CALL_END_BLOCKED:
        return "marked_as_spam";
    case CALL_END_INVALID_NUMBER:
        return "invalid_destination";
    case CALL_END_CONCURRENCY:
        return "concurrency_limit_reached";
    case CALL_END_NONE:
        break;
    }
    return NULL;
}

/* As a tree, not as raw text: filters look into it. */
static bool add_json(cJSON *object, const char *key, const char *json)
{
    if (!json)
        return true;
    cJSON *value;
    if (json_parse(json, strlen(json), &value, NULL))
        return false;
    if (cJSON_AddItemToObject(object, key, value))
        return true;
    cJSON_Delete(value);
    return false;
}

/* As a number, not as raw text, for the same reason; milliseconds fit. */
static bool add_number(cJSON *object, const char *key, int64_t value)
{
    return cJSON_AddNumberToObject(object, key, (double)value);
}

/* What is known from the start. */
static bool add_identity(cJSON *object, const struct call *call, const char *status)
{
    const struct call_order *order = &call->order;
    return json_add_str(object, "call_id", call->id) && json_add_str(object, "call_type", "phone_call") &&
           json_add_str(object, "agent_id", order->agent_id) &&
           add_number(object, "agent_version", order->agent_version) &&
           (!order->agent_tag || json_add_str(object, "agent_tag", order->agent_tag)) &&
           json_add_str(object, "call_status", status) && add_json(object, "metadata", order->metadata) &&
           add_json(object, "retell_llm_dynamic_variables", order->variables) &&
           add_json(object, "custom_sip_headers", order->sip_headers) &&
           json_add_str(object, "data_storage_setting", "everything") &&
           cJSON_AddBoolToObject(object, "opt_in_signed_url", false) &&
           json_add_str(object, "from_number", order->from) && json_add_str(object, "to_number", order->to) &&
           json_add_str(object, "direction", "outbound");
}

static bool add_cost(cJSON *object, const struct call *call)
{
    cJSON *cost = cJSON_AddObjectToObject(object, "call_cost");
    return cost && cJSON_AddArrayToObject(cost, "product_costs") &&
           add_number(cost, "total_duration_seconds", (call_talk_ms(call) + MS_PER_S - 1) / MS_PER_S) &&
           add_number(cost, "total_duration_unit_price", 0) && add_number(cost, "combined_cost", 0);
}

static bool add_url(cJSON *object, const char *key, const struct call *call, const char *file)
{
    struct buf url;
    buf_init(&url, URL_BYTES_MAX);
    bool is_added = !buf_printf(&url, "https://recordings.invalid/%s/%s", call->id, file) &&
                    json_add_str(object, key, buf_str(&url));
    buf_free(&url);
    return is_added;
}

static bool add_result(cJSON *object, const struct call *call)
{
    return add_number(object, "duration_ms", call_talk_ms(call)) &&
           json_add_str(object, "disconnection_reason", reason_name(call->end)) && add_cost(object, call) &&
           (!call_was_connected(call) || (add_number(object, "end_timestamp", call->ended_ms) &&
                                          add_url(object, "recording_url", call, "recording.wav") &&
                                          add_url(object, "public_log_url", call, "public.log")));
}

static bool add_transcript(cJSON *object, const struct call *call)
{
    const char *text = call_was_connected(call) ? "Agent: Good day.\nUser: Good day.\n" : "";
    return json_add_str(object, "transcript", text) && cJSON_AddArrayToObject(object, "transcript_object") &&
           cJSON_AddArrayToObject(object, "transcript_with_tool_calls");
}

static const char *summary_text(const struct call *call)
{
    if (!call_was_connected(call))
        return "";
    if (call->end == CALL_END_VOICEMAIL)
        return "The call reached a voicemail box; the agent hung up.";
    if (call->end == CALL_END_STOPPED)
        return "The call was stopped while they were talking.";
    return "The callee answered, and the agent said what it had to say.";
}

static bool add_analysis(cJSON *object, const struct call *call)
{
    bool is_success = call->end == CALL_END_CALLEE_HUNG_UP || call->end == CALL_END_AGENT_HUNG_UP;
    bool is_voicemail = call->end == CALL_END_VOICEMAIL;
    cJSON *analysis = cJSON_AddObjectToObject(object, "call_analysis");
    return analysis && json_add_str(analysis, "call_summary", summary_text(call)) &&
           (!call_was_connected(call) || cJSON_AddBoolToObject(analysis, "in_voicemail", is_voicemail)) &&
           json_add_str(analysis, "user_sentiment", is_success ? "Neutral" : "Unknown") &&
           cJSON_AddBoolToObject(analysis, "call_successful", is_success) &&
           cJSON_AddObjectToObject(analysis, "custom_analysis_data");
}

static bool has_transcript(enum retell_view view)
{
    return view == RETELL_VIEW_GET || view == RETELL_VIEW_ENDED || view == RETELL_VIEW_ANALYZED;
}

static bool has_analysis(enum retell_view view)
{
    return view == RETELL_VIEW_GET || view == RETELL_VIEW_LISTED || view == RETELL_VIEW_ANALYZED;
}

static bool is_analyzed(const struct call *call)
{
    return call->phase == CALL_ANALYZED && !fault_is_in(call->faults, FAULT_SUMMARY_NEVER);
}

static bool fill(cJSON *object, const struct call *call, enum retell_view view)
{
    if (view == RETELL_VIEW_CREATED)
        return add_identity(object, call, "registered");
    bool is_over = call->end != CALL_END_NONE;
    return add_identity(object, call, status_name(call)) &&
           (!call_was_connected(call) || add_number(object, "start_timestamp", call->answered_ms)) &&
           (!is_over || add_result(object, call)) &&
           (!is_over || !has_transcript(view) || add_transcript(object, call)) &&
           (!is_analyzed(call) || !has_analysis(view) || add_analysis(object, call));
}

cJSON *retell_view(const struct call *call, enum retell_view view)
{
    cJSON *object = cJSON_CreateObject();
    if (object && fill(object, call, view))
        return object;
    cJSON_Delete(object);
    return NULL;
}
