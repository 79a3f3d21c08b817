/* SPDX-License-Identifier: Apache-2.0
 *
 * libmicrohttpd runs without a thread of its own: its epoll descriptor is watched by our loop, its next timeout is a
 * timer of ours. What it does not have is added here: absolute deadlines (its own timeout starts again with every
 * byte), and answers of any time (it is suspended meanwhile). See docs/decisions/0001-http-server.md.
 */
#include "common/http/server.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/parse.h"
#include "common/http/request.h"

/* So many of all connections, or none of a few, are kept free by closing those that ask for nothing. */
#define SPARE_SHARE 32u
/* Holds the headers twice (as read, and as a list) and what is read of the body or written of the answer at a time. */
#define CONNECTION_MEMORY ((size_t)(3 * LIMIT_HTTP_HEADER_BYTES))
#define LISTEN_BACKLOG 511
#define TIMEOUT_MAX_MS 3600000u
/* libmicrohttpd wants to be run again at once as long as it holds bytes of a client. Where they fill what it has for
 * them and mean nothing yet (the line of a chunk without an end), it goes on to want that until the deadline. */
#define IDLE_RUNS_MOST 64u
#define IDLE_PAUSE_US 10000

/* ---- connections ---- */

/* Runs libmicrohttpd as soon as the callbacks of now are done; never from inside one of its own. */
static void run_soon(struct http_server *s)
{
    loop_timer_arm_us(s->run, 0);
}

void connection_sleep(struct connection *c)
{
    if (c->request->is_suspended)
        return;
    c->request->is_suspended = true;
    MHD_suspend_connection(c->mhd);
}

void connection_wake(struct connection *c)
{
    if (!c->request->is_suspended)
        return;
    c->request->is_suspended = false;
    MHD_resume_connection(c->mhd);
    run_soon(c->server);
}

/* Bytes in place of an end are the client's next request: it has to wait, and is not looked at again. */
static void on_peer(int fd, unsigned ready, void *arg)
{
    struct connection *c = arg;
    (void)fd;
    (void)ready;
    connection_ignore_peer(c);
    if (!request_peer_has_ended(c->request))
        return;
    c->request->state = REQUEST_BROKEN;
    connection_wake(c);
}

void connection_watch_peer(struct connection *c)
{
    /* Without it the client's end is noticed when something is written: that is soon enough where memory is short. */
    if (c->peer == NULL)
        (void)!loop_fd_create(c->server->loop, c->fd, LOOP_READ, on_peer, c, &c->peer);
    else
        (void)!loop_fd_watch(c->peer, LOOP_READ);
}

void connection_ignore_peer(struct connection *c)
{
    loop_fd_free(c->peer);
    c->peer = NULL;
}

void connection_expect_body(struct connection *c)
{
    const struct http_route *row = c->request->match.route;
    int64_t deadline_ms = row != NULL && row->deadline_ms > 0 ? row->deadline_ms : c->server->bounds.body_ms;
    loop_timer_arm_us(c->deadline, deadline_ms * 1000);
}

void connection_expect_taken(struct connection *c, bool has_something)
{
    if (has_something)
        loop_timer_arm_us(c->deadline, c->server->bounds.answer_ms * 1000);
    else
        loop_timer_disarm(c->deadline);
}

void connection_expect_end(struct connection *c)
{
    c->is_cut = true;
    loop_timer_arm_us(c->deadline, 0);
}

void connection_reset(struct connection *c)
{
    /* On Linux dissolving the association aborts the connection (tcp(7), RFC 9293 section 3.10.5). */
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    if (connect(c->fd, &nobody, sizeof nobody) < 0)
        shutdown(c->fd, SHUT_RDWR);
    run_soon(c->server);
}

/* Nothing of an answer has been written while a request is read, so these bytes are the answer. Its id is known once
 * its headers are. */
static void say_too_late(const struct connection *c)
{
    static const char answer[] = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n";
    char text[sizeof answer + sizeof "X-Request-Id: \r\n\r\n" + LIMIT_ID_LEN];
    bool has_id = c->request != NULL && c->request->id[0] != '\0';
    int len = snprintf(text, sizeof text, "%s%s%s%s\r\n", answer, has_id ? "X-Request-Id: " : "",
                       has_id ? c->request->id : "", has_id ? "\r\n" : "");
    ssize_t sent = send(c->fd, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)sent; /* the connection is cut either way */
}

