/* SPDX-License-Identifier: Apache-2.0 */
#include "common/provider/provider_template.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/provider/provider_format.h"

enum value_id {
    VALUE_TO,
    VALUE_FROM,
    VALUE_AGENT_ID,
    VALUE_TOKEN,
    VALUE_BATCH_ID,
    VALUE_CALL_ID,
    VALUE_CONTACT_ID,
    VALUE_CONTACT_NAME,
    VALUE_CONTACT_EMAIL,
    VALUE_CONTACT_COMPANY,
    VALUE_CONTACT_TIMEZONE,
    VALUE_CONTACT_METADATA,
    VALUE_RING_TIMEOUT_S,
    VALUE_RING_TIMEOUT_MS,
    VALUE_MAX_CALL_DURATION_S,
    VALUE_MAX_CALL_DURATION_MS,
    VALUE_CALLBACK_URL,
    VALUE_PROVIDER_ID,
    VALUE_BEGIN_MS,
    VALUE_BEGIN_DATE,
    VALUE_WINDOW_FROM,
    VALUE_WINDOW_UNTIL,
};

/* Whose a value is, which says where it may stand. */
enum value_class {
    CLASS_OURS, /* made or checked by us, or set by an operator */
    CLASS_TENANT, /* free text of a tenant */
    CLASS_NUMBER,
    CLASS_JSON,
};

struct placeholder {
    const char *name;
    enum value_id id;
    enum value_class class;
    unsigned requests;
};

static const struct placeholder placeholders[] = {
    {"to", VALUE_TO, CLASS_OURS, REQUEST_START | REQUEST_LOOKUP},
    {"from", VALUE_FROM, CLASS_OURS, REQUEST_START | REQUEST_LOOKUP},
    {"agent_id", VALUE_AGENT_ID, CLASS_TENANT, REQUEST_START},
    {"token", VALUE_TOKEN, CLASS_OURS, REQUEST_START | REQUEST_LOOKUP},
    {"batch_id", VALUE_BATCH_ID, CLASS_OURS, REQUEST_START},
    {"call_id", VALUE_CALL_ID, CLASS_OURS, REQUEST_START},
    {"contact.id", VALUE_CONTACT_ID, CLASS_TENANT, REQUEST_START},
    {"contact.name", VALUE_CONTACT_NAME, CLASS_TENANT, REQUEST_START},
    {"contact.email", VALUE_CONTACT_EMAIL, CLASS_TENANT, REQUEST_START},
    {"contact.company", VALUE_CONTACT_COMPANY, CLASS_TENANT, REQUEST_START},
    {"contact.timezone", VALUE_CONTACT_TIMEZONE, CLASS_TENANT, REQUEST_START},
    {"contact.metadata", VALUE_CONTACT_METADATA, CLASS_JSON, REQUEST_START},
    {"ring_timeout_s", VALUE_RING_TIMEOUT_S, CLASS_NUMBER, REQUEST_START},
    {"ring_timeout_ms", VALUE_RING_TIMEOUT_MS, CLASS_NUMBER, REQUEST_START},
    {"max_call_duration_s", VALUE_MAX_CALL_DURATION_S, CLASS_NUMBER, REQUEST_START},
    {"max_call_duration_ms", VALUE_MAX_CALL_DURATION_MS, CLASS_NUMBER, REQUEST_START},
    {"callback_url", VALUE_CALLBACK_URL, CLASS_OURS, REQUEST_START},
    {"provider_id", VALUE_PROVIDER_ID, CLASS_OURS, REQUEST_POLL | REQUEST_CANCEL},
    {"begin_ms", VALUE_BEGIN_MS, CLASS_NUMBER, REQUEST_LOOKUP},
    {"begin_date", VALUE_BEGIN_DATE, CLASS_OURS, REQUEST_LOOKUP},
    {"window_from", VALUE_WINDOW_FROM, CLASS_OURS, REQUEST_LOOKUP},
    {"window_until", VALUE_WINDOW_UNTIL, CLASS_OURS, REQUEST_LOOKUP},
};

static const char variable_prefix[] = "trunk.";

static bool has_variable_prefix(const char *name, size_t len)
{
    return len > sizeof variable_prefix - 1 && memcmp(name, variable_prefix, sizeof variable_prefix - 1) == 0;
}

