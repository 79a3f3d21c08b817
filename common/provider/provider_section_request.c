/* SPDX-License-Identifier: Apache-2.0 */
#include "common/provider/provider_section.h"

#include <string.h>

void section_template(struct lint *l, const cJSON *value, unsigned request, enum template_place place,
                      const cJSON *variables)
{
    char scratch[FAULT_MESSAGE_LEN];
    if (!cJSON_IsString(value)) {
        lint_fault(l, FAULT_TYPE, "must be a text");
        return;
    }
    const char *message = template_check(value->valuestring, request, place, variables, scratch, sizeof scratch);
    if (message != NULL)
        lint_fault(l, FAULT_NOT_ALLOWED, message);
}

static void check_fields(struct lint *l, const char *name, const cJSON *fields, unsigned request, bool may_repeat,
                         enum template_place place, const cJSON *variables);

/* What stands under "$url". */
static void check_url(struct lint *l, const cJSON *url, unsigned request, const cJSON *variables)
{
    static const char *const names[] = {"base", "query", NULL};
    size_t mark = lint_enter(l, "$url");
    if (!cJSON_IsObject(url)) {
        lint_fault(l, FAULT_TYPE, "must be an object");
    } else {
        lint_members(l, url, names);
        if (lint_text(l, url, "base", LINT_REQUIRED) != NULL) {
            size_t base_mark = lint_enter(l, "base");
            section_template(l, cJSON_GetObjectItemCaseSensitive(url, "base"), request, PLACE_MATCH, variables);
            lint_leave(l, base_mark);
        }
        check_fields(l, "query", lint_object(l, url, "query", LINT_OPTIONAL), request, false, PLACE_MATCH, variables);
    }
    lint_leave(l, mark);
}

/* The operator "$url" alone in an object; NULL where `value` is something else. */
static const cJSON *url_of(const cJSON *value)
{
    const cJSON *child = cJSON_IsObject(value) ? value->child : NULL;
    return child != NULL && child->next == NULL && strcmp(child->string, "$url") == 0 ? child : NULL;
}

/* One value of a form or query. */
static void check_field(struct lint *l, const cJSON *value, unsigned request, enum template_place place,
                        const cJSON *variables)
{
    const cJSON *url = place == PLACE_FIELD ? url_of(value) : NULL;
    if (url != NULL)
        check_url(l, url, request, variables);
    else
        section_template(l, value, request, place, variables);
}

/* An object of templates. With `may_repeat` a member may be an array of them. */
static void check_fields(struct lint *l, const char *name, const cJSON *fields, unsigned request, bool may_repeat,
                         enum template_place place, const cJSON *variables)
{
    if (fields == NULL)
        return;
    size_t mark = lint_enter(l, name);
    for (const cJSON *field = fields->child; field != NULL; field = field->next) {
        size_t field_mark = lint_enter(l, field->string);
        bool is_list = may_repeat && cJSON_IsArray(field);
        if (!is_list)
            check_field(l, field, request, place, variables);
        size_t index = 0;
        for (const cJSON *element = is_list ? field->child : NULL; element != NULL; element = element->next) {
            size_t element_mark = lint_enter_index(l, index++);
            check_field(l, element, request, place, variables);
            lint_leave(l, element_mark);
        }
        lint_leave(l, field_mark);
    }
    lint_leave(l, mark);
}

static void check_strings(struct lint *l, const cJSON *strings, unsigned request, const cJSON *variables)
{
    static const char *const names[] = {"from", "set", NULL};
    size_t mark = lint_enter(l, "$strings");
    if (!cJSON_IsObject(strings)) {
        lint_fault(l, FAULT_TYPE, "must be an object");
    } else {
        lint_members(l, strings, names);
        const char *from = lint_text(l, strings, "from", LINT_REQUIRED);
        if (from != NULL && strcmp(from, "{{contact.metadata}}") != 0)
            lint_fault_in(l, "from", FAULT_NOT_ALLOWED, "must be {{contact.metadata}}");
        check_fields(l, "set", lint_object(l, strings, "set", LINT_OPTIONAL), request, false, PLACE_MATCH, variables);
    }
    lint_leave(l, mark);
}