static void on_deadline(void *arg)
{
    struct connection *c = arg;
    struct http_request *req = c->request;
    if (c->is_cut && req != NULL && req->is_paused) {
        /* What libmicrohttpd holds is handed over when the handler goes on. */
        loop_timer_arm_us(c->deadline, c->server->bounds.body_ms * 1000);
        return;
    }
    bool is_reading = req == NULL || req->state == REQUEST_READING || req->state == REQUEST_DRAINING;
    if (is_reading && !c->is_cut)
        say_too_late(c);
    if (req != NULL)
        req->state = REQUEST_BROKEN;
    shutdown(c->fd, SHUT_RDWR);
    if (req != NULL)
        connection_wake(c);
    run_soon(c->server);
}

/* Whether only its client keeps it open: it asks for nothing, or was refused and goes on to send. */
static bool is_idle(const struct connection *c)
{
    return !c->is_leaving && (c->request == NULL || c->request->state == REQUEST_DRAINING);
}

/* Anybody can open connections: where they use up all but a few, the one that has asked for nothing for longest goes,
 * so that who asks for something is let in. */
static void make_room(struct http_server *s)
{
    unsigned spare = s->bounds.connections / SPARE_SHARE;
    struct connection *longest = NULL;
    if (spare == 0 || s->n_connections - s->n_leaving <= s->bounds.connections - spare)
        return;
    for (struct connection *c = s->connections; c != NULL; c = c->next) {
        if (is_idle(c) && (longest == NULL || c->waits_since_us < longest->waits_since_us))
            longest = c;
    }
    if (longest == NULL)
        return;
    longest->is_leaving = true;
    s->n_leaving++;
    loop_timer_arm_us(longest->deadline, 0);
}

/* It asked for something before it was closed. */
static void stay(struct connection *c)
{
    c->server->n_leaving -= c->is_leaving;
    c->is_leaving = false;
}

static void connection_open(struct http_server *s, struct MHD_Connection *mhd, void **socket_context)
{
    int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL || loop_timer_create(s->loop, on_deadline, c, &c->deadline) < 0) {
        free(c);
        shutdown(fd, SHUT_RDWR);
        return;
    }
    c->server = s;
    c->mhd = mhd;
    c->fd = fd;
    c->next = s->connections;
    if (c->next != NULL)
        c->next->prev = c;
    s->connections = c;
    *socket_context = c;
    c->waits_since_us = clock_mono_us();
    s->n_connections++;
    loop_timer_arm_us(c->deadline, s->bounds.head_ms * 1000);
    make_room(s);
}

static void connection_close(struct connection *c)
{
    struct http_server *s = c->server;
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        s->connections = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    s->n_connections--;
    s->n_leaving -= c->is_leaving;
    loop_timer_free(c->deadline);
    free(c);
    /* At its bound of connections libmicrohttpd looks at the listening socket again only when run once more. */
    run_soon(s);
}

static void on_connection(void *arg, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *s = arg;
    s->calls++;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        connection_open(s, mhd, socket_context);
    else if (*socket_context != NULL)
        connection_close(*socket_context);
}

static struct connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

/* ---- libmicrohttpd's callbacks ---- */

/* It answers an argument of MHD_OPTION_UNESCAPE_CALLBACK: what is escaped stays so until a path is cut at its slashes.
 */
static size_t leave_escaped(void *arg, struct MHD_Connection *mhd, char *text)
{
    (void)arg;
    (void)mhd;
    return strlen(text);
}

/* libmicrohttpd would hand the returned pointer on as the request's context, which is not used. */
static void *on_first_line(void *arg, const char *uri, struct MHD_Connection *mhd)
{
    (void)arg;
    struct connection *c = connection_of(mhd);
    if (c == NULL)
        return NULL;
    c->server->calls++;
    c->started_us = clock_wall_us();
    c->target = head_read_target(uri != NULL ? uri : "");
    return NULL;
}

static enum MHD_Result send_answer(struct connection *c)
{
    loop_timer_arm_us(c->deadline, c->server->bounds.answer_ms * 1000);
    return request_send(c->request) ? MHD_YES : MHD_NO;
}

static enum MHD_Result on_head(struct connection *c, const char *url, const char *method, const char *version)
{
    stay(c);
    if (request_begin(c, url, method, version, &c->request) < 0)
        return MHD_NO;
    struct http_request *req = c->request;
    connection_expect_body(c);
    if (req->state == REQUEST_BROKEN)
        return MHD_NO;
    if (request_answers_now(req))
        return send_answer(c);
    request_look_for_end(req);
    return MHD_YES;
}

/* Called with the headers, with each piece of the body (`*len` over 0; what is left of it is given again), and with the
 * end, from then on whenever the connection is woken. An answer is taken only in the first and in the last of these. */
