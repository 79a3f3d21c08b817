/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/retell_filter.h"

#include <string.h>

#include "tests/carrier/refusal.h"

#define STRING 1u
#define NUMBER 2u
#define BOOLEAN 4u
#define RANGE 8u
#define ENUM 16u
#define PRESENT 32u
#define ANY (STRING | NUMBER | BOOLEAN | RANGE | ENUM | PRESENT)

/* One criterion: which kinds of filter it takes, and what they look at. */
struct criterion {
    const char *name;
    const char *parent; /* the object of the call that has the member; NULL: the call itself */
    const char *member; /* NULL: a list of filters, each with the key of a member of `parent` */
    unsigned kinds;
    const char *choices; /* of an enum, each between bars; NULL: any */
};

static const struct criterion CRITERIA[] = {
    {"call_id", NULL, "call_id", STRING | ENUM, NULL},
    {"call_status", NULL, "call_status", ENUM, "|not_connected|ongoing|ended|error|"},
    {"call_type", NULL, "call_type", ENUM, "|web_call|phone_call|"},
    {"direction", NULL, "direction", ENUM, "|inbound|outbound|"},
    {"disconnection_reason", NULL, "disconnection_reason", ENUM, NULL},
    {"data_storage_setting", NULL, "data_storage_setting", ENUM, NULL},
    {"agent_tag", NULL, "agent_tag", ENUM, NULL},
    {"from_number", NULL, "from_number", STRING, NULL},
    {"to_number", NULL, "to_number", STRING, NULL},
    {"start_timestamp", NULL, "start_timestamp", NUMBER | RANGE, NULL},
    {"end_timestamp", NULL, "end_timestamp", NUMBER | RANGE, NULL},
    {"duration_ms", NULL, "duration_ms", NUMBER | RANGE, NULL},
    {"combined_cost", "call_cost", "combined_cost", NUMBER | RANGE, NULL},
    {"call_successful", "call_analysis", "call_successful", BOOLEAN, NULL},
    {"in_voicemail", "call_analysis", "in_voicemail", BOOLEAN, NULL},
    {"user_sentiment", "call_analysis", "user_sentiment", ENUM, NULL},
    {"metadata", "metadata", NULL, ANY, NULL},
    {"dynamic_variables", "retell_llm_dynamic_variables", NULL, ANY, NULL},
};

static const struct criterion *criterion_find(const char *name)
{
    for (size_t i = 0; i < sizeof CRITERIA / sizeof CRITERIA[0]; i++)
        if (strcmp(CRITERIA[i].name, name) == 0)
            return &CRITERIA[i];
    return NULL;
}

