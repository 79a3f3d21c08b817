/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/receiver/platform.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "common/base/parse.h"

#define REQUEST_MOST 65536 /* bytes, headers and body */
#define ANSWER_MOST 65536
#define BACKLOG 4096

static const char create_line[] = "POST /v2/create-phone-call ";
static const char get_line[] = "GET /v2/get-call/";
static const char figures_line[] = "GET /figures ";
static const char metadata_name[] = "\"metadata\":";

struct client {
    TAILQ_ENTRY(client) link;
    struct platform *platform;
    struct bufferevent *stream;
    struct event *later; /* NULL: answers at once */
    size_t requests;
};
TAILQ_HEAD(client_list, client);

struct platform {
    struct event_base *base;
    struct platform_config config;
    struct calls *calls;
    struct evconnlistener *listener;
    struct client_list clients;
    size_t connections, kept; /* accepted; creates that were not the first request of theirs */
    size_t open, most_open; /* connections */
    size_t resumed; /* TLS handshakes that needed no certificate */
    size_t gets;
    struct buf answer; /* scratch */
};

static void client_free(struct client *client)
{
    client->platform->open--;
    TAILQ_REMOVE(&client->platform->clients, client, link);
    if (client->later)
        event_free(client->later);
    bufferevent_free(client->stream);
    free(client);
}

/* ---- answering ---- */

static int answer(struct client *client, int status)
{
    struct evbuffer *out = bufferevent_get_output(client->stream);
    const struct buf *body = &client->platform->answer;
    const char *reason = status == 201 ? "Created" : status == 200 ? "OK" : "Not Found";
    int added =
        evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                            status, reason, buf_len(body));
    return added > 0 && evbuffer_add(out, buf_str(body), buf_len(body)) == 0 ? 0 : ERR_NOMEM;
}

/* The JSON object behind "metadata": to its brace. The bench's metadata have no brace in a text. */
static int find_metadata(const char *body, size_t len, const char **ret_text, size_t *ret_len)
{
    const char *at = memmem(body, len, metadata_name, sizeof metadata_name - 1), *end = body + len;
    if (!at)
        return ERR_INVALID;
    at += sizeof metadata_name - 1;
    size_t depth = 0;
    for (const char *c = at; c < end; c++) {
        depth += *c == '{';
        if (*c == '}' && --depth == 0) {
            *ret_text = at;
            *ret_len = (size_t)(c + 1 - at);
            return 0;
        }
    }
    return ERR_INVALID;
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
    struct client *client = arg;
    (void)fd;
    (void)what;
    bufferevent_enable(client->stream, EV_WRITE);
}

/* What is to be sent waits for a while. */
static int hold_back(struct client *client)
{
    const struct platform *p = client->platform;
    const struct timeval delay = {.tv_sec = p->config.answer_ms / 1000, .tv_usec = p->config.answer_ms % 1000 * 1000};
    if (!client->later)
        client->later = evtimer_new(p->base, on_later, client);
    bufferevent_disable(client->stream, EV_WRITE);
    return client->later && event_add(client->later, &delay) == 0 ? 0 : ERR_NOMEM;
}

static int place_call(struct client *client, const char *body, size_t len)
{
    struct platform *p = client->platform;
    const char *metadata;
    size_t metadata_len, number;
    int rc = find_metadata(body, len, &metadata, &metadata_len);
    if (rc == 0)
        rc = calls_add(p->calls, metadata, metadata_len, &number);
    if (rc == 0)
        rc = calls_show(p->calls, number, CALL_REGISTERED, &p->answer);
    if (rc == 0)
        rc = answer(client, 201);
    if (rc != 0)
        return rc;
    p->kept += client->requests > 1;
    p->config.placed_fn(number, p->config.placed_arg);
    return p->config.answer_ms > 0 ? hold_back(client) : 0;
}

/* `id` ends with a space, or with the headers at `end`. */
static int show_call(struct client *client, const char *id, const char *end)
{
    struct platform *p = client->platform;
    const char *space = memchr(id, ' ', (size_t)(end - id));
    size_t number;
    p->gets++;
    int rc = calls_find(p->calls, id, (size_t)((space ? space : end) - id), &number);
    if (rc == 0)
        rc = calls_show(p->calls, number, CALL_ANALYZED, &p->answer);
    return rc == 0 || rc == ERR_NOT_FOUND ? answer(client, rc == 0 ? 200 : 404) : rc;
}

static int show_figures(struct client *client)
{
    struct platform *p = client->platform;
    int rc = buf_printf(&p->answer,
                        "{\"calls\":%zu,\"middle_us\":%lld,\"connections\":%zu,\"kept\":%zu,\"most_open\":%zu,"
                        "\"resumed\":%zu,\"gets\":%zu}\n",
                        calls_count(p->calls), (long long)calls_middle_us(p->calls), p->connections, p->kept,
                        p->most_open, p->resumed, p->gets);
    return rc == 0 ? answer(client, 200) : rc;
}

