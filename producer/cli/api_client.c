/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/api_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/http/client.h"
#include "common/json/json.h"
#include "producer/cli/out.h"

#define KEY_MOST 512
#define WARNINGS_TOLD 50
#define CONTENT_JSON "application/json"
#define HEADERS_GIVEN 2 /* of one request, at most */
#define ANSWER_MOST (8u << 20)
#define FOLLOW_MS INT64_C(86400000) /* then it is asked anew */
#define SETTLE_MS 5000 /* beyond a request's own deadline, which comes first */

struct api_client {
    struct session *session; /* borrowed */
    struct http_client *http;
    char *key;
    bool was_sent;
    char problem[512];
};

/* ---- opening ---- */

int api_client_check_url(const char *text, const char **ret_why)
{
    const char *host = strncmp(text, "http://", 7) == 0    ? text + 7
                       : strncmp(text, "https://", 8) == 0 ? text + 8
                                                           : NULL;
    *ret_why = "must begin with http:// or https://";
    if (!host)
        return ERR_INVALID;
    *ret_why = "must name a host, perhaps a port and a path, and nothing else";
    size_t authority = strcspn(host, "/");
    bool is_clean = authority > 0 && !memchr(host, '@', authority) && host[strcspn(host, "?#\\")] == '\0';
    for (const char *at = host; *at; at++)
        is_clean = is_clean && *at > 0x20 && *at < 0x7F;
    return is_clean && strlen(text) <= LIMIT_URL_LEN / 2 ? 0 : ERR_INVALID;
}

static bool is_key(const char *key)
{
    for (const char *at = key; *at; at++) {
        if (*at <= 0x20 || *at >= 0x7F)
            return false;
    }
    return true;
}

static enum cli_exit read_key(const struct conf *conf, char **ret_key)
{
    const char *path = conf_str(conf, "api-key-file");
    if (!path) {
        out_complain("--api-key-file (or CARILLON_API_KEY_FILE in the environment) is missing: a file with an API key, "
                     "as 'carillon key create' prints it");
        return CLI_USAGE;
    }
    char *key = NULL;
    int rc = file_read_secret(path, KEY_MOST, &key);
    if (rc == 0 && is_key(key)) {
        *ret_key = key;
        return CLI_DONE;
    }
    if (rc == ERR_IO)
        out_complain("--api-key-file: %s: %s", path, strerror(errno));
    else
        out_complain("--api-key-file: %s does not hold an API key and nothing else", path);
    file_free_secret(key);
    return CLI_CONFIGURATION;
}

enum cli_exit api_client_open(struct session *s, struct api_client **ret_client)
{
    struct api_client *c = calloc(1, sizeof *c);
    if (!c || http_client_create(session_loop(s), 1, &c->http) != 0) {
        free(c);
        out_complain("out of memory");
        return CLI_FAILED;
    }
    c->session = s;
    enum cli_exit status = read_key(session_conf(s), &c->key);
    if (status != CLI_DONE) {
        api_client_close(c);
        return status;
    }
    *ret_client = c;
    return CLI_DONE;
}

void api_client_close(struct api_client *c)
{
    if (!c)
        return;
    http_client_free(c->http);
    file_free_secret(c->key);
    free(c);
}

/* ---- asking ---- */

struct exchange {
    struct api_client *client;
    bool is_done;
    bool is_creating; /* what it asked for may have been done without an answer */
    int rc;
    struct api_answer answer;
    int64_t heard_us; /* of one that is followed: when something came last */
    http_data_fn fn; /* which takes it */
    void *arg;
};

static void on_answer(const struct http_result *result, void *arg)
{
    struct exchange *x = arg;
    struct api_client *c = x->client;
    x->is_done = true;
    c->was_sent = result->was_sent;
    if (result->fail != HTTP_FAIL_NONE) {
        bool is_open = x->is_creating && result->was_sent;
        snprintf(c->problem, sizeof c->problem, "%s%s", result->detail ? result->detail : "no answer",
                 is_open ? "; the request was sent, and whether it was carried out is not known" : "");
        x->rc = ERR_UNAVAILABLE;
        return;
    }
    x->answer.status = result->status;
    x->answer.retry_after_ms = result->retry_after_ms;
    x->answer.is_replay = result->is_replay;
    if (result->body_cut || json_parse(result->body, result->body_len, &x->answer.body, NULL) != 0)
        x->answer.body = NULL;
}