static enum MHD_Result on_access(void *arg, struct MHD_Connection *mhd, const char *url, const char *method,
                                 const char *version, const char *data, size_t *len, void **request_context)
{
    (void)arg;
    (void)request_context;
    struct connection *c = connection_of(mhd);
    if (c == NULL)
        return MHD_NO;
    c->server->calls++;
    if (c->request == NULL)
        return on_head(c, url, method, version);
    if (*len > 0) {
        request_take(c->request, data, len);
    } else {
        loop_timer_disarm(c->deadline);
        request_complete(c->request);
    }
    if (c->request->state == REQUEST_BROKEN)
        return MHD_NO;
    return c->request->state == REQUEST_ANSWERED ? send_answer(c) : MHD_YES;
}

static void on_completed(void *arg, struct MHD_Connection *mhd, void **request_context,
                         enum MHD_RequestTerminationCode code)
{
    (void)arg;
    (void)request_context;
    (void)code;
    struct connection *c = connection_of(mhd);
    if (c == NULL || c->request == NULL)
        return;
    struct http_request *req = c->request;
    c->server->calls++;
    request_end(req);
    c->request = NULL;
    const struct http_bounds *bounds = &c->server->bounds;
    c->waits_since_us = clock_mono_us();
    loop_timer_arm_us(c->deadline, c->is_leaving ? 0 : (bounds->idle_ms + bounds->head_ms) * 1000);
}

/* ---- the loop ---- */

static void run(struct http_server *s)
{
    uint64_t calls = s->calls;
    loop_timer_disarm(s->run);
    MHD_run(s->daemon);
    s->idle_runs = s->calls == calls ? s->idle_runs + 1 : 0;
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    if (loop_timer_is_armed(s->run) || MHD_get_timeout(s->daemon, &timeout_ms) != MHD_YES)
        return;
    if (timeout_ms > TIMEOUT_MAX_MS)
        timeout_ms = TIMEOUT_MAX_MS;
    int64_t pause_us = s->idle_runs > IDLE_RUNS_MOST ? IDLE_PAUSE_US : 0;
    loop_timer_arm_us(s->run, timeout_ms > 0 ? (int64_t)timeout_ms * 1000 : pause_us);
}

static void on_epoll(int fd, unsigned ready, void *arg)
{
    (void)fd;
    (void)ready;
    run(arg);
}

static void on_run(void *arg)
{
    run(arg);
}

/* ---- bodies that a quiesced server waits for ---- */

/* What of a refused body is thrown away is no headway. */
static void look_for_headway(struct connection *c)
{
    struct http_request *req = c->request;
    if (req == NULL || req->is_paused || (req->state != REQUEST_READING && req->state != REQUEST_DRAINING))
        return;
    if (req->headway >= 0 && req->received < (size_t)req->headway + LIMIT_HTTP_HEADWAY_BYTES)
        loop_timer_arm_us(c->deadline, 0);
    else
        req->headway = (int64_t)req->received;
}

static void on_headway(void *arg)
{
    struct http_server *s = arg;
    for (struct connection *c = s->connections; c != NULL; c = c->next)
        look_for_headway(c);
    loop_timer_arm_us(s->headway, s->bounds.headway_ms * 1000);
}

/* ---- listening ---- */

/* "host:port" or "[host]:port" in two parts. */
static int split_address(const char *listen, char host[64], char port[8])
{
    const char *colon = strrchr(listen, ':');
    if (colon == NULL || colon[1] == '\0')
        return ERR_INVALID;
    size_t len = (size_t)(colon - listen);
    bool has_brackets = len >= 2 && listen[0] == '[' && listen[len - 1] == ']';
    if (has_brackets) {
        listen++;
        len -= 2;
    }
    uint64_t number;
    if (len == 0 || len >= 64 || strlen(colon + 1) >= 8 || (!has_brackets && memchr(listen, ':', len) != NULL) ||
        parse_u64(colon + 1, strlen(colon + 1), UINT16_MAX, &number) < 0)
        return ERR_INVALID;
    memcpy(host, listen, len);
    host[len] = '\0';
    memcpy(port, colon + 1, strlen(colon + 1) + 1);
    if (strcmp(host, "localhost") == 0)
        memcpy(host, "127.0.0.1", sizeof "127.0.0.1");
    return 0;
}

