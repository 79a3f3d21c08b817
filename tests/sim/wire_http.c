/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/wire_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "common/base/clock.h"
#include "common/http/route.h"
#include "tests/sim/world.h"

#define HEADERS_MAX 32
#define QUERY_MAX 32
#define USUAL_WAY_US 30000
#define SLOW_WAY_US 4000000

struct query_word {
    char *name;
    char *value;
};

/* A request at its server. */
struct http_request {
    struct http_server *server;
    struct http_transfer *transfer;
    LIST_ENTRY(http_request) next;
    struct http_match match;
    char *path;
    char *query; /* cut into the words */
    struct query_word words[QUERY_MAX];
    size_t n_words;
    int64_t started_us;
    void *attached;
    bool is_answered;
    struct world_event over; /* it is answered; the handler may still have it in its hands */
};

/* What goes back. */
struct answer {
    enum http_fail fail;
    bool was_sent;
    int status;
    char *body;
    size_t body_len;
    int64_t retry_after_ms;
};

/* An exchange, from the sending until neither side needs it any more. */
struct http_transfer {
    LIST_ENTRY(http_transfer) next; /* of all in the world */
    struct http_client *client; /* NULL: nobody waits for the answer */
    http_done_fn fn;
    void *arg;
    char *method, *url, *body;
    size_t body_len;
    struct http_header headers[HEADERS_MAX];
    size_t n_headers;
    bool is_unanswered; /* its answer will be lost */
    int64_t way_us;
    int64_t sent_us;
    struct http_server *server; /* it has been found, and is about to hear of it */
    struct http_request *req;
    struct world_event arrival, handling, end, timeout;
    struct answer answer;
};

struct http_client {
    struct loop *loop;
    size_t max, in_flight;
};

struct http_server {
    LIST_ENTRY(http_server) next;
    struct loop *loop;
    struct http_table *tables;
    LIST_HEAD(requests, http_request) requests;
    http_refuse_fn refuse;
    void *refuse_arg;
    bool is_of_fleet;
    char url[80];
};

static LIST_HEAD(servers, http_server) servers = LIST_HEAD_INITIALIZER(servers);
static LIST_HEAD(transfers, http_transfer) transfers = LIST_HEAD_INITIALIZER(transfers);
static struct wire_http_weather *weather;

static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

/* ---- an exchange's end ---- */

static void transfer_free(struct http_transfer *t)
{
    LIST_REMOVE(t, next);
    world_event_disarm(&t->arrival);
    world_event_disarm(&t->handling);
    world_event_disarm(&t->end);
    world_event_disarm(&t->timeout);
    for (size_t i = 0; i < t->n_headers; i++) {
        free((char *)t->headers[i].name);
        free((char *)t->headers[i].value);
    }
    free(t->method);
    free(t->url);
    free(t->body);
    free(t->answer.body);
    free(t);
}

/* Frees it where neither the client waits nor the server works, nor will. */
static void transfer_settle(struct http_transfer *t)
{
    if (!t->client && !t->req && !world_event_is_armed(&t->arrival) && !world_event_is_armed(&t->handling))
        transfer_free(t);
}

static void client_leaves(struct http_transfer *t)
{
    t->client->in_flight--;
    t->client = NULL;
    world_event_disarm(&t->end);
    world_event_disarm(&t->timeout);
}

static void finish(struct http_transfer *t, const struct answer *answer)
{
    struct http_result result = {
        .fail = answer->fail,
        .was_sent = answer->was_sent,
        .status = answer->status,
        .body = answer->body ? answer->body : "",
        .body_len = answer->body_len,
        .retry_after_ms = answer->retry_after_ms,
        .date_ahead_ms = HTTP_NO_DATE,
        .total_us = world_now_us() - t->sent_us,
        .http_version = 11,
        .detail = answer->fail != HTTP_FAIL_NONE ? "simulated" : NULL,
    };
    http_done_fn fn = t->fn;
    void *arg = t->arg;
    client_leaves(t);
    fn(&result, arg);
    transfer_settle(t);
}

static void on_end(void *arg)
{
    struct http_transfer *t = arg;
    struct answer answer = t->answer;
    finish(t, &answer);
}

