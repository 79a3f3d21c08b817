/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to common/http: one request on its way through the server. server.c owns the daemon and the connections and
 * calls the request_ functions; request.c holds what the handlers see.
 */
#ifndef CARILLON_HTTP_REQUEST_H
#define CARILLON_HTTP_REQUEST_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/http/head.h"
#include "common/http/route.h"
#include "common/http/server.h"
#include "common/loop/loop.h"

struct connection;

struct http_server {
    struct loop *loop;
    struct MHD_Daemon *daemon;
    int listen_fd; /* libmicrohttpd's until quiesced, ours to close after that; -1: closed */
    bool is_quiesced;
    struct loop_fd *epoll; /* libmicrohttpd's epoll descriptor */
    struct loop_timer *run; /* its next timeout, or 0 where something waits to be run */
    struct loop_timer *headway; /* quiesced: when bodies that do not come along are looked for */
    uint64_t calls; /* libmicrohttpd's, of what it was given */
    unsigned idle_runs; /* without one, one after the other */
    struct http_bounds bounds;
    struct http_table *tables;
    http_refuse_fn refuse;
    void *refuse_arg;
    struct connection *connections;
    unsigned n_connections;
    unsigned n_leaving; /* of these */
    size_t open_requests;
    char url[80];
};

/* A client's connection, from accept to close. */
struct connection {
    struct http_server *server;
    struct MHD_Connection *mhd;
    struct connection *prev;
    struct connection *next;
    int fd;
    struct loop_timer *deadline;
    int64_t started_us; /* wall clock at the first line of the request under way */
    struct head_target target; /* of the same */
    bool is_cut; /* its deadline has come because the client closed its side */
    bool is_leaving; /* it is being closed so that others find room */
    int64_t waits_since_us; /* without a request under way */
    struct loop_fd *peer; /* looks whether the client is still there, while an answer in pieces sleeps; NULL before */
    struct http_request *request; /* the one under way; NULL between requests */
};

enum request_state {
    REQUEST_READING, /* the body is arriving */
    REQUEST_DRAINING, /* answered early: the rest of the body is read and dropped, then the answer goes out */
    REQUEST_COMPLETE, /* the body is in, the answer is not */
    REQUEST_ANSWERED, /* complete and answered; libmicrohttpd has yet to take the answer */
    REQUEST_SENDING,
    REQUEST_BROKEN, /* cannot be answered: the connection is to be closed */
};

struct query_arg {
    char *name;
    char *value;
};

/* The body of an answer that comes in pieces. */
struct http_stream {
    http_room_fn on_room; /* NULL: the answer is whole */
    void *arg;
    struct buf waiting;
    size_t taken; /* of what waits, by libmicrohttpd */
    bool is_asked; /* on_room was called and nothing has come of it yet */
    bool is_finished;
    bool is_cut; /* not whole */
    int64_t within_ms; /* 0: the client has as long as the server gives */
};

struct http_request {
    struct connection *connection;
    enum request_state state;
    bool is_suspended; /* libmicrohttpd leaves it alone until resumed */
    bool is_paused; /* by the handler */
    bool is_unframed; /* see head.h: its connection ends with its answer */
    struct http_match match;
    char *method;
    char *path;
    char id[LIMIT_ID_LEN + 1];
    int64_t content_length;
    int64_t started_us;
    struct query_arg *query;
    size_t n_query;
    size_t received;
    size_t dropped;
    int64_t headway; /* what had been received at the last look for it; -1: none since the body was read on */
    struct buf body;
    struct MHD_Response *response;
    struct http_stream stream;
    unsigned status;
    void *attached;
};

/* ---- request.c, for server.c ---- */

/* Makes the request when its headers are in: reads what they say, finds the row, refuses what is over a bound, calls
 * on_headers. ERR_NOMEM: close the connection. */
int request_begin(struct connection *c, const char *url, const char *method, const char *version,
                  struct http_request **ret_req) MUST_CHECK;
/* True where the answer must go out before the body is read, at the price of the connection. */
bool request_answers_now(const struct http_request *req);
/* Notices a client that has closed its side before the end of the body. */
void request_look_for_end(struct http_request *req);
/* The client has closed its side, as far as it can be seen now. */
bool request_peer_has_ended(const struct http_request *req);
/* A piece of the body; `*len` is what is left of it afterwards. */
void request_take(struct http_request *req, const char *data, size_t *len);
/* The body is in. */
void request_complete(struct http_request *req);
/* Hands the answer to libmicrohttpd; false where it does not take it. */
bool request_send(struct http_request *req);
/* It is over: on_gone, then freed. */
void request_end(struct http_request *req);
/* Takes `response` as the answer, NULL for none, and adds the headers. ERR_NOMEM, ERR_INVALID: broken. */
int request_answer_take(struct http_request *req, int status, const char *content_type,
                        const struct http_header *headers, size_t n_headers, struct MHD_Response *response);

/* ---- server.c, for request.c ---- */

/* Keeps libmicrohttpd off the connection until connection_wake(). Only from inside its callbacks. */
void connection_sleep(struct connection *c);
void connection_wake(struct connection *c);
/* Begins the deadline of the body anew. */
void connection_expect_body(struct connection *c);
/* Gives the client time to take what is sent from now on; or all the time there is, while nothing is there to take. */
void connection_expect_taken(struct connection *c, bool has_something);
/* While libmicrohttpd is kept off the connection: notices a client that closes its side, which then counts as gone. */
void connection_watch_peer(struct connection *c);
/* Stops that. */
void connection_ignore_peer(struct connection *c);
/* The client sends nothing more: a request that is not complete after what libmicrohttpd holds is cut. */
void connection_expect_end(struct connection *c);
/* Sends a TCP reset now; what follows is the ordinary end of a broken connection. */
void connection_reset(struct connection *c);

#endif