static const char *text_of(const cJSON *object, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

/* ---- operators ---- */

static bool string_holds(const char *op, const char *seen, const char *asked)
{
    size_t seen_len = strlen(seen);
    size_t asked_len = strlen(asked);
    if (strcmp(op, "eq") == 0)
        return strcmp(seen, asked) == 0;
    if (strcmp(op, "ne") == 0)
        return strcmp(seen, asked) != 0;
    if (strcmp(op, "sw") == 0)
        return strncmp(seen, asked, asked_len) == 0;
    if (strcmp(op, "ew") == 0)
        return seen_len >= asked_len && strcmp(seen + seen_len - asked_len, asked) == 0;
    return strstr(seen, asked) != NULL;
}

static bool number_holds(const char *op, double seen, double asked)
{
    if (strcmp(op, "eq") == 0)
        return !(seen < asked) && !(seen > asked);
    if (strcmp(op, "ne") == 0)
        return seen < asked || seen > asked;
    if (strcmp(op, "gt") == 0)
        return seen > asked;
    if (strcmp(op, "ge") == 0)
        return seen >= asked;
    if (strcmp(op, "lt") == 0)
        return seen < asked;
    return seen <= asked;
}

static bool enum_holds(const char *seen, const cJSON *values)
{
    const cJSON *value;
    cJSON_ArrayForEach(value, values)
    {
        if (strcmp(value->valuestring, seen) == 0)
            return true;
    }
    return false;
}

static bool filter_holds(const cJSON *filter, const cJSON *seen)
{
    const char *type = text_of(filter, "type");
    const char *op = text_of(filter, "op");
    const cJSON *asked = cJSON_GetObjectItemCaseSensitive(filter, "value");
    if (strcmp(type, "present") == 0)
        return (seen != NULL && !cJSON_IsNull(seen)) == (strcmp(op, "pr") == 0);
    if (strcmp(type, "string") == 0)
        return cJSON_IsString(seen) && string_holds(op, seen->valuestring, asked->valuestring);
    if (strcmp(type, "number") == 0)
        return cJSON_IsNumber(seen) && number_holds(op, seen->valuedouble, asked->valuedouble);
    if (strcmp(type, "boolean") == 0)
        return cJSON_IsBool(seen) && cJSON_IsTrue(seen) == cJSON_IsTrue(asked);
    if (strcmp(type, "range") == 0)
        return cJSON_IsNumber(seen) && seen->valuedouble >= asked->child->valuedouble &&
               seen->valuedouble <= asked->child->next->valuedouble;
    return cJSON_IsString(seen) && enum_holds(seen->valuestring, asked);
}

/* ---- checking ---- */

static bool is_number_pair(const cJSON *value)
{
    return cJSON_IsArray(value) && cJSON_GetArraySize(value) == 2 && cJSON_IsNumber(value->child) &&
           cJSON_IsNumber(value->child->next);
}

/* True where `list`, words between bars, has `word`. */
static bool is_listed(const char *list, const char *word)
{
    size_t len = strlen(word);
    if (len == 0 || strchr(word, '|'))
        return false;
    for (const char *place = strstr(list, word); place; place = strstr(place + 1, word))
        if (place[-1] == '|' && place[len] == '|') /* no word begins the list: a bar does */
            return true;
    return false;
}

/* Every value a string and, where `choices` are given, one of them. */
static bool is_enum_list(const cJSON *list, const char *choices)
{
    const cJSON *value;
    cJSON_ArrayForEach(value, list)
    {
        if (!cJSON_IsString(value) || (choices && !is_listed(choices, value->valuestring)))
            return false;
    }
    return cJSON_IsArray(list) && cJSON_GetArraySize(list) > 0;
}

/* A type of filter, the operators it knows, and the kind of its value. */
static const struct {
    const char *type;
    unsigned kind;
    const char *ops; /* each between bars */
} TYPES[] = {
    {"string", STRING, "|eq|ne|sw|ew|co|"},
    {"number", NUMBER, "|eq|ne|gt|ge|lt|le|"},
    {"boolean", BOOLEAN, "|eq|"},
    {"range", RANGE, "|bt|"},
    {"enum", ENUM, "|in|"},
    {"present", PRESENT, "|pr|np|"},
};

static bool is_value_valid(unsigned kind, const cJSON *value, const char *choices)
{
    switch (kind) {
    case STRING:
        return cJSON_IsString(value);
    case NUMBER:
        return cJSON_IsNumber(value);
    case BOOLEAN:
        return cJSON_IsBool(value);
    case RANGE:
        return is_number_pair(value);
    case ENUM:
        return is_enum_list(value, choices);
    case PRESENT:
        return value == NULL;
    }
    return false;
}

static bool is_filter_valid(const struct criterion *criterion, const cJSON *filter)
{
    const char *type = text_of(filter, "type");
    const char *op = text_of(filter, "op");
    if (!type || !op || (!criterion->member && !text_of(filter, "key")))
        return false;
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++) {
        if (strcmp(TYPES[i].type, type) != 0)
            continue;
        return (criterion->kinds & TYPES[i].kind) && is_listed(TYPES[i].ops, op) &&
               is_value_valid(TYPES[i].kind, cJSON_GetObjectItemCaseSensitive(filter, "value"), criterion->choices);
    }
    return false;
}