static const struct placeholder *find_placeholder(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof placeholders / sizeof placeholders[0]; i++) {
        if (strlen(placeholders[i].name) == len && memcmp(placeholders[i].name, name, len) == 0)
            return &placeholders[i];
    }
    return NULL;
}

/* ---- cutting a text into literals and placeholders ---- */

struct part {
    const char *text; /* of the literal, or of the placeholder's name */
    size_t len;
    bool is_placeholder;
};

/* The next part from `*cursor`; false at the end. An opening without its end makes the rest a literal, which
 * template_check() has refused long before. */
static bool next_part(const char **cursor, struct part *ret_part)
{
    const char *text = *cursor;
    if (*text == '\0')
        return false;
    const char *open = strstr(text, "{{");
    const char *close = open ? strstr(open + 2, "}}") : NULL;
    if (close == NULL) {
        *ret_part = (struct part){.text = text, .len = strlen(text)};
    } else if (open > text) {
        *ret_part = (struct part){.text = text, .len = (size_t)(open - text)};
    } else {
        *ret_part = (struct part){.text = open + 2, .len = (size_t)(close - open - 2), .is_placeholder = true};
        *cursor = close + 2;
        return true;
    }
    *cursor = text + ret_part->len;
    return true;
}

bool template_is_whole(const char *text, const char **ret_name, size_t *ret_len)
{
    struct part part;
    if (!next_part(&text, &part) || !part.is_placeholder || *text != '\0')
        return false;
    *ret_name = part.text;
    *ret_len = part.len;
    return true;
}

/* ---- values ---- */

static struct value text_value(const char *text)
{
    if (text == NULL || text[0] == '\0')
        return (struct value){.kind = VALUE_ABSENT};
    return (struct value){.kind = VALUE_TEXT, .text = text, .len = strlen(text)};
}

static struct value number_value(int64_t number)
{
    return (struct value){.kind = VALUE_NUMBER, .number = number};
}

const char *trunk_variable(const struct provider_trunk *trunk, const char *name, size_t len)
{
    for (size_t i = 0; i < trunk->n_variables; i++) {
        const struct provider_variable *variable = &trunk->variables[i];
        bool is_it = strlen(variable->name) == len && memcmp(variable->name, name, len) == 0;
        if (is_it && variable->value != NULL && variable->value[0] != '\0')
            return variable->value;
    }
    return NULL;
}

static struct value dial_value(const struct value_source *source, enum value_id id)
{
    const struct dial_request *dial = source->dial;
    switch (id) {
    case VALUE_TO:
        return text_value(dial->to);
    case VALUE_FROM:
        return text_value(dial->from);
    case VALUE_AGENT_ID:
        return text_value(dial->agent_id);
    case VALUE_TOKEN:
        return text_value(dial->token);
    case VALUE_BATCH_ID:
        return text_value(dial->batch_id);
    case VALUE_CALL_ID:
        return text_value(dial->call_id);
    case VALUE_CONTACT_ID:
        return text_value(dial->contact_id);
    case VALUE_CONTACT_NAME:
        return text_value(dial->contact_name);
    case VALUE_CONTACT_EMAIL:
        return text_value(dial->contact_email);
    case VALUE_CONTACT_COMPANY:
        return text_value(dial->contact_company);
    case VALUE_CONTACT_TIMEZONE:
        return text_value(dial->contact_timezone);
    case VALUE_CONTACT_METADATA:
        if (dial->metadata == NULL || dial->metadata_len == 0)
            break;
        return (struct value){.kind = VALUE_JSON, .text = dial->metadata, .len = dial->metadata_len};
    case VALUE_RING_TIMEOUT_S:
        return number_value(source->ring_timeout_s);
    case VALUE_RING_TIMEOUT_MS:
        return number_value((int64_t)source->ring_timeout_s * 1000);
    case VALUE_MAX_CALL_DURATION_S:
        return number_value(source->max_call_duration_s);
    case VALUE_MAX_CALL_DURATION_MS:
        return number_value((int64_t)source->max_call_duration_s * 1000);
    case VALUE_CALLBACK_URL:
        return text_value(source->callback_url);
    case VALUE_PROVIDER_ID:
    case VALUE_BEGIN_MS:
    case VALUE_BEGIN_DATE:
    case VALUE_WINDOW_FROM:
    case VALUE_WINDOW_UNTIL:
        break;
    }
    return (struct value){.kind = VALUE_ABSENT};
}

