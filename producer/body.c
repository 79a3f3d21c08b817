/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/body.h"

#include <string.h>
#include <strings.h>

#include "common/base/limits.h"
#include "common/json/json.h"
#include "producer/answer.h"

/* What follows "application/json": nothing, or parameters. JSON is UTF-8 (RFC 8259 section 8.1); a client that says
 * otherwise means something else than we would read. */
static bool permits_utf8(const char *parameters)
{
    static const char charset[] = "charset=";
    static const char utf8[] = "utf-8";
    const char *at = parameters + strspn(parameters, " \t");
    while (*at == ';') {
        at += 1 + strspn(at + 1, " \t");
        if (strncasecmp(at, charset, sizeof charset - 1) == 0) {
            const char *value = at + sizeof charset - 1;
            value += *value == '"';
            size_t len = strcspn(value, "\"; \t");
            if (len != sizeof utf8 - 1 || strncasecmp(value, utf8, len) != 0)
                return false;
        }
        at += strcspn(at, ";");
    }
    return *at == '\0';
}

static bool is_plain(const struct http_request *req)
{
    const char *encoding = http_request_header(req, "Content-Encoding");
    return !encoding || strcasecmp(encoding, "identity") == 0;
}

bool body_is_type(const struct http_request *req, const char *type)
{
    const char *given = http_request_header(req, "Content-Type");
    size_t len = strlen(type);
    return given && strncasecmp(given, type, len) == 0 && permits_utf8(given + len) && is_plain(req);
}

bool body_is_json(const struct http_request *req)
{
    if (!http_request_header(req, "Content-Type"))
        return is_plain(req);
    return body_is_type(req, "application/json");
}

void body_refuse_type(struct exchange *x)
{
    exchange_error(x, 415, "UNSUPPORTED_MEDIA_TYPE", "The body must be application/json in UTF-8, not compressed.",
                   NULL);
}

static void refuse_syntax(struct exchange *x, const struct json_fault *fault)
{
    struct faults faults;
    faults_init(&faults, 1);
    faults_add_path(&faults, FAULT_SYNTAX, fault->reason, "%s", fault->path);
    exchange_faults(x, &faults);
    faults_free(&faults);
}

cJSON *body_read_object(struct exchange *x, bool is_optional)
{
    struct http_request *req = exchange_request(x);
    size_t len;
    const char *text = http_request_body(req, &len);
    if (len == 0 && is_optional) {
        cJSON *empty = cJSON_CreateObject();
        if (!empty)
            exchange_fail(x, ERR_NOMEM);
        return empty;
    }
    if (!body_is_json(req)) {
        body_refuse_type(x);
        return NULL;
    }
    cJSON *value = NULL;
    struct json_fault fault;
    int err = json_parse(text, len, &value, &fault);
    if (err == ERR_INVALID) {
        refuse_syntax(x, &fault);
        return NULL;
    }
    if (err) {
        exchange_fail(x, err);
        return NULL;
    }
    if (cJSON_IsObject(value))
        return value;
    cJSON_Delete(value);
    exchange_bad_argument(x, "", "must be an object");
    return NULL;
}

void body_check_names(const cJSON *object, const char *const *known, size_t n, struct faults *faults)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, object)
    {
        size_t i = 0;
        while (i < n && strcmp(known[i], member->string) != 0)
            i++;
        if (i == n)
            faults_add(faults, member->string, FAULT_UNKNOWN_FIELD, "is not a known field");
    }
}

const char *body_str(const cJSON *object, const char *name, size_t max_bytes, struct faults *faults)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!member)
        return NULL;
    if (!cJSON_IsString(member)) {
        faults_add(faults, name, FAULT_TYPE, "must be a string");
        return NULL;
    }
    size_t len = strlen(member->valuestring);
    if (len == 0 || len > max_bytes) {
        faults_add(faults, name, FAULT_LENGTH, "must have 1 to %zu bytes", max_bytes);
        return NULL;
    }
    return member->valuestring;
}

bool body_check_user(struct exchange *x, const cJSON *object)
{
    const cJSON *user = cJSON_GetObjectItemCaseSensitive(object, "userId");
    if (!cJSON_IsString(user) || exchange_is_user(x, user->valuestring))
        return true;
    exchange_error(x, 403, CODE_FORBIDDEN, "userId is not the owner of this API key.", NULL);
    return false;
}

bool body_check_user_only(struct exchange *x)
{
    static const char *const known[] = {"userId"};
    struct faults faults;
    cJSON *object = body_read_object(x, true);
    if (!object)
        return false;
    faults_init(&faults, LIMIT_FAULTS);
    body_check_names(object, known, 1, &faults);
    (void)body_str(object, "userId", LIMIT_SMALL_BODY_BYTES, &faults);
    bool is_good = exchange_take_faults(x, &faults) && body_check_user(x, object);
    cJSON_Delete(object);
    return is_good;
}