static bool is_agent_list(const cJSON *agents)
{
    const cJSON *agent;
    cJSON_ArrayForEach(agent, agents)
    {
        const cJSON *versions = cJSON_GetObjectItemCaseSensitive(agent, "version");
        if (!text_of(agent, "agent_id") || (versions && !cJSON_IsArray(versions)))
            return false;
    }
    return cJSON_IsArray(agents);
}

static bool is_criterion_valid(const struct criterion *criterion, const cJSON *value)
{
    if (criterion->member)
        return is_filter_valid(criterion, value);
    const cJSON *filter;
    cJSON_ArrayForEach(filter, value)
    {
        if (!is_filter_valid(criterion, filter))
            return false;
    }
    return cJSON_IsArray(value);
}

int retell_filter_check(const cJSON *criteria, struct buf *why)
{
    if (!criteria)
        return 0;
    if (!cJSON_IsObject(criteria))
        return refusal_say(why, "filter_criteria", "must be an object");
    const cJSON *item;
    cJSON_ArrayForEach(item, criteria)
    {
        bool is_agent = strcmp(item->string, "agent") == 0;
        const struct criterion *criterion = criterion_find(item->string);
        if (!is_agent && !criterion)
            return refusal_say(why, item->string, "in filter_criteria is not a filter that this carrier plays");
        if (is_agent ? !is_agent_list(item) : !is_criterion_valid(criterion, item))
            return refusal_say(why, item->string, "in filter_criteria is not of its documented form");
    }
    return 0;
}

/* ---- matching ---- */

static bool agent_holds(const cJSON *agents, const cJSON *call)
{
    const char *agent_id = text_of(call, "agent_id");
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(call, "agent_version");
    const cJSON *agent;
    cJSON_ArrayForEach(agent, agents)
    {
        const char *asked_id = text_of(agent, "agent_id");
        if (!agent_id || !asked_id || strcmp(asked_id, agent_id) != 0)
            continue;
        const cJSON *versions = cJSON_GetObjectItemCaseSensitive(agent, "version");
        if (!versions || !versions->child)
            return true;
        const cJSON *asked_version;
        cJSON_ArrayForEach(asked_version, versions)
        {
            if (cJSON_Compare(asked_version, version, true))
                return true;
        }
    }
    return false;
}

static bool criterion_holds(const cJSON *item, const cJSON *call)
{
    if (strcmp(item->string, "agent") == 0)
        return agent_holds(item, call);
    const struct criterion *criterion = criterion_find(item->string);
    if (!criterion)
        return false;
    const cJSON *parent = criterion->parent ? cJSON_GetObjectItemCaseSensitive(call, criterion->parent) : call;
    if (criterion->member)
        return filter_holds(item, cJSON_GetObjectItemCaseSensitive(parent, criterion->member));
    const cJSON *filter;
    cJSON_ArrayForEach(filter, item)
    {
        if (!filter_holds(filter, cJSON_GetObjectItemCaseSensitive(parent, text_of(filter, "key"))))
            return false;
    }
    return true;
}

bool retell_filter_matches(const cJSON *criteria, const cJSON *call)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, criteria)
    {
        if (!criterion_holds(item, call))
            return false;
    }
    return true;
}

/* ---- narrowing ---- */

static const char *asked_to_equal(const cJSON *filter)
{
    const char *type = text_of(filter, "type");
    const char *op = text_of(filter, "op");
    return type && op && strcmp(type, "string") == 0 && strcmp(op, "eq") == 0 ? text_of(filter, "value") : NULL;
}

const char *retell_filter_metadata_equals(const cJSON *criteria, const char *key)
{
    const cJSON *filter;
    cJSON_ArrayForEach(filter, cJSON_GetObjectItemCaseSensitive(criteria, "metadata"))
    {
        const char *filter_key = text_of(filter, "key");
        if (filter_key && strcmp(filter_key, key) == 0 && asked_to_equal(filter))
            return asked_to_equal(filter);
    }
    return NULL;
}

const char *retell_filter_member_equals(const cJSON *criteria, const char *member)
{
    return asked_to_equal(cJSON_GetObjectItemCaseSensitive(criteria, member));
}
