/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/encode.h"
#include "common/base/utf8.h"
#include "common/json/json.h"
#include "common/json/span.h"
#include "common/provider/provider_format.h"
#include "common/provider/provider_template.h"

/* ---- JSON bodies: a tree is built, never a text, so that no value can leave its string ---- */

/* Renders one value of the template. Success with `*ret_value` NULL means that it is left out. */
static int render_json(const cJSON *template, const struct value_source *source, cJSON **ret_value);

/* Adds `value` (taken) to an object or array. */
static int add_child(cJSON *parent, const char *name, cJSON *value)
{
    bool is_added =
        cJSON_IsArray(parent) ? cJSON_AddItemToArray(parent, value) : cJSON_AddItemToObject(parent, name, value);
    if (is_added)
        return 0;
    cJSON_Delete(value);
    return ERR_NOMEM;
}

/* `text` need not be UTF-8 yet. */
static int string_node(const char *text, size_t len, cJSON **ret_value)
{
    if (!utf8_is_valid(text, len))
        return ERR_INVALID;
    *ret_value = cJSON_CreateString(text);
    return *ret_value == NULL ? ERR_NOMEM : 0;
}

/* Parses a tenant's JSON; it must be one whole object. */
static int parse_object(const struct value *value, cJSON **ret_object)
{
    cJSON *tree = NULL;
    int rc = json_parse(value->text, value->len, &tree, NULL);
    if (rc == 0 && !cJSON_IsObject(tree)) {
        cJSON_Delete(tree);
        rc = ERR_INVALID;
    }
    if (rc == 0)
        *ret_object = tree;
    return rc;
}

/* The tenant's JSON goes out byte for byte, once it is certain what it is. */
static int json_node(const struct value *value, cJSON **ret_value)
{
    cJSON *checked = NULL;
    int rc = parse_object(value, &checked);
    if (rc != 0)
        return rc;
    cJSON_Delete(checked);
    char *copy = strndup(value->text, value->len);
    *ret_value = copy ? cJSON_CreateRaw(copy) : NULL;
    free(copy);
    return *ret_value == NULL ? ERR_NOMEM : 0;
}

static int whole_node(const struct value *value, cJSON **ret_value)
{
    switch (value->kind) {
    case VALUE_ABSENT:
        *ret_value = NULL;
        return 0;
    case VALUE_TEXT:
        return string_node(value->text, value->len, ret_value);
    case VALUE_NUMBER:
        *ret_value = cJSON_CreateNumber((double)value->number);
        return *ret_value == NULL ? ERR_NOMEM : 0;
    case VALUE_JSON:
        return json_node(value, ret_value);
    }
    return ERR_INVALID;
}

static int render_text(const char *template, const struct value_source *source, cJSON **ret_value)
{
    const char *name;
    size_t name_len;
    if (template_is_whole(template, &name, &name_len)) {
        struct value value = template_value(source, name, name_len);
        return whole_node(&value, ret_value);
    }
    struct buf text;
    bool is_absent;
    buf_init(&text, LIMIT_PROVIDER_REQUEST_BYTES);
    int rc = template_expand(template, source, false, &text, &is_absent);
    if (rc == 0)
        rc = string_node(buf_str(&text), buf_len(&text), ret_value);
    buf_free(&text);
    return rc;
}

/* Makes each number of a tree, read from the text `written`, print with the digits that it was written with: a double
 * would lose some of 19.90, and of an account of twenty digits. */
static int keep_digits(cJSON *value, struct json_span written)
{
    struct json_members members;
    struct json_span key, item;
    int rc = 0;
    if (cJSON_IsNumber(value)) {
        char *digits = cJSON_malloc(written.len + 1);
        if (digits == NULL)
            return ERR_NOMEM;
        memcpy(digits, written.text, written.len);
        digits[written.len] = '\0';
        value->valuestring = digits;
        value->type = cJSON_Raw;
    } else if (cJSON_IsObject(value) && json_members_begin(&members, written.text, written.len)) {
        for (cJSON *child = value->child; child != NULL && rc == 0 && json_members_next(&members, &key, &item);
             child = child->next)
            rc = keep_digits(child, item);
    } else if (cJSON_IsArray(value) && json_elements_begin(&members, written.text, written.len)) {
        for (cJSON *child = value->child; child != NULL && rc == 0 && json_elements_next(&members, &item);
             child = child->next)
            rc = keep_digits(child, item);
    }
    return rc;
}

