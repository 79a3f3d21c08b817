/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP server of every process, on the process's own loop. Requests are matched against a table of routes; a body
 * is either gathered (bounded) or handed over as it arrives, with back-pressure. A handler may answer at once or later,
 * from any callback of the loop. Bounds: connections, header bytes, body bytes, idle time and an absolute deadline per
 * request, each in limits.h.
 */
#ifndef CARILLON_HTTP_SERVER_H
#define CARILLON_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/loop/loop.h"

struct http_server;
struct http_request;

struct http_header {
    const char *name;
    const char *value;
};

/* One row of the table. Rows and strings are borrowed for the life of the server. */
struct http_route {
    const char *method; /* "GET", "POST", ... ; a GET row answers HEAD too */
    const char *pattern; /* "/api/v1/batch/{id}/pause": {name} matches one segment; a final "{name...}" the rest */
    size_t max_body_bytes;
    int64_t deadline_ms; /* from the headers to the complete body; 0: the server's body_ms */
    size_t deadline_bytes; /* not 0: the deadline begins anew with each so many bytes of the body, and where the handler
                            * reads on after a pause */

    /* Optional: the headers are in, the body is not. May answer already (401, 413): then the rest of the body is
     * dropped and no further callback but on_gone comes. The same holds for an answer from on_body, or from any other
     * callback of the loop while the body arrives. */
    void (*on_headers)(struct http_request *req, void *arg);
    /* NULL: the body is gathered and read with http_request_body() in on_complete. Otherwise called for each piece. */
    void (*on_body)(struct http_request *req, const char *data, size_t len, void *arg);
    /* The request is complete. Must answer, now or later. */
    void (*on_complete)(struct http_request *req, void *arg);
    /* Optional: called exactly once for each request that this row took, when it is over: answered, its client gone, or
     * cut at a deadline; also where no other callback was called (`attached` is then NULL). `req` is invalid after it;
     * release what was attached. Whoever holds `req` for a late answer must forget it here. A client that goes away
     * while its answer is being prepared is noticed when the answer is given. */
    void (*on_gone)(struct http_request *req, void *arg);
};

/* The bounds of a server; 0 stands for the value in limits.h. Where all but a thirty-second of the connections are
 * used up, each new one closes the one that has asked for nothing for longest; at the bound new ones wait in the
 * kernel's queue until one ends. */
struct http_bounds {
    unsigned connections; /* LIMIT_HTTP_CONNECTIONS */
    int64_t idle_ms; /* LIMIT_HTTP_IDLE_S: in whole seconds, rounded up; nothing is sent or taken */
    int64_t head_ms; /* LIMIT_HTTP_REQUEST_MS: for the headers, from the accept, or from idle_ms after an answer */
    int64_t body_ms; /* LIMIT_HTTP_REQUEST_MS: from the headers to the complete body, where its row does not say */
    int64_t answer_ms; /* LIMIT_HTTP_BODY_MS: for the client to take the answer */
    int64_t headway_ms; /* LIMIT_HTTP_HEADWAY_MS: quiesced, for each LIMIT_HTTP_HEADWAY_BYTES of a body */
};

/* Listens on "host:port" ("127.0.0.1:8080", "localhost:8080", "[::1]:8080"; names are not looked up; port 0 lets the
 * system choose). `arg` goes to every callback. Rows are tried in order: the first that fits path and method wins.
 * ERR_INVALID for a bad address, ERR_IO where it cannot be bound (errno says why). */
int http_server_create(struct loop *loop, const char *listen, const struct http_route *routes, size_t n_routes,
                       void *arg, struct http_server **ret_server) MUST_CHECK;
/* The same with bounds of its own. */
int http_server_create_bounded(struct loop *loop, const char *listen, const struct http_bounds *bounds,
                               const struct http_route *routes, size_t n_routes, void *arg,
                               struct http_server **ret_server) MUST_CHECK;
/* Adds another table with an argument of its own, matched before the ones already there. */
int http_server_add_routes(struct http_server *s, const struct http_route *routes, size_t n_routes,
                           void *arg) MUST_CHECK;
/* "http://127.0.0.1:43217": what it listens on. Borrowed. */
const char *http_server_url(const struct http_server *s);
/* Stops accepting; requests under way go on, and each answer from now on ends its connection. A request whose body
 * makes no headway any more, or that is answered but for a body that is thrown away, is cut as at its deadline. */
void http_server_quiesce(struct http_server *s);
/* Requests that are not over: unanswered, or their answer still on its way. */
size_t http_server_open_requests(const struct http_server *s);
/* Ends every connection (on_gone is called for each request) and frees. Not from inside a handler. Accepts NULL. */
void http_server_free(struct http_server *s);

