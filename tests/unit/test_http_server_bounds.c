/* SPDX-License-Identifier: Apache-2.0
 *
 * What the HTTP server withstands: slow clients, many clients, large headers, two readings of one request, its own end.
 */
#include <stdio.h>

#include "common/http/server.h"
#include "tests/support/rig.h"

#define DEADLINE_MS INT64_C(150)
#define IDLE_MS INT64_C(2000)
#define HEADWAY_MS INT64_C(50)
#define CONNECTIONS 3
#define LARGE_ANSWER ((size_t)16 << 20)

struct fixture {
    struct rig rig;
    struct http_server *server;
    unsigned port;
    struct peer peers[CONNECTIONS + 1];
    size_t n_peers;
    unsigned completes, gones;
    struct http_request *held;
    size_t received;
    bool is_pausing;
};

static void on_gone(struct http_request *req, void *arg)
{
    struct fixture *f = arg;
    (void)req;
    f->gones++;
}

static void ok_complete(struct http_request *req, void *arg)
{
    struct fixture *f = arg;
    f->completes++;
    assert_int_equal(http_request_reply(req, 200, "text/plain", NULL, 0, "fine", 4), 0);
}

static void hold_complete(struct http_request *req, void *arg)
{
    struct fixture *f = arg;
    f->held = req;
}

static void pausing_body(struct http_request *req, const char *data, size_t len, void *arg)
{
    struct fixture *f = arg;
    (void)data;
    (void)len;
    f->held = req;
    http_request_pause(req);
}

static void upload_body(struct http_request *req, const char *data, size_t len, void *arg)
{
    struct fixture *f = arg;
    (void)data;
    f->received += len;
    f->held = req;
    if (f->is_pausing)
        http_request_pause(req);
}

static void large_complete(struct http_request *req, void *arg)
{
    (void)arg;
    char *body = calloc(1, LARGE_ANSWER);
    assert_non_null(body);
    assert_int_equal(http_request_reply(req, 200, "text/plain", NULL, 0, body, LARGE_ANSWER), 0);
    free(body);
}

static const struct http_route routes[] = {
    {.method = "GET", .pattern = "/ok", .on_complete = ok_complete, .on_gone = on_gone},
    {.method = "GET", .pattern = "/large", .on_complete = large_complete, .on_gone = on_gone},
    {.method = "GET", .pattern = "/hold", .on_complete = hold_complete, .on_gone = on_gone},
    {.method = "POST",
     .pattern = "/post",
     .max_body_bytes = 1000,
     .deadline_ms = DEADLINE_MS,
     .on_complete = ok_complete,
     .on_gone = on_gone},
    {.method = "POST",
     .pattern = "/pausing",
     .max_body_bytes = 1000,
     .deadline_ms = DEADLINE_MS,
     .on_body = pausing_body,
     .on_complete = ok_complete,
     .on_gone = on_gone},
    {.method = "POST",
     .pattern = "/upload",
     .max_body_bytes = SIZE_MAX,
     .on_body = upload_body,
     .on_complete = ok_complete,
     .on_gone = on_gone},
};

static const struct http_bounds bounds = {.connections = CONNECTIONS,
                                          .idle_ms = IDLE_MS,
                                          .head_ms = DEADLINE_MS,
                                          .answer_ms = DEADLINE_MS,
                                          .headway_ms = HEADWAY_MS};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    rig_open(&f->rig);
    assert_int_equal(http_server_create_bounded(f->rig.loop, "127.0.0.1:0", &bounds, routes,
                                                sizeof routes / sizeof routes[0], f, &f->server),
                     0);
    f->port = rig_port(http_server_url(f->server));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    http_server_free(f->server);
    for (size_t i = 0; i < f->n_peers; i++)
        peer_close(&f->peers[i]);
    rig_close(&f->rig);
    free(f);
    return 0;
}

static struct peer *connect_peer(struct fixture *f)
{
    struct peer *p = &f->peers[f->n_peers++];
    peer_open(p, &f->rig, f->port);
    return p;
}

static bool is_held(void *arg)
{
    const struct fixture *f = arg;
    return f->held != NULL;
}

static bool has_no_open_request(void *arg)
{
    const struct fixture *f = arg;
    return http_server_open_requests(f->server) == 0;
}

/* One byte every 10 ms, for ever: an idle timeout that starts again with each byte never ends this. */
struct drip {
    struct peer *peer;
    struct loop_timer *timer;
};

static void drip_once(void *arg)
{
    struct drip *d = arg;
    peer_send(d->peer, "x");
    loop_timer_arm_us(d->timer, 10000);
}