/* A member of the tenant's metadata as a string: what platforms that know only strings as variables can take. */
static int stringify(const cJSON *value, cJSON **ret_value)
{
    struct buf text;
    if (cJSON_IsNull(value)) {
        *ret_value = NULL;
        return 0;
    }
    if (cJSON_IsString(value))
        return string_node(value->valuestring, strlen(value->valuestring), ret_value);
    buf_init(&text, LIMIT_PROVIDER_REQUEST_BYTES);
    int rc = json_print(value, &text);
    if (rc == 0)
        rc = string_node(buf_str(&text), buf_len(&text), ret_value);
    buf_free(&text);
    return rc;
}

static int add_strings(const struct value *metadata, cJSON *object)
{
    cJSON *tree = NULL;
    if (metadata->kind != VALUE_JSON)
        return 0;
    int rc = parse_object(metadata, &tree);
    if (rc == 0)
        rc = keep_digits(tree, (struct json_span){metadata->text, metadata->len});
    for (const cJSON *member = rc == 0 ? tree->child : NULL; member != NULL && rc == 0; member = member->next) {
        cJSON *value = NULL;
        rc = stringify(member, &value);
        if (rc == 0 && value != NULL)
            rc = add_child(object, member->string, value);
    }
    cJSON_Delete(tree);
    return rc;
}

/* {"$strings": {"from": metadata, "set": {...}}}: a flat object of strings. What is set stands over what the metadata
 * says, as far as it has a value. */
static int render_strings(const cJSON *strings, const struct value_source *source, cJSON **ret_value)
{
    const cJSON *set = cJSON_GetObjectItemCaseSensitive(strings, "set");
    const char *name;
    size_t name_len;
    struct value metadata = {.kind = VALUE_ABSENT};
    if (template_is_whole(cJSON_GetObjectItemCaseSensitive(strings, "from")->valuestring, &name, &name_len))
        metadata = template_value(source, name, name_len);
    cJSON *object = cJSON_CreateObject();
    int rc = object == NULL ? ERR_NOMEM : add_strings(&metadata, object);
    for (const cJSON *member = set ? set->child : NULL; member != NULL && rc == 0; member = member->next) {
        struct buf text;
        bool is_absent = false;
        cJSON *value = NULL;
        buf_init(&text, LIMIT_PROVIDER_REQUEST_BYTES);
        rc = template_expand(member->valuestring, source, false, &text, &is_absent);
        if (rc == 0 && !is_absent)
            rc = string_node(buf_str(&text), buf_len(&text), &value);
        buf_free(&text);
        if (rc == 0 && value != NULL) {
            cJSON_DeleteItemFromObjectCaseSensitive(object, member->string);
            rc = add_child(object, member->string, value);
        }
    }
    if (rc != 0) {
        cJSON_Delete(object);
        return rc;
    }
    *ret_value = object;
    return 0;
}

/* {"$url": {...}} */
static int render_url_node(const cJSON *url, const struct value_source *source, cJSON **ret_value)
{
    struct buf text;
    buf_init(&text, LIMIT_PROVIDER_REQUEST_BYTES);
    int rc = template_expand_url(url, source, &text);
    if (rc == 0)
        rc = string_node(buf_str(&text), buf_len(&text), ret_value);
    buf_free(&text);
    return rc;
}

static int render_children(const cJSON *template, const struct value_source *source, cJSON **ret_value)
{
    cJSON *parent = cJSON_IsArray(template) ? cJSON_CreateArray() : cJSON_CreateObject();
    int rc = parent == NULL ? ERR_NOMEM : 0;
    for (const cJSON *child = template->child; child != NULL && rc == 0; child = child->next) {
        cJSON *value = NULL;
        rc = render_json(child, source, &value);
        if (rc == 0 && value != NULL)
            rc = add_child(parent, child->string, value);
    }
    if (rc != 0) {
        cJSON_Delete(parent);
        return rc;
    }
    *ret_value = parent;
    return 0;
}

static int render_json(const cJSON *template, const struct value_source *source, cJSON **ret_value)
{
    if (cJSON_IsString(template))
        return render_text(template->valuestring, source, ret_value);
    const cJSON *strings = cJSON_GetObjectItemCaseSensitive(template, "$strings");
    if (strings != NULL)
        return render_strings(strings, source, ret_value);
    const cJSON *url = cJSON_GetObjectItemCaseSensitive(template, "$url");
    if (url != NULL)
        return render_url_node(url, source, ret_value);
    if (cJSON_IsObject(template) || cJSON_IsArray(template))
        return render_children(template, source, ret_value);
    *ret_value = cJSON_Duplicate(template, true);
    return *ret_value == NULL ? ERR_NOMEM : 0;
}