static void on_timeout(void *arg)
{
    struct http_transfer *t = arg;
    const struct answer answer = {.fail = HTTP_FAIL_TIMEOUT, .was_sent = true, .retry_after_ms = -1};
    finish(t, &answer);
}

/* The answer, or the lack of one, is on its way back. */
static void answer_sends(struct http_transfer *t, enum http_fail fail)
{
    t->answer.fail = fail;
    if (t->client)
        world_event_at(&t->end, world_now_us() + t->way_us);
}

/* ---- at the server ---- */

static void request_end(struct http_request *req)
{
    struct http_transfer *t = req->transfer;
    world_event_disarm(&req->over);
    LIST_REMOVE(req, next);
    if (req->match.route && req->match.route->on_gone)
        req->match.route->on_gone(req, req->match.arg);
    t->req = NULL;
    http_match_clear(&req->match);
    free(req->path);
    free(req->query);
    free(req);
    transfer_settle(t);
}

static void cut_query(struct http_request *req, const char *query)
{
    req->query = must(strdup(query));
    char *rest = req->query, *word;
    while (req->n_words < QUERY_MAX && (word = strsep(&rest, "&"))) {
        char *value = strchr(word, '=');
        if (value)
            *value++ = '\0';
        else
            value = word + strlen(word);
        if (http_percent_decode(word) == 0 && http_percent_decode(value) == 0)
            req->words[req->n_words++] = (struct query_word){word, value};
    }
}

static void on_over(void *arg)
{
    request_end(arg);
}

static struct http_request *request_create(struct http_server *s, struct http_transfer *t)
{
    struct http_request *req = must(calloc(1, sizeof *req));
    req->server = s;
    req->transfer = t;
    req->started_us = clock_wall_us();
    world_event_init(&req->over, s->loop, on_over, req);
    t->req = req;
    LIST_INSERT_HEAD(&s->requests, req, next);
    const char *path = strchr(strstr(t->url, "://") + 3, '/');
    path = path ? path : "/";
    size_t len = strcspn(path, "?");
    req->path = must(strndup(path, len));
    if (path[len] == '?')
        cut_query(req, path + len + 1);
    return req;
}

/* Headers, body and end come at one instant. */
static void hand_over(struct http_request *req)
{
    const struct http_route *row = req->match.route;
    const struct http_transfer *t = req->transfer;
    if (row->on_headers)
        row->on_headers(req, req->match.arg);
    if (!req->is_answered && row->on_body && t->body_len > 0)
        row->on_body(req, t->body, t->body_len, req->match.arg);
    if (!req->is_answered)
        row->on_complete(req, req->match.arg);
}

static void on_handling(void *arg)
{
    struct http_transfer *t = arg;
    struct http_request *req = request_create(t->server, t);
    int rc = http_match_find(&req->match, t->server->tables, t->method, req->path);
    if (rc != 0) {
        req->match.route = NULL;
        if (t->server->refuse)
            t->server->refuse(req, 404, "", t->server->refuse_arg);
        else
            (void)http_request_reply(req, 404, NULL, NULL, 0, NULL, 0);
    } else {
        hand_over(req);
    }
}

static bool answers_to(const struct http_server *s, const char *url)
{
    size_t len = strlen(s->url);
    if (strncmp(url, WIRE_FLEET_URL "/", sizeof WIRE_FLEET_URL) == 0)
        return s->is_of_fleet;
    return strncmp(url, s->url, len) == 0 && (url[len] == '/' || url[len] == '\0');
}

/* Any of those that answer to the URL. */
static struct http_server *find_server(const char *url)
{
    struct http_server *found = NULL;
    uint64_t n = 0;
    for (struct http_server *s = LIST_FIRST(&servers); s; s = LIST_NEXT(s, next))
        if (answers_to(s, url) && dice_next(world_dice()) % ++n == 0)
            found = s;
    return found;
}

static void on_arrival(void *arg)
{
    struct http_transfer *t = arg;
    t->server = find_server(t->url);
    if (t->server) {
        t->answer.was_sent = true;
        world_event_init(&t->handling, t->server->loop, on_handling, t);
        world_event_at(&t->handling, world_now_us());
    } else {
        answer_sends(t, HTTP_FAIL_CONNECT);
        transfer_settle(t);
    }
}