static int open_socket(const struct addrinfo *address)
{
    int one = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
        (address->ai_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == 0) &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int server_listen(struct http_server *s, const char *address)
{
    char host[64];
    char port[8];
    if (split_address(address, host, port) < 0)
        return ERR_INVALID;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, port, &hints, &found) != 0)
        return ERR_INVALID;
    s->listen_fd = open_socket(found);
    freeaddrinfo(found);
    if (s->listen_fd < 0)
        return ERR_IO;
    struct sockaddr_storage own = {.ss_family = AF_UNSPEC};
    socklen_t own_len = sizeof own;
    if (getsockname(s->listen_fd, (struct sockaddr *)&own, &own_len) < 0 ||
        getnameinfo((struct sockaddr *)&own, own_len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return ERR_IO;
    snprintf(s->url, sizeof s->url, own.ss_family == AF_INET6 ? "http://[%s]:%s" : "http://%s:%s", host, port);
    return 0;
}

static struct http_bounds effective_bounds(const struct http_bounds *given)
{
    struct http_bounds b = given != NULL ? *given : (struct http_bounds){0};
    if (b.connections == 0)
        b.connections = LIMIT_HTTP_CONNECTIONS;
    if (b.idle_ms == 0)
        b.idle_ms = INT64_C(1000) * LIMIT_HTTP_IDLE_S;
    if (b.head_ms == 0)
        b.head_ms = LIMIT_HTTP_REQUEST_MS;
    if (b.body_ms == 0)
        b.body_ms = LIMIT_HTTP_REQUEST_MS;
    if (b.answer_ms == 0)
        b.answer_ms = LIMIT_HTTP_BODY_MS;
    if (b.headway_ms == 0)
        b.headway_ms = LIMIT_HTTP_HEADWAY_MS;
    return b;
}

static int server_start(struct http_server *s)
{
    unsigned idle_s = (unsigned)((s->bounds.idle_ms + 999) / 1000);
    s->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_access, s, MHD_OPTION_LISTEN_SOCKET, s->listen_fd,
        MHD_OPTION_CONNECTION_LIMIT, s->bounds.connections, MHD_OPTION_CONNECTION_TIMEOUT, idle_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, on_first_line, NULL, MHD_OPTION_END);
    if (s->daemon == NULL)
        return ERR_NOMEM;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL || info->epoll_fd < 0)
        return ERR_IO;
    int err = loop_fd_create(s->loop, info->epoll_fd, LOOP_READ, on_epoll, s, &s->epoll);
    if (err == 0)
        run_soon(s);
    return err;
}

int http_server_create_bounded(struct loop *loop, const char *listen, const struct http_bounds *bounds,
                               const struct http_route *routes, size_t n_routes, void *arg,
                               struct http_server **ret_server)
{
    struct http_server *s = calloc(1, sizeof *s);
    if (s == NULL)
        return ERR_NOMEM;
    s->loop = loop;
    s->listen_fd = -1;
    s->bounds = effective_bounds(bounds);
    int err = loop_timer_create(loop, on_run, s, &s->run);
    if (err == 0)
        err = loop_timer_create(loop, on_headway, s, &s->headway);
    if (err == 0)
        err = http_server_add_routes(s, routes, n_routes, arg);
    if (err == 0)
        err = server_listen(s, listen);
    if (err == 0)
        err = server_start(s);
    if (err < 0) {
        int saved = errno;
        http_server_free(s);
        errno = saved;
        return err;
    }
    *ret_server = s;
    return 0;
}

int http_server_create(struct loop *loop, const char *listen, const struct http_route *routes, size_t n_routes,
                       void *arg, struct http_server **ret_server)
{
    return http_server_create_bounded(loop, listen, NULL, routes, n_routes, arg, ret_server);
}

int http_server_add_routes(struct http_server *s, const struct http_route *routes, size_t n_routes, void *arg)
{
    struct http_table *t = malloc(sizeof *t);
    if (t == NULL)
        return ERR_NOMEM;
    *t = (struct http_table){.routes = routes, .n_routes = n_routes, .arg = arg, .next = s->tables};
    s->tables = t;
    return 0;
}

void http_server_on_refuse(struct http_server *s, http_refuse_fn fn, void *arg)
{
    s->refuse = fn;
    s->refuse_arg = arg;
}

const char *http_server_url(const struct http_server *s)
{
    return s->url;
}

size_t http_server_open_requests(const struct http_server *s)
{
    return s->open_requests;
}

void http_server_quiesce(struct http_server *s)
{
    if (s->is_quiesced)
        return;
    s->is_quiesced = true;
    on_headway(s);
    MHD_quiesce_daemon(s->daemon);
    close(s->listen_fd);
    s->listen_fd = -1;
}

/* libmicrohttpd panics where it is stopped with suspended connections. */
static void wake_all(struct http_server *s)
{
    for (struct connection *c = s->connections; c != NULL; c = c->next) {
        if (c->request == NULL)
            continue;
        c->request->state = REQUEST_BROKEN;
        connection_wake(c);
    }
}

void http_server_free(struct http_server *s)
{
    if (s == NULL)
        return;
    loop_fd_free(s->epoll);
    if (s->daemon != NULL) {
        http_server_quiesce(s);
        wake_all(s);
        MHD_stop_daemon(s->daemon);
    }
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    loop_timer_free(s->run);
    loop_timer_free(s->headway);
    while (s->tables != NULL) {
        struct http_table *next = s->tables->next;
        free(s->tables);
        s->tables = next;
    }
    free(s);
}