static int render_json_body(const cJSON *template, const struct value_source *source, struct buf *out)
{
    cJSON *body = NULL;
    int rc = render_json(template, source, &body);
    if (rc == 0)
        rc = json_print(body, out);
    cJSON_Delete(body);
    return rc;
}

/* ---- forms and queries ---- */

/* The value of a field, not yet encoded. One that is a single placeholder without a value is left out. */
static int expand_field(const cJSON *template, const struct value_source *source, struct buf *out, bool *ret_left_out)
{
    const char *placeholder;
    size_t placeholder_len;
    bool is_absent = false;
    int rc;
    if (cJSON_IsString(template))
        rc = template_expand(template->valuestring, source, false, out, &is_absent);
    else
        rc = template_expand_url(cJSON_GetObjectItemCaseSensitive(template, "$url"), source, out);
    if (rc == 0 && !utf8_is_valid(buf_str(out), buf_len(out)))
        rc = ERR_INVALID;
    *ret_left_out = is_absent && template_is_whole(template->valuestring, &placeholder, &placeholder_len);
    return rc;
}

static int add_field(const char *name, const cJSON *template, const struct value_source *source, struct buf *out)
{
    struct buf text;
    bool is_left_out = false;
    buf_init(&text, out->max);
    int rc = expand_field(template, source, &text, &is_left_out);
    if (rc == 0 && !is_left_out && buf_len(out) > 0)
        rc = buf_append_char(out, '&');
    if (rc == 0 && !is_left_out)
        rc = percent_encode(name, strlen(name), out);
    if (rc == 0 && !is_left_out)
        rc = buf_append_char(out, '=');
    if (rc == 0 && !is_left_out)
        rc = percent_encode(buf_str(&text), buf_len(&text), out);
    buf_free(&text);
    return rc;
}

/* name=value&...; a member that is an array gives one pair for each element. */
static int render_fields(const cJSON *fields, const struct value_source *source, struct buf *out)
{
    int rc = 0;
    for (const cJSON *field = fields->child; field != NULL && rc == 0; field = field->next) {
        if (!cJSON_IsArray(field))
            rc = add_field(field->string, field, source, out);
        const cJSON *element = cJSON_IsArray(field) ? field->child : NULL;
        for (; element != NULL && rc == 0; element = element->next)
            rc = add_field(field->string, element, source, out);
    }
    return rc;
}

/* ---- URLs ---- */

static const char *base_url(const struct value_source *source)
{
    return source->trunk->base_url ? source->trunk->base_url : source->profile->base_url;
}

static int append_base(const char *base, struct buf *out)
{
    size_t len = strlen(base);
    while (base[len - 1] == '/')
        len--;
    return buf_append(out, base, len);
}

/* A segment of dots names another resource than the profile means, and no encoding hides a dot. */
static bool has_dot_segment(const char *path)
{
    while (*path == '/') {
        const char *segment = path + 1;
        size_t len = strcspn(segment, "/");
        if ((len == 1 && segment[0] == '.') || (len == 2 && segment[0] == '.' && segment[1] == '.'))
            return true;
        path = segment + len;
    }
    return false;
}

static int render_url(const struct profile_request *template, const struct value_source *source, char **ret_url)
{
    struct buf url;
    struct buf query;
    bool is_absent = false;
    /* Wider than a URL may be: one that is too long is known from memory that ran out, which is tried again. */
    buf_init(&url, LIMIT_PROVIDER_REQUEST_BYTES);
    buf_init(&query, LIMIT_PROVIDER_REQUEST_BYTES / 2);
    int rc = append_base(base_url(source), &url);
    size_t path_at = buf_len(&url);
    if (rc == 0)
        rc = template_expand(template->path, source, true, &url, &is_absent);
    if (rc == 0 && (is_absent || has_dot_segment(buf_str(&url) + path_at)))
        rc = ERR_INVALID;
    if (rc == 0 && template->query != NULL)
        rc = render_fields(template->query, source, &query);
    if (rc == 0 && buf_len(&query) > 0)
        rc = buf_printf(&url, "?%s", buf_str(&query));
    if (rc == 0 && buf_len(&url) > LIMIT_URL_LEN)
        rc = ERR_INVALID;
    if (rc == 0 && (*ret_url = buf_take(&url, NULL)) == NULL)
        rc = ERR_NOMEM;
    buf_free(&url);
    buf_free(&query);
    return rc;
}

