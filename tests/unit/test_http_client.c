/* SPDX-License-Identifier: Apache-2.0
 *
 * What the HTTP client sends, how often, and how it ends. The other half is in test_http_client_answers.c.
 */
#include "common/http/client.h"

#include <stdio.h>

#include "tests/support/client_rig.h"

/* ---- one request per dial ---- */

/* The first POST is answered and the connection kept; the second is read to its end (the call is placed), then the
 * connection is reset; every further one is answered again. */
static void reset_the_second(struct peer *p, void *arg)
{
    struct client_rig *f = arg;
    while (!p->is_closed && take_request(p)) {
        f->requests++;
        if (f->requests == 2)
            peer_reset(p);
        else
            peer_send(p, "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}");
    }
}

static void dial(struct client_rig *f, unsigned flags, struct outcome *ret)
{
    struct http_outgoing out = request_to("POST", f->url);
    out.body = "{\"to\":\"+15550000000\"}";
    out.body_len = strlen(out.body);
    out.flags = flags;
    *ret = *exchange(f, &out);
}

static void test_a_dial_reaches_the_wire_once_although_its_connection_is_reset(void **state)
{
    struct client_rig *f = *state;
    struct outcome first;
    struct outcome second;
    f->listener.on_input = reset_the_second;
    dial(f, HTTP_ONCE, &first);
    dial(f, HTTP_ONCE, &second);
    rig_linger_us(&f->rig, 50000);
    assert_int_equal(first.result.status, 201);
    assert_int_equal(second.result.fail, HTTP_FAIL_RESET);
    assert_true(second.result.was_sent);
    assert_int_equal(f->requests, 2);
    assert_int_equal(f->listener.n_peers, 2);
}

/* The control: it shows that the test above can fail, and why the flag exists. */
static void test_without_the_flag_libcurl_sends_a_post_twice(void **state)
{
    struct client_rig *f = *state;
    struct outcome first;
    struct outcome second;
    f->listener.on_input = reset_the_second;
    dial(f, 0, &first);
    dial(f, 0, &second);
    assert_int_equal(second.result.fail, HTTP_FAIL_NONE);
    assert_int_equal(second.result.status, 201);
    assert_int_equal(f->requests, 3);
}

static void test_a_dial_does_not_keep_its_connection(void **state)
{
    struct client_rig *f = *state;
    struct outcome o;
    f->answer = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
    for (unsigned i = 1; i <= 3; i++) {
        dial(f, HTTP_ONCE, &o);
        assert_int_equal(o.result.status, 201);
        assert_false(o.result.connection_reused);
        assert_int_equal(f->listener.n_peers, i);
    }
    assert_true(peer_waits_for_close(&f->listener.peers[2]));
}

/* ---- what is sent ---- */