/* ---- reading a request; everything is borrowed until on_gone ---- */
const char *http_request_method(const struct http_request *req);
/* As it was sent, without the query. */
const char *http_request_path(const struct http_request *req);
/* A {name} of the pattern, decoded, not empty (a {name...} may be); NULL where the pattern has none of that name. */
const char *http_request_param(const struct http_request *req, const char *name);
/* A query argument, decoded; NULL where absent; "" where it has no value; the first where it was given twice. */
const char *http_request_query(const struct http_request *req, const char *name);
/* The names of the query's arguments, decoded, in their order and as often as they were given. NULL behind the last. */
const char *http_request_query_name(const struct http_request *req, size_t index);
/* A header, by case-insensitive name; NULL where absent. */
const char *http_request_header(const struct http_request *req, const char *name);
/* The declared length of the body, or -1 where none was declared. */
int64_t http_request_content_length(const struct http_request *req);
const char *http_request_body(const struct http_request *req, size_t *ret_len);
/* The id in answers and logs: the client's X-Request-Id where it is an identifier, one of ours otherwise. */
const char *http_request_id(const struct http_request *req);
/* clock_wall_us() when the request's first line had been read, before its headers and body. */
int64_t http_request_started_us(const struct http_request *req);

/* ---- state of the handler's own ---- */
void http_request_attach(struct http_request *req, void *state);
void *http_request_attached(const struct http_request *req);

/* ---- answering ---- */
/* Stops reading the body until http_request_resume(). In on_headers, or in on_body. The piece that was handed over
 * last counts as taken. The route's deadline goes on. */
void http_request_pause(struct http_request *req);
void http_request_resume(struct http_request *req);
/* Answers; headers and body are copied. Content-Length, Date and X-Request-Id are added (Allow, too, with a 405 of the
 * server's own finding); `content_type` NULL where the body is empty. A second answer to the same request is ignored.
 * ERR_NOMEM, or ERR_INVALID for a header that cannot be sent: the connection is closed instead of answered. */
int http_request_reply(struct http_request *req, int status, const char *content_type,
                       const struct http_header *headers, size_t n_headers, const void *body, size_t len);
/* Begins an answer whose body comes in pieces, as long as it may be. `on_room` is called when the first piece is
 * wanted, and again whenever the client has taken all that was written: it writes more, or ends the body, now or later.
 * It is not called where no body is wanted (HEAD). Headers and errors as with http_request_reply(). The client has the
 * bound of an answer for each stretch that it takes, not for the whole; while nothing is there to take it has all the
 * time there is, and its leaving is noticed at once. */
typedef void (*http_room_fn)(struct http_request *req, void *arg);
int http_request_stream(struct http_request *req, int status, const char *content_type,
                        const struct http_header *headers, size_t n_headers, http_room_fn on_room, void *arg);
/* Adds to the body; copied. ERR_NOMEM also where over LIMIT_HTTP_STREAM_BYTES wait for the client: then nothing of it
 * is added. */
int http_request_write(struct http_request *req, const void *data, size_t len) MUST_CHECK;
/* How much of what was written the client has yet to take, as far as the server knows. */
size_t http_request_waiting(const struct http_request *req);
/* Ends the body. Where it is not whole the connection breaks, so that the client sees that. */
void http_request_finish(struct http_request *req, bool is_whole);
/* From now on the client has `within_ms` each time to take something, instead of what the server gives; then it is cut.
 * For answers in pieces whose end is written. */
void http_request_hurry(struct http_request *req, int64_t within_ms);
bool http_request_is_answered(const struct http_request *req);
/* Ends the connection with a TCP reset in place of an answer, on_gone follows: for programs that play a failing peer.
 */
void http_request_reset(struct http_request *req);

/* Called for what no route takes and for limits met, so that a process can answer in its own error format. It must
 * answer at once. status is 404, 405 (`detail` lists the methods allowed), 413 (`detail` is the limit in bytes), or
 * 400, 414, 417, 431, 501 (`detail` says why). NULL: a plain text answer. A deadline that passes is answered by the
 * server itself, with an empty 408, before it cuts the connection; what libmicrohttpd cannot read at all gets its own
 * 400, 413, 414, 431 or 505, or no answer. */
typedef void (*http_refuse_fn)(struct http_request *req, int status, const char *detail, void *arg);
void http_server_on_refuse(struct http_server *s, http_refuse_fn fn, void *arg);

#endif
