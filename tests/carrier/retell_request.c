/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/retell_request.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/json/json.h"
#include "tests/carrier/refusal.h"

#define TOKEN_LEN_MAX 1024

#define RING_MS_MIN 5000
#define RING_MS_MAX 300000
#define RING_MS_DEFAULT 30000
#define TALK_MS_MIN 60000
#define TALK_MS_MAX 7200000
#define TALK_MS_DEFAULT 3600000
#define AGENT_VERSION_MAX 1000000
#define DEFAULT_AGENT_ID "agent_of_the_number"

struct reading {
    struct call_order *order;
    struct buf *why;
    const char *from; /* borrowed from the tree */
    const char *to;
    bool ignores_e164;
};

/* A member's name and how it is read. */
struct member {
    const char *name;
    int (*read)(struct reading *r, const cJSON *item);
};

static int read_members(struct reading *r, const cJSON *object, const struct member *members, size_t n)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        size_t i = 0;
        while (i < n && strcmp(members[i].name, item->string) != 0)
            i++;
        if (i == n)
            return refusal_say(r->why, item->string, "is not a member that this request has");
        int err = members[i].read(r, item);
        if (err)
            return err;
    }
    return 0;
}

/* ---- kinds of values ---- */

/* Replaces `*text` by a copy. */
static int keep_text(char **text, const char *value, size_t len)
{
    char *copy = strndup(value, len);
    if (!copy)
        return ERR_NOMEM;
    free(*text);
    *text = copy;
    return 0;
}

static int keep_string(struct reading *r, const cJSON *item, char **text)
{
    if (!cJSON_IsString(item) || item->valuestring[0] == '\0')
        return refusal_say(r->why, item->string, "must be a string that is not empty");
    return keep_text(text, item->valuestring, strlen(item->valuestring));
}

static int read_whole(struct reading *r, const cJSON *item, int64_t min, int64_t max, int64_t *ret_value)
{
    if (!cJSON_IsNumber(item) || floor(item->valuedouble) != item->valuedouble)
        return refusal_say(r->why, item->string, "must be a whole number");
    if (item->valuedouble < (double)min || item->valuedouble > (double)max)
        return refusal_say(r->why, item->string, "is out of its range");
    *ret_value = (int64_t)item->valuedouble;
    return 0;
}

static int keep_json(const cJSON *item, char **text, size_t max)
{
    struct buf json;
    buf_init(&json, max);
    int err = json_print(item, &json);
    if (!err)
        err = keep_text(text, buf_str(&json), buf_len(&json));
    buf_free(&json);
    return err;
}

static int keep_strings(struct reading *r, const cJSON *item, char **text)
{
    if (!cJSON_IsObject(item))
        return refusal_say(r->why, item->string, "must be an object");
    const cJSON *value;
    cJSON_ArrayForEach(value, item)
    {
        if (!cJSON_IsString(value))
            return refusal_say(r->why, item->string, "must have strings for values");
    }
    return keep_json(item, text, LIMIT_SMALL_BODY_BYTES);
}

/* ---- agent_override.agent ---- */

static int read_ring_duration(struct reading *r, const cJSON *item)
{
    return read_whole(r, item, RING_MS_MIN, RING_MS_MAX, &r->order->ring_ms);
}

static int read_max_duration(struct reading *r, const cJSON *item)
{
    return read_whole(r, item, TALK_MS_MIN, TALK_MS_MAX, &r->order->max_talk_ms);
}

static int read_webhook_url(struct reading *r, const cJSON *item)
{
    if (cJSON_IsNull(item))
        return 0;
    return keep_string(r, item, &r->order->callback_url);
}

/* An agent has some seventy settings; these three change what a caller of this API sees. */
static const struct member AGENT_MEMBERS[] = {
    {"ring_duration_ms", read_ring_duration},
    {"max_call_duration_ms", read_max_duration},
    {"webhook_url", read_webhook_url},
};

static int read_override_agent(struct reading *r, const cJSON *agent)
{
    if (!cJSON_IsObject(agent))
        return refusal_say(r->why, agent->string, "in agent_override must be an object");
    for (size_t i = 0; i < sizeof AGENT_MEMBERS / sizeof AGENT_MEMBERS[0]; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(agent, AGENT_MEMBERS[i].name);
        int err = item ? AGENT_MEMBERS[i].read(r, item) : 0;
        if (err)
            return err;
    }
    return 0;
}

static int read_override_other(struct reading *r, const cJSON *item)
{
    return cJSON_IsObject(item) ? 0 : refusal_say(r->why, item->string, "in agent_override must be an object");
}

static const struct member OVERRIDE_MEMBERS[] = {
    {"agent", read_override_agent},
    {"conversation_flow", read_override_other},
    {"retell_llm", read_override_other},
};

/* ---- the request ---- */