static void test_other_requests_share_a_connection(void **state)
{
    struct client_rig *f = *state;
    for (unsigned i = 0; i < 3; i++) {
        struct outcome *o = exchange_for(f, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        assert_int_equal(o->result.fail, HTTP_FAIL_NONE);
        assert_int_equal(o->result.connection_reused, i > 0);
        assert_string_equal(o->body, "ok");
        assert_null(o->result.detail);
        assert_true(o->result.total_us > 0);
    }
    assert_int_equal(f->listener.n_peers, 1);
}

static void keep_silent(struct peer *p, void *arg)
{
    (void)p;
    (void)arg;
}

static void test_a_request_carries_what_was_asked_and_nothing_more(void **state)
{
    struct client_rig *f = *state;
    static const struct http_header headers[] = {{"Authorization", "Bearer k"}, {"X-Empty", ""}};
    f->listener.on_input = keep_silent;
    struct http_outgoing out = request_to("POST", f->url);
    out.headers = headers;
    out.n_headers = 2;
    out.body = "a\0b";
    out.body_len = 3;
    out.flags = HTTP_ONCE;
    struct http_transfer *t;
    assert_int_equal(http_client_send(f->client, &out, on_done, &f->outcomes[0], &t), 0);
    while (f->listener.n_peers == 0)
        assert_int_equal(loop_run_once(f->rig.loop), 0);
    struct peer *p = &f->listener.peers[0];
    assert_true(peer_gets(p, "\r\n\r\na"));
    char want[256];
    int n = snprintf(want, sizeof want,
                     "POST /calls HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAccept: */*\r\nAuthorization: Bearer k\r\n"
                     "X-Empty:\r\nContent-Length: 3\r\n\r\na",
                     f->listener.port);
    assert_int_equal(buf_len(&p->in), n + 2);
    assert_memory_equal(buf_str(&p->in), want, n);
    assert_memory_equal(buf_str(&p->in) + n, "\0b", 2);
    http_transfer_cancel(t);
    assert_true(peer_waits_for_close(p));
    assert_int_equal(f->outcomes[0].calls, 0);
}

static void test_headers_and_methods_that_would_split_a_request_are_refused(void **state)
{
    struct client_rig *f = *state;
    static const struct http_header bad[] = {{"X", "a\r\nY: b"}, {"X", "a\nb"}, {"X Y", "a"},
                                             {"X:", "a"},        {"", "a"},     {"X\r\n", "a"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct http_outgoing out = request_to("GET", f->url);
        out.headers = &bad[i];
        out.n_headers = 1;
        assert_int_equal(http_client_send(f->client, &out, on_done, f, NULL), ERR_INVALID);
    }
    static const char *const methods[] = {"", "get", "GET /x", "G\r\nT"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        struct http_outgoing out = request_to(methods[i], f->url);
        assert_int_equal(http_client_send(f->client, &out, on_done, f, NULL), ERR_INVALID);
    }
    struct http_outgoing out = request_to("GET", f->url);
    out.timeout_ms = 0;
    assert_int_equal(http_client_send(f->client, &out, on_done, f, NULL), ERR_INVALID);
}

static void test_methods_go_out_as_they_are(void **state)
{
    struct client_rig *f = *state;
    static const char *const methods[] = {"GET", "HEAD", "DELETE", "PUT", "POST"};
    f->listener.on_input = keep_silent;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        char line[64];
        struct http_outgoing out = request_to(methods[i], f->url);
        out.flags = HTTP_ONCE;
        struct http_transfer *t;
        assert_int_equal(http_client_send(f->client, &out, on_done, &f->outcomes[0], &t), 0);
        while (f->listener.n_peers == i)
            assert_int_equal(loop_run_once(f->rig.loop), 0);
        snprintf(line, sizeof line, "%s /calls HTTP/1.1\r\n", methods[i]);
        assert_true(peer_gets(&f->listener.peers[i], "\r\n\r\n"));
        assert_int_equal(strncmp(buf_str(&f->listener.peers[i].in), line, strlen(line)), 0);
        http_transfer_cancel(t);
    }
}

/* ---- many, and the end ---- */

static void test_no_more_than_the_bound_are_under_way(void **state)
{
    struct client_rig *f = *state;
    struct http_transfer *transfers[MAX_IN_FLIGHT];
    struct http_outgoing out = request_to("GET", f->url);
    for (size_t i = 0; i < MAX_IN_FLIGHT; i++)
        assert_int_equal(http_client_send(f->client, &out, on_done, &f->outcomes[i], &transfers[i]), 0);
    assert_int_equal(http_client_in_flight(f->client), MAX_IN_FLIGHT);
    assert_int_equal(http_client_send(f->client, &out, on_done, f, NULL), ERR_UNAVAILABLE);
    http_transfer_cancel(transfers[1]);
    f->answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    assert_int_equal(http_client_send(f->client, &out, on_done, &f->outcomes[MAX_IN_FLIGHT], NULL), 0);
    for (size_t i = 0; i <= MAX_IN_FLIGHT; i++) {
        if (i != 1)
            assert_true(rig_wait(&f->rig, is_done, &f->outcomes[i]));
    }
    assert_int_equal(f->outcomes[1].calls, 0);
    assert_int_equal(http_client_in_flight(f->client), 0);
}

struct chain {
    struct client_rig *f;
    struct http_transfer *other;
    unsigned calls;
};

static void send_and_cancel(const struct http_result *result, void *arg)
{
    struct chain *c = arg;
    assert_int_equal(result->status, 200);
    if (c->calls++ > 0)
        return;
    if (c->other != NULL)
        http_transfer_cancel(c->other);
    struct http_outgoing out = request_to("GET", c->f->url);
    assert_int_equal(http_client_send(c->f->client, &out, send_and_cancel, c, NULL), 0);
}

static bool chain_is_through(void *arg)
{
    const struct chain *c = arg;
    return c->calls == 2;
}

static void test_a_callback_may_send_and_cancel(void **state)
{
    struct client_rig *f = *state;
    struct chain c = {.f = f};
    struct http_outgoing out = request_to("GET", f->url);
    f->answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    assert_int_equal(http_client_send(f->client, &out, send_and_cancel, &c, NULL), 0);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", f->listener.port);
    struct http_outgoing silent = request_to("PUT", url);
    silent.body = "never complete";
    silent.body_len = 14;
    assert_int_equal(http_client_send(f->client, &silent, on_done, &f->outcomes[1], &c.other), 0);
    assert_true(rig_wait(&f->rig, chain_is_through, &c));
    rig_linger_us(&f->rig, 20000);
    assert_int_equal(c.calls, 2);
}

static void test_freed_it_calls_nobody_back(void **state)
{
    struct client_rig *f = *state;
    struct http_outgoing out = request_to("GET", f->url);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(http_client_send(f->client, &out, on_done, &f->outcomes[i], NULL), 0);
    while (f->requests == 0)
        assert_int_equal(loop_run_once(f->rig.loop), 0);
    http_client_free(f->client);
    f->client = NULL;
    rig_linger_us(&f->rig, 20000);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(f->outcomes[i].calls, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, client_rig_setup, client_rig_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_a_dial_reaches_the_wire_once_although_its_connection_is_reset),
        CASE(test_without_the_flag_libcurl_sends_a_post_twice),
        CASE(test_a_dial_does_not_keep_its_connection),
        CASE(test_other_requests_share_a_connection),
        CASE(test_a_request_carries_what_was_asked_and_nothing_more),
        CASE(test_headers_and_methods_that_would_split_a_request_are_refused),
        CASE(test_methods_go_out_as_they_are),
        CASE(test_no_more_than_the_bound_are_under_way),
        CASE(test_a_callback_may_send_and_cancel),
        CASE(test_freed_it_calls_nobody_back),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
