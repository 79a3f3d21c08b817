/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/delivery_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/parse.h"
#include "common/domain/event.h"
#include "common/json/json.h"
#include "producer/delivery_hint.h"
#include "producer/instant.h"
#include "producer/reply_view.h"

/* ---- a delivery ---- */

/* What the id tells: of which batch it is, and of which call. A test is of neither. */
static bool add_subject(cJSON *object, const char *id, const struct redisReply *fields)
{
    char event[EVENT_DELIVERY_ID_LEN + 1], call[LIMIT_BATCH_ID_LEN + 24] = "";
    struct event_ref ref;
    const char *type = reply_view_text(fields, "type");
    (void)snprintf(event, sizeof event, "%.*s", (int)event_id_len(id), id);
    bool is_of_batch = event_id_parse(event, strlen(event), &ref) == 0;
    if (is_of_batch && event_type_is_call(ref.type))
        (void)snprintf(call, sizeof call, "%s-%" PRIu64, ref.batch, ref.ordinal);
    if (!type)
        type = is_of_batch ? event_type_name(ref.type) : EVENT_TEST_NAME;
    return json_add_str(object, "webhookId", event) && json_add_str(object, "event", type) &&
           json_add_str(object, "batchId", is_of_batch ? ref.batch : NULL) &&
           json_add_str(object, "callId", call[0] ? call : NULL);
}

/* The code of the last attempt: "<attempt>:<code>". */
static const char *last_code(const struct redisReply *fields)
{
    const char *last = reply_view_text(fields, "last"), *colon = last ? strchr(last, ':') : NULL;
    return colon ? colon + 1 : NULL;
}

cJSON *delivery_view(const char *id, const struct redisReply *fields)
{
    const char *reason = reply_view_text(fields, "reason");
    cJSON *object = cJSON_CreateObject();
    if (json_add_str(object, "id", id) && add_subject(object, id, fields) &&
        reply_view_add_text(object, "endpointId", fields, "endpoint") &&
        reply_view_add_text(object, "state", fields, "state") &&
        json_add_i64(object, "attempts", reply_view_number(fields, "attempts", 0)) &&
        json_add_str(object, "lastCode", last_code(fields)) && json_add_str(object, "reason", reason) &&
        json_add_str(object, "hint", reason ? delivery_hint(reason) : NULL) &&
        reply_view_add_text(object, "askedFor", fields, "trigger") &&
        reply_view_add_instant(object, "createdAt", fields, "created_ms") &&
        reply_view_add_instant(object, "nextAttemptAt", fields, "next_ms") &&
        reply_view_add_instant(object, "endedAt", fields, "ended_ms"))
        return object;
    cJSON_Delete(object);
    return NULL;
}

/* ---- an attempt ---- */

/* The number behind "<name>=" in the notifier's text (notifier/phases.h); -1 where it is not there. */
static int64_t phase(const char *text, const char *name)
{
    size_t len = strlen(name);
    while (text) {
        size_t word = strcspn(text, " ");
        uint64_t value;
        if (word > len && strncmp(text, name, len) == 0 && text[len] == '=')
            return parse_u64(text + len + 1, word - len - 1, INT32_MAX, &value) == 0 ? (int64_t)value : -1;
        text = text[word] ? text + word + 1 : NULL;
    }
    return -1;
}

static bool add_number(cJSON *object, const char *name, int64_t value)
{
    return value < 0 ? json_add_str(object, name, NULL) != NULL : json_add_i64(object, name, value) != NULL;
}

static bool add_phases(cJSON *attempt, const char *text)
{
    cJSON *phases = cJSON_AddObjectToObject(attempt, "phases");
    return add_number(phases, "dnsMs", phase(text, "dns")) && add_number(phases, "connectMs", phase(text, "connect")) &&
           add_number(phases, "tlsMs", phase(text, "tls")) && add_number(phases, "firstByteMs", phase(text, "first"));
}

static bool add_http(cJSON *attempt, const char *text, int64_t status)
{
    const char *version = NULL;
    switch (phase(text, "http")) {
    case 10:
        version = "1.0";
        break;
    case 11:
        version = "1.1";
        break;
    case 20:
        version = "2";
        break;
    default:
        break;
    }
    return add_number(attempt, "httpStatus", status > 0 ? status : -1) &&
           json_add_str(attempt, "httpVersion", version) &&
           cJSON_AddBoolToObject(attempt, "connectionReused", phase(text, "reused") == 1);
}

cJSON *delivery_view_attempt(const struct redisReply *line)
{
    const char *code = reply_view_text(line, "code"), *trigger = reply_view_text(line, "trigger");
    const char *text = reply_view_text(line, "phases");
    cJSON *attempt = cJSON_CreateObject();
    if (json_add_i64(attempt, "attempt", reply_view_number(line, "attempt", 0)) &&
        json_add_str(attempt, "trigger", trigger ? trigger : "schedule") &&
        reply_view_add_instant(attempt, "startedAt", line, "began_ms") &&
        json_add_i64(attempt, "durationMs", reply_view_number(line, "took_ms", 0)) && add_phases(attempt, text) &&
        add_http(attempt, text, reply_view_number(line, "status", 0)) && json_add_str(attempt, "code", code) &&
        json_add_str(attempt, "hint", code ? delivery_hint(code) : NULL))
        return attempt;
    cJSON_Delete(attempt);
    return NULL;
}