static int read_from(struct reading *r, const cJSON *item)
{
    if (!cJSON_IsString(item))
        return refusal_say(r->why, item->string, "must be a string");
    r->from = item->valuestring;
    return 0;
}

static int read_to(struct reading *r, const cJSON *item)
{
    if (!cJSON_IsString(item) || !numbers_is_e164(item->valuestring))
        return refusal_say(r->why, item->string, "must be a number in E.164 format");
    r->to = item->valuestring;
    return 0;
}

static int read_ignore_e164(struct reading *r, const cJSON *item)
{
    if (!cJSON_IsBool(item))
        return refusal_say(r->why, item->string, "must be true or false");
    r->ignores_e164 = cJSON_IsTrue(item);
    return 0;
}

static int read_agent_id(struct reading *r, const cJSON *item)
{
    return keep_string(r, item, &r->order->agent_id);
}

static int read_agent_version(struct reading *r, const cJSON *item)
{
    if (cJSON_IsString(item))
        return keep_string(r, item, &r->order->agent_tag);
    return read_whole(r, item, 0, AGENT_VERSION_MAX, &r->order->agent_version);
}

static int read_agent_override(struct reading *r, const cJSON *item)
{
    if (!cJSON_IsObject(item))
        return refusal_say(r->why, item->string, "must be an object");
    return read_members(r, item, OVERRIDE_MEMBERS, sizeof OVERRIDE_MEMBERS / sizeof OVERRIDE_MEMBERS[0]);
}

static int read_metadata(struct reading *r, const cJSON *item)
{
    if (!cJSON_IsObject(item))
        return refusal_say(r->why, item->string, "must be an object");
    int err = keep_json(item, &r->order->metadata, RETELL_METADATA_BYTES_MAX);
    if (err)
        return refusal_say(r->why, item->string, "must not be longer than 50 kB");
    const cJSON *token = cJSON_GetObjectItemCaseSensitive(item, RETELL_TOKEN_KEY);
    if (!cJSON_IsString(token) || strlen(token->valuestring) > TOKEN_LEN_MAX)
        return 0;
    return keep_text(&r->order->token, token->valuestring, strlen(token->valuestring));
}

static int read_variables(struct reading *r, const cJSON *item)
{
    return keep_strings(r, item, &r->order->variables);
}

static int read_sip_headers(struct reading *r, const cJSON *item)
{
    return keep_strings(r, item, &r->order->sip_headers);
}

static const struct member REQUEST_MEMBERS[] = {
    {"from_number", read_from},
    {"to_number", read_to},
    {"ignore_e164_validation", read_ignore_e164},
    {"override_agent_id", read_agent_id},
    {"override_agent_version", read_agent_version},
    {"agent_override", read_agent_override},
    {"metadata", read_metadata},
    {"retell_llm_dynamic_variables", read_variables},
    {"custom_sip_headers", read_sip_headers},
};

static int keep_numbers(struct reading *r)
{
    if (!r->from)
        return refusal_say(r->why, "from_number", "is required");
    if (!r->to)
        return refusal_say(r->why, "to_number", "is required");
    bool is_from_valid = r->ignores_e164 ? r->from[0] && strlen(r->from) < CALL_FROM_CAP : numbers_is_e164(r->from);
    if (!is_from_valid)
        return refusal_say(r->why, "from_number", "must be a number in E.164 format");
    memcpy(r->order->from, r->from, strlen(r->from) + 1);
    memcpy(r->order->to, r->to, strlen(r->to) + 1);
    return 0;
}

static int read_request(struct reading *r, const cJSON *body)
{
    if (!cJSON_IsObject(body))
        return refusal_say(r->why, "the body", "must be a JSON object");
    int err = read_members(r, body, REQUEST_MEMBERS, sizeof REQUEST_MEMBERS / sizeof REQUEST_MEMBERS[0]);
    if (!err)
        err = keep_numbers(r);
    if (!err && !r->order->agent_id)
        err = keep_text(&r->order->agent_id, DEFAULT_AGENT_ID, strlen(DEFAULT_AGENT_ID));
    return err;
}

int retell_request_read(const char *body, size_t len, struct call_order *ret_order, struct buf *why)
{
    cJSON *tree;
    struct json_fault fault;
    int err = json_parse(body, len, &tree, &fault);
    if (err == ERR_INVALID)
        return refusal_say(why, "the body is not JSON:", fault.reason);
    if (err)
        return err;
    struct call_order order = {.ring_ms = RING_MS_DEFAULT, .max_talk_ms = TALK_MS_DEFAULT};
    struct reading reading = {.order = &order, .why = why};
    err = read_request(&reading, tree);
    cJSON_Delete(tree);
    if (err)
        call_order_clear(&order);
    else
        *ret_order = order;
    return err;
}