/* ---- the client ---- */

int http_client_create(struct loop *loop, size_t max_in_flight, struct http_client **ret_client)
{
    struct http_client *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    c->loop = loop;
    c->max = max_in_flight;
    *ret_client = c;
    return 0;
}

void http_client_free(struct http_client *c)
{
    if (!c)
        return;
    struct http_transfer *t, *next;
    for (t = LIST_FIRST(&transfers); t; t = next) {
        next = LIST_NEXT(t, next);
        if (t->client == c)
            http_transfer_cancel(t);
    }
    free(c);
}

size_t http_client_in_flight(const struct http_client *c)
{
    return c->in_flight;
}

void http_transfer_cancel(struct http_transfer *t)
{
    client_leaves(t);
    transfer_settle(t);
}

static struct http_transfer *transfer_create(struct http_client *c, const struct http_outgoing *out)
{
    struct http_transfer *t = must(calloc(1, sizeof *t));
    t->client = c;
    t->sent_us = world_now_us();
    t->method = must(strdup(out->method));
    t->url = must(strdup(out->url));
    t->body = must(calloc(1, out->body_len + 1));
    if (out->body_len > 0)
        memcpy(t->body, out->body, out->body_len);
    t->body_len = out->body_len;
    for (size_t i = 0; i < out->n_headers && i < HEADERS_MAX; i++)
        t->headers[t->n_headers++] =
            (struct http_header){must(strdup(out->headers[i].name)), must(strdup(out->headers[i].value))};
    t->answer.retry_after_ms = -1;
    world_event_init(&t->arrival, NULL, on_arrival, t);
    world_event_init(&t->handling, NULL, on_handling, t);
    world_event_init(&t->end, c->loop, on_end, t);
    world_event_init(&t->timeout, c->loop, on_timeout, t);
    LIST_INSERT_HEAD(&transfers, t, next);
    return t;
}

int http_client_send(struct http_client *c, const struct http_outgoing *out, http_done_fn fn, void *arg,
                     struct http_transfer **ret_transfer)
{
    struct dice *dice = world_dice();
    if (c->in_flight >= c->max)
        return ERR_UNAVAILABLE;
    struct http_transfer *t = transfer_create(c, out);
    t->fn = fn;
    t->arg = arg;
    t->way_us = dice_range(dice, 1000, dice_chance(dice, weather->slow) ? SLOW_WAY_US : USUAL_WAY_US);
    c->in_flight++;
    if (out->flags & HTTP_ONCE)
        weather->on_once(t->body, t->body_len, weather->arg);
    world_event_at(&t->timeout, world_now_us() + out->timeout_ms * 1000);
    if (dice_chance(dice, weather->refused)) {
        answer_sends(t, HTTP_FAIL_CONNECT);
    } else if (dice_chance(dice, weather->lost)) {
        t->answer.was_sent = true;
        answer_sends(t, HTTP_FAIL_RESET);
    } else {
        t->is_unanswered = dice_chance(dice, weather->unanswered);
        world_event_at(&t->arrival, world_now_us() + t->way_us);
    }
    if (ret_transfer)
        *ret_transfer = t;
    return 0;
}

bool wire_http_is_waited_for(void)
{
    const struct http_transfer *t = LIST_FIRST(&transfers);
    while (t && !t->client)
        t = LIST_NEXT(t, next);
    return t != NULL;
}

/* ---- the server ---- */

int http_server_create(struct loop *loop, const char *listen, const struct http_route *routes, size_t n_routes,
                       void *arg, struct http_server **ret_server)
{
    struct http_server *s = must(calloc(1, sizeof *s));
    s->loop = loop;
    (void)snprintf(s->url, sizeof s->url, "http://%s", listen);
    LIST_INIT(&s->requests);
    LIST_INSERT_HEAD(&servers, s, next);
    *ret_server = s;
    return routes ? http_server_add_routes(s, routes, n_routes, arg) : 0;
}