static int64_t drip_until_cut_us(struct fixture *f, struct peer *p)
{
    struct drip d = {.peer = p};
    assert_int_equal(loop_timer_create(f->rig.loop, drip_once, &d, &d.timer), 0);
    loop_timer_arm_us(d.timer, 0);
    int64_t start_us = clock_mono_us();
    assert_true(peer_waits_for_close(p));
    loop_timer_free(d.timer);
    return clock_mono_us() - start_us;
}

static void test_a_client_that_drips_headers_is_cut(void **state)
{
    struct fixture *f = *state;
    struct peer *p = connect_peer(f);
    peer_send(p, "GET /ok HTTP/1.1\r\nHost: h\r\nX-Slow: ");
    assert_true(drip_until_cut_us(f, p) >= (DEADLINE_MS - 50) * 1000);
    assert_true(peer_has(p, "HTTP/1.1 408 "));
    assert_int_equal(f->completes, 0);
    assert_int_equal(f->gones, 0);
}

static void test_a_client_that_drips_a_body_is_cut(void **state)
{
    struct fixture *f = *state;
    struct peer *p = connect_peer(f);
    peer_send(p, "POST /post HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
    assert_true(drip_until_cut_us(f, p) >= (DEADLINE_MS - 50) * 1000);
    assert_true(peer_has(p, "HTTP/1.1 408 "));
    assert_true(rig_wait(&f->rig, has_no_open_request, f));
    assert_int_equal(f->completes, 0);
    assert_int_equal(f->gones, 1);
}

static void test_a_client_that_drips_its_second_request_is_cut(void **state)
{
    struct fixture *f = *state;
    struct peer *p = connect_peer(f);
    peer_send(p, "GET /ok HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(peer_gets(p, "fine"));
    peer_send(p, "GET /ok HTTP/1.1\r\nHost: h\r\nX-Slow: ");
    assert_true(drip_until_cut_us(f, p) >= (IDLE_MS + DEADLINE_MS - 50) * 1000);
    assert_int_equal(f->completes, 1);
    assert_int_equal(f->gones, 1);
}

static void test_a_paused_request_is_cut_at_its_deadline_too(void **state)
{
    struct fixture *f = *state;
    struct peer *p = connect_peer(f);
    peer_send(p, "POST /pausing HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nab");
    assert_true(peer_waits_for_close(p));
    assert_true(rig_wait(&f->rig, has_no_open_request, f));
    assert_int_equal(f->gones, 1);
}

static void test_a_handler_may_take_longer_than_the_deadline(void **state)
{
    struct fixture *f = *state;
    struct peer *p = connect_peer(f);
    peer_send(p, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(rig_wait(&f->rig, is_held, f));
    rig_linger_us(&f->rig, (IDLE_MS + 2 * DEADLINE_MS) * 1000);
    assert_false(p->is_closed);
    assert_int_equal(http_request_reply(f->held, 200, "text/plain", NULL, 0, "late", 4), 0);
    assert_true(peer_gets(p, "late"));
}

static void test_a_silent_client_is_dropped(void **state)
{
    struct fixture *f = *state;
    struct peer *p = connect_peer(f);
    peer_send(p, "GET /ok HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(peer_gets(p, "fine"));
    assert_true(peer_waits_for_close(p));
    assert_false(peer_has(p, "408"));
}

static void test_a_client_that_does_not_take_its_answer_is_cut(void **state)
{
    struct fixture *f = *state;
    struct peer *p = connect_peer(f);
    peer_be_deaf(p, true);
    peer_send(p, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
    struct peer_expectation never = {p, "HTTP"};
    (void)rig_wait_us(&f->rig, peer_has_text, &never, 20000);
    assert_int_equal(http_server_open_requests(f->server), 1);
    assert_true(rig_wait(&f->rig, has_no_open_request, f));
    assert_int_equal(f->gones, 1);
    peer_be_deaf(p, false);
    assert_true(peer_waits_for_close(p));
    assert_true(buf_len(&p->in) < LARGE_ANSWER);
}

static void test_large_headers_are_refused(void **state)
{
    struct fixture *f = *state;
    struct peer *p = connect_peer(f);
    char filler[17 * 1024];
    memset(filler, 'y', sizeof filler);
    peer_send(p, "GET /ok HTTP/1.1\r\nHost: h\r\nX-Large: ");
    peer_send_mem(p, filler, sizeof filler);
    peer_send(p, "\r\n\r\n");
    assert_true(peer_gets(p, "HTTP/1.1 431 "));
    struct peer *q = connect_peer(f);
    for (int i = 0; i < 40; i++)
        peer_send_mem(q, filler, sizeof filler);
    assert_true(peer_waits_for_close(q));
    assert_int_equal(f->completes, 0);
}

/* One end, and how often the loop went round until it came. */
struct rounds {
    struct peer *peer;
    unsigned n;
};

static bool has_ended(void *arg)
{
    struct rounds *rounds = arg;
    rounds->n++;
    return peer_is_closed(rounds->peer);
}

static void test_a_line_without_an_end_does_not_keep_the_loop_going_round(void **state)
{
    static const char *const heads[] = {
        "POST /ok HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;",
        "POST /nowhere HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;",
        "GET /ok HTTP/1.1\r\nHost: h\r\nX-Large: ",
    };
    struct fixture *f = *state;
    char filler[17 * 1024];
    memset(filler, '0', sizeof filler);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct rounds rounds = {connect_peer(f), 0};
        peer_send(rounds.peer, heads[i]);
        for (int k = 0; k < 8; k++)
            peer_send_mem(rounds.peer, filler, sizeof filler);
        assert_true(rig_wait(&f->rig, has_ended, &rounds));
        assert_true(rounds.n < 1000);
    }
}

static void test_a_full_house_lets_the_next_one_in_when_one_leaves(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < CONNECTIONS; i++) {
        struct peer *p = connect_peer(f);
        peer_send(p, "GET /ok HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_true(peer_gets(p, "fine"));
    }
    struct peer *next = connect_peer(f);
    peer_send(next, "GET /ok HTTP/1.1\r\nHost: h\r\n\r\n");
    struct peer_expectation answer = {next, "fine"};
    assert_false(rig_wait_us(&f->rig, peer_has_text, &answer, 50000));
    shutdown(f->peers[0].fd, SHUT_RDWR);
    assert_true(rig_wait_us(&f->rig, peer_has_text, &answer, IDLE_MS * 750)); /* before another idles out */
}

static void test_two_lengths_of_one_body_are_refused_and_the_connection_ends(void **state)
{
    struct fixture *f = *state;
    static const char *const heads[] = {
        "POST /post HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /post HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
        "POST /post HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /post HTTP/1.1\r\nHost: h\r\nContent-Length : 4\r\n\r\nabcd",
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct peer *p = connect_peer(f);
        peer_send(p, heads[i]);
        assert_true(peer_gets(p, "HTTP/1.1 400 "));
        assert_true(peer_waits_for_close(p));
    }
    assert_int_equal(f->completes, 0);
}

static void test_quiesced_it_ends_what_it_has_and_takes_nothing_new(void **state)
{
    struct fixture *f = *state;
    struct peer *p = connect_peer(f);
    peer_send(p, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(rig_wait(&f->rig, is_held, f));
    http_server_quiesce(f->server);
    http_server_quiesce(f->server);
    struct peer *refused = connect_peer(f);
    assert_true(peer_waits_for_close(refused));
    assert_int_equal(refused->error, ECONNREFUSED);
    assert_int_equal(http_server_open_requests(f->server), 1);
    assert_int_equal(http_request_reply(f->held, 200, "text/plain", NULL, 0, "bye", 3), 0);
    assert_true(peer_gets(p, "bye"));
    assert_true(peer_has(p, "Connection: close\r\n"));
    assert_true(peer_waits_for_close(p));
    assert_int_equal(http_server_open_requests(f->server), 0);
}

static bool has_open_request(void *arg)
{
    return !has_no_open_request(arg);
}

static bool has_two_open_requests(void *arg)
{
    const struct fixture *f = arg;
    return http_server_open_requests(f->server) == 2;
}

/* Long before the deadline of a body. */
static void test_quiesced_it_waits_for_no_body_that_drips(void **state)
{
    struct fixture *f = *state;
    static const char *const heads[] = {
        "POST /upload HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n",
        "POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n", /* answered, but for its body */
    };
    struct peer *p[] = {connect_peer(f), connect_peer(f)};
    for (size_t i = 0; i < 2; i++)
        peer_send(p[i], heads[i]);
    assert_true(rig_wait(&f->rig, has_two_open_requests, f));
    http_server_quiesce(f->server);
    for (size_t i = 0; i < 2; i++) {
        (void)drip_until_cut_us(f, p[i]);
        assert_true(peer_has(p[i], "HTTP/1.1 408 "));
    }
    assert_true(rig_wait(&f->rig, has_no_open_request, f));
    assert_int_equal(f->completes, 0);
    assert_int_equal(f->gones, 1);
}

static bool has_received(void *arg)
{
    const struct fixture *f = arg;
    return f->received > 0;
}

/* Whenever the loop goes round there is more of it. */
static void test_quiesced_it_waits_for_a_body_that_comes_along(void **state)
{
    struct fixture *f = *state;
    struct peer *p = connect_peer(f);
    char piece[16384 + 1];
    memset(piece, 'x', sizeof piece - 1);
    piece[sizeof piece - 1] = '\0';
    peer_send(p, "POST /upload HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_true(rig_wait(&f->rig, has_open_request, f));
    http_server_quiesce(f->server);
    int64_t start_us = clock_mono_us();
    while (clock_mono_us() - start_us < 5 * HEADWAY_MS * 1000) {
        f->received = 0;
        peer_send(p, "4000\r\n");
        peer_send(p, piece);
        peer_send(p, "\r\n");
        assert_true(rig_wait(&f->rig, has_received, f));
    }
    peer_send(p, "0\r\n\r\n");
    assert_true(peer_gets(p, "fine"));
}

static void test_quiesced_it_waits_for_a_handler_that_reads_on_later(void **state)
{
    struct fixture *f = *state;
    struct peer *p = connect_peer(f);
    f->is_pausing = true;
    peer_send(p, "POST /upload HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab");
    assert_true(rig_wait(&f->rig, has_received, f));
    http_server_quiesce(f->server);
    rig_linger_us(&f->rig, 5 * HEADWAY_MS * 1000);
    assert_int_equal(http_server_open_requests(f->server), 1);
    f->is_pausing = false;
    peer_send(p, "cd");
    http_request_resume(f->held);
    assert_true(peer_gets(p, "fine"));
}

static void test_freed_it_says_gone_once_for_each_open_request(void **state)
{
    struct fixture *f = *state;
    static const char *const requests[] = {
        "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n",
        "POST /pausing HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nab",
        "POST /post HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nab",
    };
    for (size_t i = 0; i < CONNECTIONS; i++)
        peer_send(connect_peer(f), requests[i]);
    rig_linger_us(&f->rig, 50000);
    assert_int_equal(http_server_open_requests(f->server), 3);
    http_server_free(f->server);
    f->server = NULL;
    assert_int_equal(f->gones, 3);
}

static void test_addresses_that_are_none_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {
        "",       "8080",  "127.0.0.1", "127.0.0.1:",     "127.0.0.1:99999", "127.0.0.1:http", "example.test:80",
        "::1:80", "[::1]", ":80",       "[127.0.0.1]x:80"};
    struct http_server *s = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (http_server_create(f->rig.loop, bad[i], routes, 1, f, &s) != ERR_INVALID)
            fail_msg("'%s' was taken", bad[i]);
    }
    char taken[32];
    snprintf(taken, sizeof taken, "127.0.0.1:%u", f->port);
    errno = 0;
    assert_int_equal(http_server_create(f->rig.loop, taken, routes, 1, f, &s), ERR_IO);
    assert_int_equal(errno, EADDRINUSE);
    assert_null(s);
}

static void test_it_names_the_port_it_was_given(void **state)
{
    struct fixture *f = *state;
    struct http_server *s;
    assert_int_equal(http_server_create(f->rig.loop, "localhost:0", routes, 1, f, &s), 0);
    assert_int_equal(strncmp(http_server_url(s), "http://127.0.0.1:", 17), 0);
    assert_true(f->port > 0);
    http_server_free(s);
    http_server_free(NULL);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_a_client_that_drips_headers_is_cut),
        CASE(test_a_client_that_drips_a_body_is_cut),
        CASE(test_a_client_that_drips_its_second_request_is_cut),
        CASE(test_a_paused_request_is_cut_at_its_deadline_too),
        CASE(test_a_handler_may_take_longer_than_the_deadline),
        CASE(test_a_silent_client_is_dropped),
        CASE(test_a_client_that_does_not_take_its_answer_is_cut),
        CASE(test_large_headers_are_refused),
        CASE(test_a_line_without_an_end_does_not_keep_the_loop_going_round),
        CASE(test_a_full_house_lets_the_next_one_in_when_one_leaves),
        CASE(test_two_lengths_of_one_body_are_refused_and_the_connection_ends),
        CASE(test_quiesced_it_ends_what_it_has_and_takes_nothing_new),
        CASE(test_quiesced_it_waits_for_no_body_that_drips),
        CASE(test_quiesced_it_waits_for_a_body_that_comes_along),
        CASE(test_quiesced_it_waits_for_a_handler_that_reads_on_later),
        CASE(test_freed_it_says_gone_once_for_each_open_request),
        CASE(test_addresses_that_are_none_are_refused),
        CASE(test_it_names_the_port_it_was_given),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