static struct value lookup_value(const struct value_source *source, enum value_id id)
{
    if (id == VALUE_TO)
        return text_value(source->lookup->to);
    if (id == VALUE_FROM)
        return text_value(source->lookup->from);
    if (id == VALUE_TOKEN)
        return text_value(source->lookup->token);
    if (id == VALUE_BEGIN_MS)
        return number_value(source->lookup->begin_ms);
    if (id == VALUE_BEGIN_DATE)
        return text_value(source->begin_date);
    if (id == VALUE_WINDOW_FROM)
        return text_value(source->window_from);
    if (id == VALUE_WINDOW_UNTIL)
        return text_value(source->window_until);
    return (struct value){.kind = VALUE_ABSENT};
}

struct value template_value(const struct value_source *source, const char *name, size_t len)
{
    if (has_variable_prefix(name, len)) {
        size_t skip = sizeof variable_prefix - 1;
        return text_value(trunk_variable(source->trunk, name + skip, len - skip));
    }
    const struct placeholder *placeholder = find_placeholder(name, len);
    if (placeholder != NULL && source->dial != NULL)
        return dial_value(source, placeholder->id);
    if (placeholder != NULL && source->lookup != NULL)
        return lookup_value(source, placeholder->id);
    if (placeholder != NULL && placeholder->id == VALUE_PROVIDER_ID)
        return text_value(source->provider_id);
    return (struct value){.kind = VALUE_ABSENT};
}

static int prepare_callback_url(struct value_source *source)
{
    const char *base = source->trunk->callback_base;
    if (base == NULL || base[0] == '\0')
        return 0;
    size_t len = strlen(base);
    while (len > 0 && base[len - 1] == '/')
        len--;
    int n = snprintf(source->callback_url, sizeof source->callback_url, "%.*s/callbacks/%s/%s", (int)len, base,
                     source->profile->name, source->dial->token ? source->dial->token : "");
    return n < 0 || (size_t)n >= sizeof source->callback_url ? ERR_TOO_LARGE : 0;
}

static void prepare_times(struct value_source *source)
{
    char timestamp[TIMESTAMP_LEN + 1];
    const int64_t *window_ms = source->profile->lookup.window_ms;
    int64_t begin_ms = source->lookup->begin_ms, until_ms = source->lookup->until_ms;
    timestamp_format(begin_ms, timestamp);
    snprintf(source->begin_date, sizeof source->begin_date, "%.10s", timestamp);
    timestamp_format(begin_ms + window_ms[0], source->window_from);
    timestamp_format((until_ms > begin_ms ? until_ms : begin_ms) + window_ms[1], source->window_until);
}

int value_source_prepare(struct value_source *source)
{
    source->callback_url[0] = '\0';
    source->begin_date[0] = '\0';
    if (source->lookup != NULL)
        prepare_times(source);
    if (source->dial == NULL)
        return 0;
    source->ring_timeout_s = source->dial->ring_timeout_s;
    source->max_call_duration_s = source->dial->max_call_duration_s;
    provider_profile_clamp(source->profile, &source->ring_timeout_s, &source->max_call_duration_s);
    return prepare_callback_url(source);
}

/* ---- writing ---- */

int percent_encode(const char *text, size_t len, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    int rc = 0;
    for (size_t i = 0; i < len && rc == 0; i++) {
        unsigned char c = (unsigned char)text[i];
        bool is_unreserved = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                             c == '.' || c == '_' || c == '~';
        if (is_unreserved) {
            rc = buf_append_char(out, (char)c);
        } else {
            const char escaped[3] = {'%', digits[c >> 4], digits[c & 15]};
            rc = buf_append(out, escaped, sizeof escaped);
        }
    }
    return rc;
}

int template_expand(const char *text, const struct value_source *source, bool is_encoded, struct buf *out,
                    bool *ret_absent)
{
    struct part part;
    bool is_absent = false;
    int rc = 0;
    while (rc == 0 && next_part(&text, &part)) {
        if (!part.is_placeholder) {
            rc = buf_append(out, part.text, part.len);
            continue;
        }
        struct value value = template_value(source, part.text, part.len);
        switch (value.kind) {
        case VALUE_ABSENT:
            is_absent = true;
            break;
        case VALUE_NUMBER:
            rc = buf_printf(out, "%lld", (long long)value.number);
            break;
        case VALUE_TEXT:
        case VALUE_JSON:
            rc = is_encoded ? percent_encode(value.text, value.len, out) : buf_append(out, value.text, value.len);
            break;
        }
    }
    if (rc == 0)
        *ret_absent = is_absent;
    return rc;
}

