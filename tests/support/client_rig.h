/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of the HTTP client: a client and a raw server on one loop, and the outcome of an exchange.
 */
#ifndef CARILLON_TESTS_SUPPORT_CLIENT_RIG_H
#define CARILLON_TESTS_SUPPORT_CLIENT_RIG_H

#include <stdio.h>

#include "common/http/client.h"
#include "tests/support/rig.h"

#define MAX_IN_FLIGHT 4
#define PATIENCE_MS 20000 /* under valgrind, on a busy machine, a TLS handshake takes seconds */

/* What came of one exchange, kept beyond the callback. */
struct outcome {
    unsigned calls;
    struct http_result result;
    char body[256];
    char detail[256];
};

struct client_rig {
    struct rig rig;
    struct http_client *client;
    struct listener listener; /* raw: what it answers is up to the test */
    char url[64]; /* of the listener */
    const char *answer; /* to every request */
    unsigned requests; /* complete requests that reached the wire */
    struct outcome outcomes[MAX_IN_FLIGHT + 1];
};

static inline void on_done(const struct http_result *result, void *arg)
{
    struct outcome *o = arg;
    o->calls++;
    o->result = *result;
    assert_true(result->body_len < sizeof o->body || result->body_cut);
    snprintf(o->body, sizeof o->body, "%s", result->body);
    snprintf(o->detail, sizeof o->detail, "%s", result->detail != NULL ? result->detail : "");
}

static inline bool is_done(void *arg)
{
    const struct outcome *o = arg;
    return o->calls > 0;
}

/* Takes one complete request out of what has come; false where there is none yet. */
static inline bool take_request(struct peer *p)
{
    const char *text = buf_str(&p->in);
    const char *end = strstr(text, "\r\n\r\n");
    if (end == NULL)
        return false;
    const char *length = strstr(text, "Content-Length: ");
    size_t body = 0;
    if (length != NULL && length < end) {
        uint64_t value;
        length += strlen("Content-Length: ");
        assert_int_equal(parse_u64(length, strcspn(length, "\r"), 1 << 20, &value), 0);
        body = (size_t)value;
    }
    size_t whole = (size_t)(end - text) + 4 + body;
    if (buf_len(&p->in) < whole)
        return false;
    buf_consume(&p->in, whole);
    return true;
}

static inline void answer_each(struct peer *p, void *arg)
{
    struct client_rig *f = arg;
    while (take_request(p)) {
        f->requests++;
        if (f->answer != NULL)
            peer_send(p, f->answer);
    }
}

static inline void client_rig_open(struct client_rig *f)
{
    rig_open(&f->rig);
    assert_int_equal(http_client_create(f->rig.loop, MAX_IN_FLIGHT, &f->client), 0);
    listener_open(&f->listener, &f->rig, answer_each, f);
    snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u/calls", f->listener.port);
}

static inline void client_rig_close(struct client_rig *f)
{
    http_client_free(f->client);
    listener_close(&f->listener);
    rig_close(&f->rig);
}

static inline int client_rig_setup(void **state)
{
    struct client_rig *f = calloc(1, sizeof *f);
    assert_non_null(f);
    client_rig_open(f);
    *state = f;
    return 0;
}

static inline int client_rig_teardown(void **state)
{
    client_rig_close(*state);
    free(*state);
    return 0;
}

static inline struct http_outgoing request_to(const char *method, const char *url)
{
    return (struct http_outgoing){.method = method, .url = url, .timeout_ms = PATIENCE_MS, .max_body_bytes = 255};
}

/* Sends it and waits for its end. */
static inline struct outcome *exchange(struct client_rig *f, const struct http_outgoing *out)
{
    struct outcome *o = &f->outcomes[0];
    memset(o, 0, sizeof *o);
    assert_int_equal(http_client_send(f->client, out, on_done, o, NULL), 0);
    assert_int_equal(o->calls, 0);
    assert_true(rig_wait(&f->rig, is_done, o));
    assert_int_equal(http_client_in_flight(f->client), 0);
    return o;
}

static inline struct outcome *exchange_for(struct client_rig *f, const char *answer)
{
    f->answer = answer;
    struct http_outgoing out = request_to("GET", f->url);
    return exchange(f, &out);
}

#endif