/* ---- requests ---- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static int serve(struct client *client, const char *head, const char *body, size_t body_len)
{
    client->requests++;
    buf_clear(&client->platform->answer);
    if (begins(head, create_line))
        return place_call(client, body, body_len);
    if (begins(head, get_line))
        return show_call(client, head + sizeof get_line - 1, body);
    if (begins(head, figures_line))
        return show_figures(client);
    return answer(client, 404);
}

/* ERR_INVALID where the headers name a length that is none. */
static int body_length(const char *head, const char *end, size_t *ret_len)
{
    static const char name[] = "\r\ncontent-length: ";
    *ret_len = 0;
    for (const char *at = head; (at = memchr(at, '\r', (size_t)(end - at))); at++) {
        if ((size_t)(end - at) < sizeof name || strncasecmp(at, name, sizeof name - 1) != 0)
            continue;
        uint64_t len;
        const char *digits = at + sizeof name - 1;
        int rc = parse_u64(digits, strspn(digits, "0123456789"), REQUEST_MOST, &len);
        *ret_len = (size_t)len;
        return rc;
    }
    return 0;
}

/* Serves the first request in `in`, once it is there whole. */
static int serve_next(struct client *client, struct evbuffer *in, bool *ret_is_served)
{
    size_t len = evbuffer_get_length(in), body_len;
    *ret_is_served = false;
    if (len == 0)
        return 0;
    const char *head = (const char *)evbuffer_pullup(in, -1);
    const char *end = head ? memmem(head, len, "\r\n\r\n", 4) : NULL;
    if (!end)
        return head && len < REQUEST_MOST ? 0 : ERR_INVALID;
    const char *body = end + 4;
    int rc = body_length(head, body, &body_len);
    if (rc != 0 || len - (size_t)(body - head) < body_len)
        return rc;
    rc = serve(client, head, body, body_len);
    if (rc == 0 && evbuffer_drain(in, (size_t)(body - head) + body_len) != 0)
        rc = ERR_NOMEM;
    *ret_is_served = rc == 0;
    return rc;
}

static void on_read(struct bufferevent *stream, void *arg)
{
    struct client *client = arg;
    bool is_served = true;
    int rc = 0;
    while (rc == 0 && is_served)
        rc = serve_next(client, bufferevent_get_input(stream), &is_served);
    if (rc != 0)
        client_free(client);
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
    struct client *client = arg;
    if (what & BEV_EVENT_CONNECTED)
        client->platform->resumed += SSL_session_reused(bufferevent_openssl_get_ssl(stream)) == 1;
    else
        client_free(client);
}

/* ---- connections ---- */

static struct bufferevent *open_stream(const struct platform *p, evutil_socket_t fd)
{
    if (!p->config.tls)
        return bufferevent_socket_new(p->base, fd, BEV_OPT_CLOSE_ON_FREE);
    SSL *ssl = SSL_new(p->config.tls);
    return ssl ? bufferevent_openssl_socket_new(p->base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE)
               : NULL;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from, int len, void *arg)
{
    struct platform *p = arg;
    static const int on = 1;
    (void)listener;
    (void)from;
    (void)len;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct client *client = calloc(1, sizeof *client);
    struct bufferevent *stream = client ? open_stream(p, fd) : NULL;
    if (!stream) {
        free(client);
        evutil_closesocket(fd);
        return;
    }
    client->platform = p;
    client->stream = stream;
    TAILQ_INSERT_TAIL(&p->clients, client, link);
    p->connections++;
    p->open++;
    p->most_open = p->open > p->most_open ? p->open : p->most_open;
    bufferevent_setcb(stream, on_read, NULL, on_event, client);
    bufferevent_enable(stream, EV_READ | EV_WRITE);
}

int platform_create(struct event_base *base, const struct platform_config *config, struct calls *calls,
                    struct platform **ret_platform)
{
    struct platform *p = calloc(1, sizeof *p);
    if (!p)
        return ERR_NOMEM;
    *p = (struct platform){.base = base, .config = *config, .calls = calls};
    TAILQ_INIT(&p->clients);
    buf_init(&p->answer, ANSWER_MOST);
    const struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE;
    p->listener = evconnlistener_new_bind(base, on_accept, p, flags, BACKLOG, (const struct sockaddr *)&at, sizeof at);
    if (!p->listener) {
        platform_free(p);
        return ERR_IO;
    }
    *ret_platform = p;
    return 0;
}

void platform_free(struct platform *p)
{
    if (!p)
        return;
    for (struct client *client = TAILQ_FIRST(&p->clients), *next; client; client = next) {
        next = TAILQ_NEXT(client, link);
        client_free(client);
    }
    if (p->listener)
        evconnlistener_free(p->listener);
    buf_free(&p->answer);
    free(p);
}

unsigned platform_port(const struct platform *p)
{
    struct sockaddr_in at = {.sin_port = 0};
    socklen_t len = sizeof at;
    int rc = getsockname(evconnlistener_get_fd(p->listener), (struct sockaddr *)&at, &len);
    return rc == 0 ? ntohs(at.sin_port) : 0;
}