/* What headers are given go with our own. */
static int send_request(struct exchange *x, const struct http_outgoing *given, const char *path)
{
    struct api_client *c = x->client;
    struct http_outgoing out = *given;
    struct buf url, bearer;
    const char *base = conf_str(session_conf(c->session), "url");
    size_t base_len = strlen(base);
    while (base_len > 0 && base[base_len - 1] == '/')
        base_len--;
    buf_init(&url, LIMIT_URL_LEN);
    buf_init(&bearer, KEY_MOST + 16);
    int rc = buf_printf(&url, "%.*s%s", (int)base_len, base, path);
    if (rc == 0)
        rc = buf_printf(&bearer, "Bearer %s", c->key);
    struct http_header headers[1 + HEADERS_GIVEN] = {{"Authorization", buf_str(&bearer)}};
    out.url = buf_str(&url);
    out.headers = headers;
    out.n_headers = 1;
    for (size_t i = 0; i < given->n_headers; i++)
        headers[out.n_headers++] = given->headers[i];
    if (rc == 0)
        rc = http_client_send(c->http, &out, on_answer, x, NULL);
    if (bearer.data)
        explicit_bzero(bearer.data, bearer.len);
    buf_free(&bearer);
    buf_free(&url);
    return rc;
}

/* `x` lives on the stack: a transfer that is still under way is dropped. */
static int drop(struct api_client *c)
{
    http_client_free(c->http);
    c->http = NULL;
    return http_client_create(session_loop(c->session), 1, &c->http);
}

static int ask(struct api_client *c, const struct http_outgoing *out, const char *path, struct api_answer *ret_answer)
{
    struct exchange x = {.client = c, .is_creating = (out->flags & HTTP_ONCE) != 0};
    c->was_sent = false;
    snprintf(c->problem, sizeof c->problem, "the request cannot be sent");
    int rc = c->http ? send_request(&x, out, path) : ERR_NOMEM;
    if (rc == 0)
        rc = session_wait(c->session, &x.is_done, out->timeout_ms + SETTLE_MS);
    if (rc != 0)
        return drop(c) != 0 ? ERR_NOMEM : rc;
    if (x.rc == 0)
        *ret_answer = x.answer;
    return x.rc;
}

int api_client_send(struct api_client *c, const struct api_request *request, struct api_answer *ret_answer)
{
    const char *type = request->content_type ? request->content_type : CONTENT_JSON;
    struct http_header headers[HEADERS_GIVEN];
    size_t n = 0;
    if (request->body)
        headers[n++] = (struct http_header){"Content-Type", type};
    if (request->idempotency_key)
        headers[n++] = (struct http_header){"Idempotency-Key", request->idempotency_key};
    const struct http_outgoing out = {
        .method = request->method,
        .headers = headers,
        .n_headers = n,
        .body = request->body,
        .body_len = request->len,
        .flags = request->is_repeatable ? 0 : HTTP_ONCE,
        .timeout_ms = request->timeout_ms,
        .max_body_bytes = ANSWER_MOST,
    };
    return ask(c, &out, request->path, ret_answer);
}

int api_client_ask(struct api_client *c, const char *method, const char *path, const char *body, size_t len,
                   int64_t timeout_ms, struct api_answer *ret_answer)
{
    const struct api_request request = {
        .method = method,
        .path = path,
        .body = body,
        .len = len,
        .timeout_ms = timeout_ms,
        .is_repeatable = strcmp(method, "GET") == 0,
    };
    return api_client_send(c, &request, ret_answer);
}

bool api_client_was_sent(const struct api_client *c)
{
    return c->was_sent;
}

int api_client_fetch(struct api_client *c, const char *path, int64_t timeout_ms, http_data_fn fn, void *arg,
                     struct api_answer *ret_answer)
{
    const struct http_outgoing out = {
        .method = "GET",
        .timeout_ms = timeout_ms,
        .max_body_bytes = ANSWER_MOST,
        .data_fn = fn,
        .data_arg = arg,
    };
    return ask(c, &out, path, ret_answer);
}

static bool on_piece(const char *data, size_t len, void *arg)
{
    struct exchange *x = arg;
    x->heard_us = clock_mono_us();
    return x->fn(data, len, x->arg);
}

/* ERR_UNAVAILABLE where too long a time passed without a byte. */
static int wait_for_end(struct exchange *x, int64_t quiet_ms)
{
    struct api_client *c = x->client;
    for (;;) {
        int64_t left_ms = quiet_ms - (clock_mono_us() - x->heard_us) / 1000;
        if (left_ms <= 0) {
            snprintf(c->problem, sizeof c->problem, "nothing came for %lld s", (long long)(quiet_ms / 1000));
            return ERR_UNAVAILABLE;
        }
        int rc = session_wait(c->session, &x->is_done, left_ms);
        if (rc != ERR_TIMEOUT || session_signal(c->session) != 0)
            return rc;
    }
}

