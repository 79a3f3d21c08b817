/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "common/base/ident.h"
#include "common/base/parse.h"

#define REQUEST_ID_RANDOM 20

/* ---- what the headers say ---- */

static int64_t declared_length(const struct http_request *req)
{
    const char *text = http_request_header(req, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t length;
    if (text == NULL)
        return -1;
    /* libmicrohttpd has seen that it is a number; it counts further than we do. */
    return parse_u64(text, strlen(text), INT64_MAX, &length) == 0 ? (int64_t)length : INT64_MAX;
}

static int choose_id(struct http_request *req)
{
    const char *given = http_request_header(req, "X-Request-Id");
    if (given != NULL && ident_is_valid(given, strlen(given), LIMIT_ID_LEN)) {
        memcpy(req->id, given, strlen(given) + 1);
        return 0;
    }
    return ident_make_random("req_", REQUEST_ID_RANDOM, req->id, sizeof req->id);
}

/* A proxy may send the absolute form (RFC 9112 section 3.2.2): what counts is the path behind the authority. */
static const char *origin_form(const char *url)
{
    static const char scheme[] = "http://";
    if (strncasecmp(url, scheme, sizeof scheme - 1) != 0)
        return url;
    const char *path = strchr(url + sizeof scheme - 1, '/');
    return path != NULL ? path : "/";
}

struct query_reader {
    struct http_request *req;
    size_t cap;
    int err;
};

static enum MHD_Result take_query_arg(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    struct query_reader *r = arg;
    struct http_request *req = r->req;
    if (req->n_query == r->cap) {
        size_t cap = r->cap == 0 ? 8 : 2 * r->cap;
        struct query_arg *grown = realloc(req->query, cap * sizeof *grown);
        if (grown == NULL) {
            r->err = ERR_NOMEM;
            return MHD_NO;
        }
        req->query = grown;
        r->cap = cap;
    }
    struct query_arg *q = &req->query[req->n_query++];
    q->name = strdup(name);
    q->value = strdup(value != NULL ? value : "");
    if (q->name == NULL || q->value == NULL)
        r->err = ERR_NOMEM;
    else if (http_percent_decode(q->name) < 0 || http_percent_decode(q->value) < 0)
        r->err = ERR_INVALID;
    return r->err == 0 ? MHD_YES : MHD_NO;
}

static int read_query(struct http_request *req)
{
    struct query_reader r = {.req = req, .cap = 0, .err = 0};
    MHD_get_connection_values(req->connection->mhd, MHD_GET_ARGUMENT_KIND, take_query_arg, &r);
    return r.err;
}

/* ---- refusing ---- */

static void refuse(struct http_request *req, int status, const char *detail)
{
    struct http_server *s = req->connection->server;
    if (s->refuse != NULL)
        s->refuse(req, status, detail, s->refuse_arg);
    if (http_request_is_answered(req))
        return;
    char text[160];
    int len = snprintf(text, sizeof text, "%d%s%s\n", status, detail[0] != '\0' ? ": " : "", detail);
    size_t text_len = len < 0 ? 0 : (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
    if (http_request_reply(req, status, "text/plain; charset=utf-8", NULL, 0, text, text_len) < 0)
        req->state = REQUEST_BROKEN;
}

static void refuse_length(struct http_request *req)
{
    char limit[24];
    snprintf(limit, sizeof limit, "%zu", req->match.route->max_body_bytes);
    refuse(req, MHD_HTTP_CONTENT_TOO_LARGE, limit);
}

/* ---- from the headers to the end ---- */

/* What can be said against the request before its row is asked. */
static int judge(struct http_request *req, const char *version)
{
    int query = read_query(req);
    int found = http_match_find(&req->match, req->connection->server->tables, req->method, req->path);
    if (query == ERR_NOMEM || found == ERR_NOMEM)
        return ERR_NOMEM;
    struct head_verdict head = head_judge(req->connection->mhd, version, &req->connection->target);
    req->is_unframed = head.is_unframed;
    if (head.status != 0)
        refuse(req, head.status, head.detail);
    else if (query < 0 || found == ERR_INVALID)
        refuse(req, MHD_HTTP_BAD_REQUEST, "malformed percent-encoding");
    else if (found == ERR_DENIED)
        refuse(req, MHD_HTTP_METHOD_NOT_ALLOWED, req->match.allow);
    else if (found < 0)
        refuse(req, MHD_HTTP_NOT_FOUND, "");
    else if (req->content_length > 0 && (uint64_t)req->content_length > req->match.route->max_body_bytes)
        refuse_length(req);
    return 0;
}

int request_begin(struct connection *c, const char *url, const char *method, const char *version,
                  struct http_request **ret_req)
{
    struct http_request *req = calloc(1, sizeof *req);
    if (req == NULL)
        return ERR_NOMEM;
    req->connection = c;
    req->state = REQUEST_READING;
    req->started_us = c->started_us;
    req->headway = -1;
    c->server->open_requests++;
    *ret_req = req;
    buf_init(&req->body, 0);
    req->method = strdup(method);
    req->path = strdup(origin_form(url));
    req->content_length = declared_length(req);
    if (req->method == NULL || req->path == NULL || choose_id(req) < 0 || judge(req, version) < 0) {
        req->state = REQUEST_BROKEN;
        return 0;
    }
    const struct http_route *row = req->match.route;
    if (req->state != REQUEST_READING)
        return 0;
    buf_init(&req->body, row->max_body_bytes);
    if (row->on_headers != NULL)
        row->on_headers(req, req->match.arg);
    return 0;
}

bool request_answers_now(const struct http_request *req)
{
    if (req->state != REQUEST_DRAINING)
        return false;
    const char *expect = http_request_header(req, MHD_HTTP_HEADER_EXPECT);
    bool waits_for_us = expect != NULL && strcasecmp(expect, "100-continue") == 0;
    return waits_for_us || req->content_length > (int64_t)LIMIT_HTTP_DROPPED_BYTES || req->is_unframed;
}

static void hand_over(struct http_request *req, const char *data, size_t len)
{
    const struct http_route *row = req->match.route;
    req->received += len;
    if (req->received > row->max_body_bytes)
        refuse_length(req);
    else if (row->on_body != NULL)
        row->on_body(req, data, len, req->match.arg);
    else if (buf_append(&req->body, data, len) < 0)
        req->state = REQUEST_BROKEN;
}

/* A body that comes along is given more time. */
static void note_progress(struct http_request *req, size_t len)
{
    size_t step = req->match.route->deadline_bytes;
    if (step > 0 && req->received / step > (req->received - len) / step && !req->connection->is_cut)
        connection_expect_body(req->connection);
}

/* The client has closed its side. libmicrohttpd, told of the last bytes and of the close by one event, looks at the
 * socket again only at the next one, which never comes. */
bool request_peer_has_ended(const struct http_request *req)
{
    char next;
    return recv(req->connection->fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Whether more of the body is to come, as far as that is known: of a chunked body libmicrohttpd may hold the rest. */
static bool wants_more(const struct http_request *req)
{
    if (req->content_length < 0)
        return http_request_header(req, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
    return req->received + req->dropped < (uint64_t)req->content_length;
}

void request_look_for_end(struct http_request *req)
{
    bool is_reading = (req->state == REQUEST_READING && !req->is_paused) || req->state == REQUEST_DRAINING;
    if (is_reading && wants_more(req) && request_peer_has_ended(req))
        connection_expect_end(req->connection);
}

void request_take(struct http_request *req, const char *data, size_t *len)
{
    /* libmicrohttpd hands over the next chunk of a chunked body although the last one suspended the connection. */
    if (req->is_suspended || req->state == REQUEST_BROKEN)
        return;
    if (req->state == REQUEST_READING && req->is_paused) {
        connection_sleep(req->connection);
        return;
    }
    if (req->state == REQUEST_READING) {
        hand_over(req, data, *len);
        note_progress(req, *len);
    } else {
        req->dropped += *len;
        if (req->dropped > LIMIT_HTTP_DROPPED_BYTES)
            req->state = REQUEST_BROKEN;
    }
    *len = 0;
    if (req->state == REQUEST_READING && req->is_paused)
        connection_sleep(req->connection);
    else
        request_look_for_end(req);
}

void request_complete(struct http_request *req)
{
    if (req->state == REQUEST_READING && !req->is_paused) {
        req->state = REQUEST_COMPLETE;
        if (req->match.route->on_complete != NULL)
            req->match.route->on_complete(req, req->match.arg);
    } else if (req->state == REQUEST_DRAINING) {
        req->state = REQUEST_ANSWERED;
    }
    if (req->state == REQUEST_COMPLETE || req->state == REQUEST_READING)
        connection_sleep(req->connection);
}

bool request_send(struct http_request *req)
{
    req->state = REQUEST_SENDING;
    return MHD_queue_response(req->connection->mhd, req->status, req->response) == MHD_YES;
}

void request_end(struct http_request *req)
{
    struct http_server *s = req->connection->server;
    if (req->match.route != NULL && req->match.route->on_gone != NULL)
        req->match.route->on_gone(req, req->match.arg);
    connection_ignore_peer(req->connection);
    s->open_requests--;
    for (size_t i = 0; i < req->n_query; i++) {
        free(req->query[i].name);
        free(req->query[i].value);
    }
    free(req->query);
    free(req->method);
    free(req->path);
    http_match_clear(&req->match);
    buf_free(&req->body);
    buf_free(&req->stream.waiting);
    if (req->response != NULL)
        MHD_destroy_response(req->response);
    free(req);
}

/* ---- reading ---- */

const char *http_request_method(const struct http_request *req)
{
    return req->method;
}

const char *http_request_path(const struct http_request *req)
{
    return req->path;
}

const char *http_request_param(const struct http_request *req, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < req->match.n_params; i++) {
        const struct http_param *p = &req->match.params[i];
        if (p->name_len == len && memcmp(p->name, name, len) == 0)
            return p->value;
    }
    return NULL;
}

const char *http_request_query(const struct http_request *req, const char *name)
{
    for (size_t i = 0; i < req->n_query; i++) {
        if (strcmp(req->query[i].name, name) == 0)
            return req->query[i].value;
    }
    return NULL;
}

const char *http_request_query_name(const struct http_request *req, size_t index)
{
    return index < req->n_query ? req->query[index].name : NULL;
}

const char *http_request_header(const struct http_request *req, const char *name)
{
    return MHD_lookup_connection_value(req->connection->mhd, MHD_HEADER_KIND, name);
}

int64_t http_request_content_length(const struct http_request *req)
{
    return req->content_length;
}

const char *http_request_body(const struct http_request *req, size_t *ret_len)
{
    *ret_len = buf_len(&req->body);
    return buf_str(&req->body);
}

const char *http_request_id(const struct http_request *req)
{
    return req->id;
}

int64_t http_request_started_us(const struct http_request *req)
{
    return req->started_us;
}

void http_request_attach(struct http_request *req, void *state)
{
    req->attached = state;
}

void *http_request_attached(const struct http_request *req)
{
    return req->attached;
}

/* ---- answering ---- */

void http_request_pause(struct http_request *req)
{
    if (req->state == REQUEST_READING)
        req->is_paused = true;
}

void http_request_resume(struct http_request *req)
{
    if (!req->is_paused)
        return;
    req->is_paused = false;
    req->headway = -1; /* till now its client was not waited for */
    if (req->match.route->deadline_bytes > 0 && !req->connection->is_cut)
        connection_expect_body(req->connection);
    connection_wake(req->connection);
}

static bool add_header(struct MHD_Response *response, const char *name, const char *value)
{
    return MHD_add_response_header(response, name, value) == MHD_YES;
}

static bool add_own_headers(const struct http_request *req, struct MHD_Response *response, int status,
                            const char *content_type)
{
    bool ok = add_header(response, "X-Request-Id", req->id);
    if (content_type != NULL)
        ok = ok && add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED && req->match.allow[0] != '\0')
        ok = ok && add_header(response, MHD_HTTP_HEADER_ALLOW, req->match.allow);
    if (req->connection->server->is_quiesced || req->is_unframed)
        ok = ok && add_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    return ok;
}

int request_answer_take(struct http_request *req, int status, const char *content_type,
                        const struct http_header *headers, size_t n_headers, struct MHD_Response *response)
{
    int err = response != NULL ? 0 : ERR_NOMEM;
    if (err == 0 && !add_own_headers(req, response, status, content_type))
        err = ERR_INVALID;
    for (size_t i = 0; err == 0 && i < n_headers; i++) {
        if (!add_header(response, headers[i].name, headers[i].value))
            err = ERR_INVALID;
    }
    if (err == 0) {
        req->state = req->state == REQUEST_READING ? REQUEST_DRAINING : REQUEST_ANSWERED;
        req->status = (unsigned)status;
        req->response = response;
    } else {
        req->state = REQUEST_BROKEN;
        if (response != NULL)
            MHD_destroy_response(response);
    }
    req->is_paused = false;
    connection_wake(req->connection);
    return err;
}

int http_request_reply(struct http_request *req, int status, const char *content_type,
                       const struct http_header *headers, size_t n_headers, const void *body, size_t len)
{
    if (http_request_is_answered(req))
        return 0;
    /* libmicrohttpd copies the content; it does not write to it. */
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
    return request_answer_take(req, status, content_type, headers, n_headers, response);
}

bool http_request_is_answered(const struct http_request *req)
{
    return req->state != REQUEST_READING && req->state != REQUEST_COMPLETE;
}

void http_request_reset(struct http_request *req)
{
    req->state = REQUEST_BROKEN;
    connection_reset(req->connection);
    connection_wake(req->connection);
}