/* One value of a JSON body, and what is in it. The depth was bounded when the profile was parsed. */
static void check_json(struct lint *l, const cJSON *value, unsigned request, const cJSON *variables)
{
    if (cJSON_IsString(value))
        section_template(l, value, request, PLACE_JSON, variables);
    size_t index = 0;
    bool is_object = cJSON_IsObject(value);
    for (const cJSON *child = value->child; child != NULL; child = child->next) {
        bool is_alone = is_object && child->next == NULL && child->prev == child;
        if (is_alone && strcmp(child->string, "$strings") == 0) {
            check_strings(l, child, request, variables);
            continue;
        }
        if (is_alone && strcmp(child->string, "$url") == 0) {
            check_url(l, child, request, variables);
            continue;
        }
        size_t mark = is_object ? lint_enter(l, child->string) : lint_enter_index(l, index++);
        if (is_object && child->string[0] == '$')
            lint_fault(l, FAULT_UNKNOWN_FIELD, "is no operator; $strings and $url are, where they stand alone");
        else
            check_json(l, child, request, variables);
        lint_leave(l, mark);
    }
}

static void check_path(struct lint *l, const char *path, unsigned request, const cJSON *variables)
{
    if (path == NULL)
        return;
    if (path[0] != '/' || path[strcspn(path, "?# \"<>\\^`|")] != '\0')
        lint_fault_in(l, "path", FAULT_URL, "must begin with / and hold no query, fragment or space");
    for (const char *at = path; *at != '\0'; at++) {
        if (*at < 0x20 || *at > 0x7E) {
            lint_fault_in(l, "path", FAULT_CHARACTERS, "must be printable ASCII");
            break;
        }
    }
    char scratch[FAULT_MESSAGE_LEN];
    const char *message = template_check(path, request, PLACE_PATH, variables, scratch, sizeof scratch);
    if (message != NULL)
        lint_fault_in(l, "path", FAULT_NOT_ALLOWED, message);
}

static void check_headers(struct lint *l, const cJSON *headers, unsigned request, const cJSON *variables)
{
    if (headers == NULL)
        return;
    /* Content-Type, Accept and the authorization are added by the engine. */
    if (cJSON_GetArraySize(headers) > PROVIDER_HEADERS - 3)
        lint_fault_in(l, "headers", FAULT_TOO_MANY, "has too many members");
    size_t mark = lint_enter(l, "headers");
    for (const cJSON *header = headers->child; header != NULL; header = header->next) {
        if (!lint_is_header_name(header->string))
            lint_fault_in(l, header->string, FAULT_CHARACTERS, "is not the name of a header");
    }
    lint_leave(l, mark);
    check_fields(l, "headers", headers, request, false, PLACE_HEADER, variables);
}

void section_request(struct lint *l, const cJSON *object, unsigned request, const cJSON *variables,
                     struct profile_request *ret_request)
{
    static const char *const names[] = {"method", "path", "query", "headers", "json", "form", NULL};
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", NULL};
    const cJSON *section = lint_object(l, object, "request", LINT_REQUIRED);
    if (section == NULL)
        return;
    size_t mark = lint_enter(l, "request");
    lint_members(l, section, names);
    int method = lint_word(l, section, "method", LINT_REQUIRED, methods);
    ret_request->method = method >= 0 ? methods[method] : NULL;
    ret_request->path = lint_text(l, section, "path", LINT_REQUIRED);
    ret_request->query = lint_object(l, section, "query", LINT_OPTIONAL);
    ret_request->headers = lint_object(l, section, "headers", LINT_OPTIONAL);
    ret_request->json = lint_object(l, section, "json", LINT_OPTIONAL);
    ret_request->form = lint_object(l, section, "form", LINT_OPTIONAL);
    if (ret_request->json != NULL && ret_request->form != NULL)
        lint_fault(l, FAULT_NOT_ALLOWED, "has a JSON body and a form: one request has one body");
    check_path(l, ret_request->path, request, variables);
    check_headers(l, ret_request->headers, request, variables);
    check_fields(l, "query", ret_request->query, request, false, PLACE_FIELD, variables);
    check_fields(l, "form", ret_request->form, request, true, PLACE_FIELD, variables);
    if (ret_request->json != NULL) {
        size_t json_mark = lint_enter(l, "json");
        check_json(l, ret_request->json, request, variables);
        lint_leave(l, json_mark);
    }
    lint_leave(l, mark);
}