int api_client_follow(struct api_client *c, const char *path, const char *last_event_id, int64_t quiet_ms,
                      http_data_fn fn, void *arg, struct api_answer *ret_answer)
{
    struct exchange x = {.client = c, .heard_us = clock_mono_us(), .fn = fn, .arg = arg};
    const struct http_header header = {"Last-Event-ID", last_event_id};
    const struct http_outgoing out = {
        .method = "GET",
        .headers = &header,
        .n_headers = last_event_id[0] ? 1 : 0,
        .timeout_ms = FOLLOW_MS,
        .max_body_bytes = ANSWER_MOST,
        .data_fn = on_piece,
        .data_arg = &x,
    };
    snprintf(c->problem, sizeof c->problem, "the request cannot be sent");
    int rc = c->http ? send_request(&x, &out, path) : ERR_NOMEM;
    if (rc == 0)
        rc = wait_for_end(&x, quiet_ms);
    if (rc != 0)
        return drop(c) != 0 ? ERR_NOMEM : rc;
    if (x.rc == 0)
        *ret_answer = x.answer;
    return x.rc;
}

const char *api_client_problem(const struct api_client *c)
{
    return c->problem;
}

void api_client_complain(const struct api_client *c)
{
    out_complain("the producer at %s does not answer: %s", conf_str(session_conf(c->session), "url"), c->problem);
}

/* ---- answers ---- */

void api_answer_clear(struct api_answer *answer)
{
    cJSON_Delete(answer->body);
    answer->body = NULL;
}

bool api_answer_is(const struct api_answer *answer, int status)
{
    return answer->status == status && cJSON_IsObject(answer->body);
}

static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

const char *api_answer_text(const struct api_answer *answer, const char *name)
{
    return text_of(answer->body, name);
}

/* Values as people read them: texts and numbers, lists of them with commas. */
static void tell_detail(const cJSON *detail)
{
    struct buf text;
    const cJSON *item = cJSON_IsArray(detail) ? detail->child : detail;
    buf_init(&text, 4096);
    int rc = 0;
    for (bool is_first = true; item && rc == 0; is_first = false) {
        if (!is_first)
            rc = buf_append_str(&text, ", ");
        if (rc == 0)
            rc = cJSON_IsString(item) ? buf_append_str(&text, item->valuestring) : json_print(item, &text);
        item = cJSON_IsArray(detail) ? item->next : NULL;
    }
    out_note("  %s: %s", detail->string, buf_str(&text));
    buf_free(&text);
}

#define PLACE_CAP 512

static void name_place(const char *path, char ret[PLACE_CAP], api_place_fn place_fn, void *arg)
{
    if (place_fn)
        place_fn(path, ret, PLACE_CAP, arg);
    else
        snprintf(ret, PLACE_CAP, "%s", path);
}

void api_answer_warnings(const struct api_answer *answer, api_place_fn place_fn, void *arg)
{
    const cJSON *warnings = cJSON_GetObjectItemCaseSensitive(answer->body, "warnings"), *warning;
    int n = 0, total = cJSON_GetArraySize(warnings);
    cJSON_ArrayForEach(warning, warnings)
    {
        char place[PLACE_CAP];
        if (n++ == WARNINGS_TOLD) {
            out_note("and %d warnings more", total - WARNINGS_TOLD);
            break;
        }
        name_place(text_of(warning, "path"), place, place_fn, arg);
        out_note("warning: %s%s%s", place, place[0] ? " " : "", text_of(warning, "message"));
    }
}

static void tell_field(const cJSON *field, api_place_fn place_fn, void *arg)
{
    char place[PLACE_CAP];
    name_place(field->string, place, place_fn, arg);
    const cJSON *text;
    cJSON_ArrayForEach(text, field)
    {
        if (cJSON_IsString(text))
            out_note("  %s: %s", place, text->valuestring);
    }
}

static void tell_details(const cJSON *details, api_place_fn place_fn, void *arg)
{
    const cJSON *detail, *field;
    cJSON_ArrayForEach(detail, details)
    {
        if (strcmp(detail->string, "fieldErrors") != 0 && strcmp(detail->string, "more") != 0)
            tell_detail(detail);
    }
    cJSON_ArrayForEach(field, cJSON_GetObjectItemCaseSensitive(details, "fieldErrors"))
    {
        tell_field(field, place_fn, arg);
    }
    const cJSON *more = cJSON_GetObjectItemCaseSensitive(details, "more");
    if (cJSON_IsNumber(more))
        out_note("  and %.0f more", more->valuedouble);
}

void api_answer_refusal(const struct api_answer *answer, bool as_json, api_place_fn place_fn, void *arg)
{
    const char *error = text_of(answer->body, "error"), *code = text_of(answer->body, "code");
    const char *message = text_of(answer->body, "message");
    if (!error[0])
        out_complain("an answer that makes no sense (%d): is --url a Carillon producer?", answer->status);
    else
        out_complain("the producer refuses (%d%s%s): %s%s%s", answer->status, code[0] ? " " : "", code, error,
                     message[0] ? ". " : "", message);
    const cJSON *details = cJSON_GetObjectItemCaseSensitive(answer->body, "details");
    if (cJSON_IsObject(details))
        tell_details(details, place_fn, arg);
    if (as_json && answer->body)
        (void)!out_json(answer->body);
}
