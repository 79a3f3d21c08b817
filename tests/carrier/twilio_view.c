/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/twilio_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/json/json.h"

#define MS_PER_S 1000
#define URI_CAP 256
#define FORMATTED_CAP 40

/* By the end of the call; a call that was stopped before anybody picked up is "canceled". */
static const char *end_name(const struct call *call)
{
    switch (call->end) {
    case CALL_END_STOPPED:
        return call_was_connected(call) ? "completed" : "canceled";
    case CALL_END_BUSY:
        return "busy";
    case CALL_END_NO_ANSWER:
        return "no-answer";
    case CALL_END_FAILED:
    case CALL_END_BLOCKED:
    case CALL_END_INVALID_NUMBER:
    case CALL_END_CONCURRENCY:
        return "failed";
    case CALL_END_CALLEE_HUNG_UP:
    case CALL_END_AGENT_HUNG_UP:
    case CALL_END_MAX_DURATION:
    case CALL_END_VOICEMAIL:
    case CALL_END_NONE:
        break;
    }
    return "completed";
}

const char *twilio_status_name(const struct call *call)
{
    switch (call->phase) {
    case CALL_QUEUED:
        return "queued";
    case CALL_RINGING:
        return "ringing";
    case CALL_TALKING:
        return "in-progress";
    case CALL_ENDED:
    case CALL_ANALYZED:
        break;
    }
    return end_name(call);
}

const char *twilio_answered_by(const struct call *call)
{
    if (!call_was_connected(call) || call->order.detection == CALL_DETECTION_NONE)
        return NULL;
    if (call->fate != FATE_VOICEMAIL)
        return "human";
    return call->order.detection == CALL_DETECTION_START ? "machine_start" : "machine_end_beep";
}

int64_t twilio_duration_s(const struct call *call)
{
    return (call_talk_ms(call) + MS_PER_S - 1) / MS_PER_S;
}

void twilio_date(int64_t ms, char ret[TWILIO_DATE_CAP])
{
    /* Names by hand: strftime()'s follow the locale. */
    static const char DAYS[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char MONTHS[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(ms / MS_PER_S);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    (void)snprintf(ret, TWILIO_DATE_CAP, "%s, %02d %s %04d %02d:%02d:%02d +0000", DAYS[utc.tm_wday], utc.tm_mday,
                   MONTHS[utc.tm_mon], (utc.tm_year + 1900) % 10000, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

static bool add_date(cJSON *object, const char *key, int64_t ms)
{
    char date[TWILIO_DATE_CAP];
    twilio_date(ms, date);
    return json_add_str(object, key, ms ? date : NULL);
}

static bool add_digits(cJSON *object, const char *key, int64_t value)
{
    char digits[24];
    (void)snprintf(digits, sizeof digits, "%" PRId64, value);
    return json_add_str(object, key, digits);
}

/* "(415) 867-5308" for a number of North America. */
static bool add_formatted(cJSON *object, const char *key, const char *e164)
{
    char text[FORMATTED_CAP];
    if (strncmp(e164, "+1", 2) != 0 || strlen(e164) != 12)
        return json_add_str(object, key, e164);
    (void)snprintf(text, sizeof text, "(%.3s) %.3s-%.4s", e164 + 2, e164 + 5, e164 + 8);
    return json_add_str(object, key, text);
}

static bool add_uris(cJSON *object, const struct call *call, const char *account_sid)
{
    static const char *const SUBRESOURCES[][2] = {
        {"notifications", "Notifications"},
        {"recordings", "Recordings"},
        {"payments", "Payments"},
        {"events", "Events"},
        {"siprec", "Siprec"},
        {"streams", "Streams"},
        {"transcriptions", "Transcriptions"},
        {"user_defined_message_subscriptions", "UserDefinedMessageSubscriptions"},
        {"user_defined_messages", "UserDefinedMessages"},
    };
    char uri[URI_CAP];
    (void)snprintf(uri, sizeof uri, "/" TWILIO_VERSION "/Accounts/%s/Calls/%s.json", account_sid, call->id);
    bool is_added = json_add_str(object, "uri", uri);
    cJSON *map = cJSON_AddObjectToObject(object, "subresource_uris");
    for (size_t i = 0; is_added && i < sizeof SUBRESOURCES / sizeof SUBRESOURCES[0]; i++) {
        (void)snprintf(uri, sizeof uri, "/" TWILIO_VERSION "/Accounts/%s/Calls/%s/%s.json", account_sid, call->id,
                       SUBRESOURCES[i][1]);
        is_added = map && json_add_str(map, SUBRESOURCES[i][0], uri);
    }
    return is_added;
}

/* What does not change. */
static bool add_identity(cJSON *object, const struct call *call, const char *account_sid)
{
    const struct call_order *order = &call->order;
    return json_add_str(object, "sid", call->id) && json_add_str(object, "account_sid", account_sid) &&
           json_add_str(object, "api_version", TWILIO_VERSION) && json_add_str(object, "direction", "outbound-api") &&
           json_add_str(object, "to", order->to) && add_formatted(object, "to_formatted", order->to) &&
           json_add_str(object, "from", order->from) && add_formatted(object, "from_formatted", order->from) &&
           add_digits(object, "queue_time", call->queue_ms) && add_date(object, "date_created", call->accepted_ms) &&
           json_add_str(object, "annotation", NULL) && json_add_str(object, "caller_name", NULL) &&
           json_add_str(object, "forwarded_from", NULL) && json_add_str(object, "group_sid", NULL) &&
           json_add_str(object, "parent_call_sid", NULL) && json_add_str(object, "phone_number_sid", NULL) &&
           json_add_str(object, "price", NULL) && json_add_str(object, "price_unit", "USD") &&
           json_add_str(object, "trunk_sid", NULL) && add_uris(object, call, account_sid);
}

static bool add_state(cJSON *object, const struct call *call)
{
    bool is_completed = call->end != CALL_END_NONE && strcmp(end_name(call), "completed") == 0;
    int64_t updated_ms = call->ended_ms      ? call->ended_ms
                         : call->answered_ms ? call->answered_ms
                         : call->rang_ms     ? call->rang_ms
                                             : call->accepted_ms;
    return json_add_str(object, "status", twilio_status_name(call)) &&
           json_add_str(object, "answered_by", twilio_answered_by(call)) &&
           add_date(object, "start_time", call->rang_ms) && add_date(object, "end_time", call->ended_ms) &&
           add_date(object, "date_updated", updated_ms) &&
           (is_completed ? add_digits(object, "duration", twilio_duration_s(call))
                         : json_add_str(object, "duration", NULL) != NULL);
}

static bool add_new_state(cJSON *object, const struct call *call)
{
    return json_add_str(object, "status", "queued") && json_add_str(object, "answered_by", NULL) &&
           json_add_str(object, "start_time", NULL) && json_add_str(object, "end_time", NULL) &&
           add_date(object, "date_updated", call->accepted_ms) && json_add_str(object, "duration", NULL);
}

cJSON *twilio_view(const struct call *call, const char *account_sid, bool is_new)
{
    cJSON *object = cJSON_CreateObject();
    if (object && add_identity(object, call, account_sid) &&
        (is_new ? add_new_state(object, call) : add_state(object, call)))
        return object;
    cJSON_Delete(object);
    return NULL;
}