/* Appends one pair of the query behind `separator`, where it has a value. */
static int append_pair(const cJSON *pair, const struct value_source *source, char separator, struct buf *out,
                       bool *ret_is_there)
{
    struct buf value;
    bool is_absent = false;
    buf_init(&value, LIMIT_PROVIDER_REQUEST_BYTES);
    int rc = template_expand(pair->valuestring, source, false, &value, &is_absent);
    *ret_is_there = rc == 0 && !is_absent;
    if (*ret_is_there)
        rc = buf_append_char(out, separator);
    if (rc == 0 && *ret_is_there)
        rc = percent_encode(pair->string, strlen(pair->string), out);
    if (rc == 0 && *ret_is_there)
        rc = buf_append_char(out, '=');
    if (rc == 0 && *ret_is_there)
        rc = percent_encode(buf_str(&value), buf_len(&value), out);
    buf_free(&value);
    return rc;
}

int template_expand_url(const cJSON *url, const struct value_source *source, struct buf *out)
{
    const cJSON *query = cJSON_GetObjectItemCaseSensitive(url, "query");
    struct buf base;
    bool is_absent;
    buf_init(&base, LIMIT_PROVIDER_REQUEST_BYTES);
    int rc =
        template_expand(cJSON_GetObjectItemCaseSensitive(url, "base")->valuestring, source, false, &base, &is_absent);
    const char *text = buf_str(&base);
    size_t before_fragment = strcspn(text, "#");
    char separator = memchr(text, '?', before_fragment) ? '&' : '?';
    if (rc == 0)
        rc = buf_append(out, text, before_fragment);
    for (const cJSON *pair = query ? query->child : NULL; pair != NULL && rc == 0; pair = pair->next) {
        bool is_there;
        rc = append_pair(pair, source, separator, out, &is_there);
        separator = is_there ? '&' : separator;
    }
    if (rc == 0)
        rc = buf_append(out, text + before_fragment, strlen(text + before_fragment));
    buf_free(&base);
    return rc;
}

/* ---- checking ---- */

static const char *check_placeholder(const struct part *part, unsigned request, enum template_place place,
                                     bool is_whole, const cJSON *variables, char *scratch, size_t scratch_cap)
{
    if (has_variable_prefix(part->text, part->len)) {
        snprintf(scratch, scratch_cap, "%.*s", (int)(part->len - (sizeof variable_prefix - 1)),
                 part->text + sizeof variable_prefix - 1);
        if (cJSON_GetObjectItemCaseSensitive(variables, scratch) != NULL)
            return NULL;
        snprintf(scratch, scratch_cap, "{{%.*s}} is not among the profile's variables", (int)part->len, part->text);
        return scratch;
    }
    const struct placeholder *placeholder = find_placeholder(part->text, part->len);
    if (placeholder == NULL) {
        snprintf(scratch, scratch_cap, "there is no value {{%.*s}}", (int)part->len, part->text);
        return scratch;
    }
    if ((placeholder->requests & request) == 0) {
        snprintf(scratch, scratch_cap, "{{%s}} has no value in this request", placeholder->name);
        return scratch;
    }
    if (placeholder->class == CLASS_JSON && (place != PLACE_JSON || !is_whole)) {
        snprintf(scratch, scratch_cap, "{{%s}} is JSON: it must be a whole member of a JSON body", placeholder->name);
        return scratch;
    }
    if (placeholder->class == CLASS_TENANT && place == PLACE_HEADER) {
        snprintf(scratch, scratch_cap, "{{%s}} is a tenant's text and may not stand in a header", placeholder->name);
        return scratch;
    }
    return NULL;
}

const char *template_check(const char *text, unsigned request, enum template_place place, const cJSON *variables,
                           char *scratch, size_t scratch_cap)
{
    const char *name;
    size_t name_len;
    bool is_whole = template_is_whole(text, &name, &name_len);
    struct part part;
    while (next_part(&text, &part)) {
        const char *message = NULL;
        if (part.is_placeholder)
            message = check_placeholder(&part, request, place, is_whole, variables, scratch, scratch_cap);
        else if (memmem(part.text, part.len, "{{", 2) != NULL || memmem(part.text, part.len, "}}", 2) != NULL)
            message = "a placeholder is not closed";
        if (message != NULL)
            return message;
    }
    return NULL;
}