/* ---- headers ---- */

/* Takes both texts, also where it fails. Anything but printable ASCII is refused: no value makes a line of its own. */
static int take_header(struct provider_request *request, char *name, char *value)
{
    int rc = name == NULL || value == NULL ? ERR_NOMEM : 0;
    for (const char *at = value; rc == 0 && *at != '\0'; at++) {
        if (*at < 0x20 || *at > 0x7E)
            rc = ERR_INVALID;
    }
    if (rc == 0 && request->n_headers == PROVIDER_HEADERS)
        rc = ERR_TOO_LARGE;
    if (rc != 0) {
        free(name);
        if (value != NULL)
            explicit_bzero(value, strlen(value));
        free(value);
        return rc;
    }
    request->headers[request->n_headers++] = (struct provider_header){.name = name, .value = value};
    return 0;
}

static int add_header(struct provider_request *request, const char *name, const char *value)
{
    return take_header(request, strdup(name), strdup(value));
}

static int render_headers(const cJSON *headers, const struct value_source *source, struct provider_request *request)
{
    int rc = 0;
    const cJSON *header = headers ? headers->child : NULL;
    for (; header != NULL && rc == 0; header = header->next) {
        struct buf text;
        bool is_absent = false;
        buf_init(&text, LIMIT_HTTP_CLIENT_HEADER_BYTES);
        rc = template_expand(header->valuestring, source, false, &text, &is_absent);
        if (rc == 0 && !is_absent)
            rc = add_header(request, header->string, buf_str(&text));
        buf_free(&text);
    }
    return rc;
}

/* "Basic base64(user:credential)" (RFC 7617). */
static int add_basic(const struct value_source *source, struct provider_request *request)
{
    const struct provider_trunk *trunk = source->trunk;
    struct buf pair;
    bool is_absent = false;
    char *value = NULL;
    buf_init(&pair, LIMIT_HTTP_CLIENT_HEADER_BYTES);
    int rc = template_expand(source->profile->auth.user, source, false, &pair, &is_absent);
    if (rc == 0 && (is_absent || strchr(buf_str(&pair), ':') != NULL))
        rc = ERR_AUTH;
    if (rc == 0)
        rc = buf_append_char(&pair, ':');
    if (rc == 0)
        rc = buf_append(&pair, trunk->credential, trunk->credential_len);
    if (rc == 0 && (value = malloc(sizeof "Basic " + ENCODE_BASE64_LEN(buf_len(&pair)))) == NULL)
        rc = ERR_NOMEM;
    if (rc == 0) {
        memcpy(value, "Basic ", sizeof "Basic ");
        encode_base64(buf_str(&pair), buf_len(&pair), value + sizeof "Basic " - 1);
        rc = take_header(request, strdup("Authorization"), value);
    }
    if (pair.data != NULL)
        explicit_bzero(pair.data, pair.len);
    buf_free(&pair);
    return rc;
}

/* `prefix` and the credential under the header `name`. */
static int add_credential(const struct provider_trunk *trunk, const char *name, const char *prefix,
                          struct provider_request *request)
{
    size_t prefix_len = strlen(prefix);
    char *value = malloc(prefix_len + trunk->credential_len + 1);
    if (value == NULL)
        return ERR_NOMEM;
    memcpy(value, prefix, prefix_len);
    memcpy(value + prefix_len, trunk->credential, trunk->credential_len);
    value[prefix_len + trunk->credential_len] = '\0';
    return take_header(request, strdup(name), value);
}

static int render_auth(const struct value_source *source, struct provider_request *request)
{
    const struct profile_auth *auth = &source->profile->auth;
    switch (auth->kind) {
    case AUTH_NONE:
        return 0;
    case AUTH_BEARER:
        return add_credential(source->trunk, "Authorization", "Bearer ", request);
    case AUTH_HEADER:
        return add_credential(source->trunk, auth->header, "", request);
    case AUTH_BASIC:
        return add_basic(source, request);
    }
    return ERR_AUTH;
}

/* ---- requests ---- */