int http_server_add_routes(struct http_server *s, const struct http_route *routes, size_t n_routes, void *arg)
{
    struct http_table *table = must(calloc(1, sizeof *table));
    *table = (struct http_table){.routes = routes, .n_routes = n_routes, .arg = arg, .next = s->tables};
    s->tables = table;
    return 0;
}

const char *http_server_url(const struct http_server *s)
{
    return s->url;
}

void http_server_on_refuse(struct http_server *s, http_refuse_fn fn, void *arg)
{
    s->refuse = fn;
    s->refuse_arg = arg;
}

static void forget_server(struct http_server *s)
{
    struct http_transfer *t, *next;
    for (t = LIST_FIRST(&transfers); t; t = next) {
        next = LIST_NEXT(t, next);
        if (t->server != s || !world_event_is_armed(&t->handling))
            continue;
        world_event_disarm(&t->handling);
        answer_sends(t, HTTP_FAIL_RESET);
        transfer_settle(t);
    }
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    LIST_REMOVE(s, next);
    forget_server(s);
    for (struct http_request *req = LIST_FIRST(&s->requests), *following; req; req = following) {
        following = LIST_NEXT(req, next);
        answer_sends(req->transfer, HTTP_FAIL_RESET);
        request_end(req);
    }
    while (s->tables) {
        struct http_table *table = s->tables;
        s->tables = table->next;
        free(table);
    }
    free(s);
}

void wire_http_join_fleet(struct http_server *s)
{
    s->is_of_fleet = true;
}

/* ---- a request, for its handler ---- */

const char *http_request_method(const struct http_request *req)
{
    return req->transfer->method;
}

const char *http_request_path(const struct http_request *req)
{
    return req->path;
}

const char *http_request_param(const struct http_request *req, const char *name)
{
    for (size_t i = 0; i < req->match.n_params; i++) {
        const struct http_param *param = &req->match.params[i];
        if (strlen(name) == param->name_len && memcmp(name, param->name, param->name_len) == 0)
            return param->value;
    }
    return NULL;
}

const char *http_request_query(const struct http_request *req, const char *name)
{
    for (size_t i = 0; i < req->n_words; i++)
        if (strcmp(req->words[i].name, name) == 0)
            return req->words[i].value;
    return NULL;
}

const char *http_request_header(const struct http_request *req, const char *name)
{
    const struct http_transfer *t = req->transfer;
    for (size_t i = 0; i < t->n_headers; i++)
        if (strcasecmp(t->headers[i].name, name) == 0)
            return t->headers[i].value;
    return NULL;
}

const char *http_request_body(const struct http_request *req, size_t *ret_len)
{
    *ret_len = req->transfer->body_len;
    return req->transfer->body;
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

static void answered(struct http_request *req, enum http_fail fail)
{
    req->is_answered = true;
    answer_sends(req->transfer, req->transfer->is_unanswered ? HTTP_FAIL_RESET : fail);
    world_event_at(&req->over, world_now_us());
}

int http_request_reply(struct http_request *req, int status, const char *content_type,
                       const struct http_header *headers, size_t n_headers, const void *body, size_t len)
{
    (void)content_type;
    struct answer *answer = &req->transfer->answer;
    if (req->is_answered)
        return 0;
    answer->status = status;
    answer->body = must(calloc(1, len + 1));
    if (len > 0)
        memcpy(answer->body, body, len);
    answer->body_len = len;
    for (size_t i = 0; i < n_headers; i++)
        if (strcasecmp(headers[i].name, "Retry-After") == 0)
            answer->retry_after_ms = strtoll(headers[i].value, NULL, 10) * 1000;
    answered(req, HTTP_FAIL_NONE);
    return 0;
}

void http_request_reset(struct http_request *req)
{
    if (!req->is_answered)
        answered(req, HTTP_FAIL_RESET);
}

/* ---- worlds ---- */

void wire_http_begin(struct wire_http_weather *now)
{
    weather = now;
}

/* The processes are gone, and with them their clients and servers. */
void wire_http_end(void)
{
    struct http_transfer *t;
    while ((t = LIST_FIRST(&transfers)))
        transfer_free(t);
}