static int render_body(const struct profile_request *template, const struct value_source *source,
                       struct provider_request *request)
{
    struct buf body;
    int rc = 0;
    if (template->json == NULL && template->form == NULL)
        return 0;
    buf_init(&body, LIMIT_PROVIDER_REQUEST_BYTES);
    if (template->json != NULL)
        rc = render_json_body(template->json, source, &body);
    else
        rc = render_fields(template->form, source, &body);
    if (rc == 0 && (request->body = buf_take(&body, &request->body_len)) == NULL)
        rc = ERR_NOMEM;
    if (rc == 0)
        rc = add_header(request, "Content-Type",
                        template->json != NULL ? "application/json" : "application/x-www-form-urlencoded");
    buf_free(&body);
    return rc;
}

static bool is_base_url(const char *url)
{
    bool is_http = url != NULL && (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0);
    return is_http && url[strcspn(url, "?# \t\r\n\\")] == '\0';
}

static bool is_credential(const char *credential, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (credential[i] < 0x20 || credential[i] > 0x7E)
            return false;
    }
    return credential != NULL && len > 0;
}

/* Whether the trunk is set as its profile needs it. What it lacks would fail every call, so it must not be taken for a
 * fault of one dial. */
static bool is_trunk_usable(const struct value_source *source)
{
    const struct provider_profile *profile = source->profile;
    const struct provider_trunk *trunk = source->trunk;
    if (!is_base_url(base_url(source)))
        return false;
    if (profile->auth.kind != AUTH_NONE && !is_credential(trunk->credential, trunk->credential_len))
        return false;
    const cJSON *variable = profile->variables ? profile->variables->child : NULL;
    for (; variable != NULL; variable = variable->next) {
        bool is_required = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(variable, "required"));
        if (is_required && trunk_variable(trunk, variable->string, strlen(variable->string)) == NULL)
            return false;
    }
    return true;
}

static int render(const struct profile_request *template, struct value_source *source,
                  struct provider_request *ret_request)
{
    struct provider_request request = {.method = template->method};
    if (template->method == NULL)
        return ERR_STATE;
    if (!is_trunk_usable(source))
        return ERR_AUTH;
    int rc = value_source_prepare(source);
    if (rc == 0)
        rc = render_url(template, source, &request.url);
    if (rc == 0)
        rc = add_header(&request, "Accept", "application/json");
    if (rc == 0)
        rc = render_body(template, source, &request);
    if (rc == 0)
        rc = render_headers(template->headers, source, &request);
    if (rc == 0)
        rc = render_auth(source, &request);
    if (rc != 0) {
        provider_request_clear(&request);
        return rc;
    }
    *ret_request = request;
    return 0;
}

static bool is_empty(const char *text)
{
    return text == NULL || text[0] == '\0';
}

int provider_render_start(const struct provider_profile *profile, const struct provider_trunk *trunk,
                          const struct dial_request *dial, struct provider_request *ret_request)
{
    struct value_source source = {.profile = profile, .trunk = trunk, .dial = dial};
    if (is_empty(dial->to) || is_empty(dial->token))
        return ERR_INVALID;
    if (is_empty(dial->from))
        return ERR_AUTH;
    return render(&profile->start.request, &source, ret_request);
}

int provider_render_poll(const struct provider_profile *profile, const struct provider_trunk *trunk,
                         const char *provider_id, struct provider_request *ret_request)
{
    struct value_source source = {.profile = profile, .trunk = trunk, .provider_id = provider_id};
    return render(&profile->poll.request, &source, ret_request);
}

int provider_render_lookup(const struct provider_profile *profile, const struct provider_trunk *trunk,
                           const struct provider_lookup *lookup, struct provider_request *ret_request)
{
    struct value_source source = {.profile = profile, .trunk = trunk, .lookup = lookup};
    return render(&profile->lookup.ask.request, &source, ret_request);
}

int provider_render_cancel(const struct provider_profile *profile, const struct provider_trunk *trunk,
                           const char *provider_id, struct provider_request *ret_request)
{
    struct value_source source = {.profile = profile, .trunk = trunk, .provider_id = provider_id};
    return render(&profile->cancel.request, &source, ret_request);
}

int provider_render_hang_up(const struct provider_profile *profile, const struct provider_trunk *trunk,
                            const char *provider_id, struct provider_request *ret_request)
{
    struct value_source source = {.profile = profile, .trunk = trunk, .provider_id = provider_id};
    return render(&profile->hang_up.request, &source, ret_request);
}

void provider_request_clear(struct provider_request *request)
{
    for (size_t i = 0; i < request->n_headers; i++) {
        explicit_bzero(request->headers[i].value, strlen(request->headers[i].value));
        free(request->headers[i].name);
        free(request->headers[i].value);
    }
    free(request->url);
    free(request->body);
    *request = (struct provider_request){0};
}
