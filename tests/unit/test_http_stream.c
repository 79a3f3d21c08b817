/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers that come in pieces.
 */
#include "common/http/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "tests/support/rig.h"

#define PIECE_BYTES 100000

struct fixture {
    struct rig rig;
    struct http_server *server;
    struct peer peer;
    struct http_request *held; /* was asked for more */
    unsigned asked, gones;
    unsigned pieces; /* that are written as soon as they are wanted; then the end */
    bool breaks; /* the end is none */
    char piece[PIECE_BYTES];
};

static void on_gone(struct http_request *req, void *arg)
{
    struct fixture *f = arg;
    f->gones++;
    if (f->held == req)
        f->held = NULL;
}

static void on_room(struct http_request *req, void *arg)
{
    struct fixture *f = arg;
    f->asked++;
    if (f->pieces == 0) {
        http_request_finish(req, !f->breaks);
        return;
    }
    f->pieces--;
    assert_int_equal(http_request_write(req, f->piece, sizeof f->piece), 0);
}

static void hold_room(struct http_request *req, void *arg)
{
    struct fixture *f = arg;
    f->asked++;
    f->held = req;
}

static void at_once(struct http_request *req, void *arg)
{
    const struct http_header extra = {"X-Extra", "yes"};
    assert_int_equal(http_request_stream(req, 200, "text/csv", &extra, 1, on_room, arg), 0);
    assert_true(http_request_is_answered(req));
}

static void later(struct http_request *req, void *arg)
{
    assert_int_equal(http_request_stream(req, 200, "text/csv", NULL, 0, hold_room, arg), 0);
}

static const struct http_route routes[] = {
    {.method = "GET", .pattern = "/at-once", .on_complete = at_once, .on_gone = on_gone},
    {.method = "GET", .pattern = "/later", .on_complete = later, .on_gone = on_gone},
};

static int open_with(void **state, const struct http_bounds *bounds)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    memset(f->piece, 'x', sizeof f->piece);
    rig_open(&f->rig);
    assert_int_equal(http_server_create_bounded(f->rig.loop, "127.0.0.1:0", bounds, routes,
                                                sizeof routes / sizeof routes[0], f, &f->server),
                     0);
    peer_open(&f->peer, &f->rig, rig_port(http_server_url(f->server)));
    *state = f;
    return 0;
}

static int setup(void **state)
{
    return open_with(state, NULL);
}

static int setup_impatient(void **state)
{
    static const struct http_bounds bounds = {.answer_ms = 400};
    return open_with(state, &bounds);
}

static int setup_idle(void **state)
{
    static const struct http_bounds bounds = {.idle_ms = 1000};
    return open_with(state, &bounds);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    http_server_free(f->server);
    peer_close(&f->peer);
    rig_close(&f->rig);
    free(f);
    return 0;
}

static bool is_held(void *arg)
{
    const struct fixture *f = arg;
    return f->held != NULL;
}

static bool has_gone(void *arg)
{
    const struct fixture *f = arg;
    return f->gones > 0;
}

static void write_text(struct http_request *req, const char *text)
{
    assert_int_equal(http_request_write(req, text, strlen(text)), 0);
}

static void test_pieces_arrive_as_they_are_written(void **state)
{
    struct fixture *f = *state;
    peer_send(&f->peer, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(rig_wait(&f->rig, is_held, f));
    write_text(f->held, "first");
    assert_true(peer_gets(&f->peer, "5\r\nfirst\r\n"));
    assert_true(peer_has(&f->peer, "Transfer-Encoding: chunked\r\n"));
    write_text(f->held, "one and ");
    write_text(f->held, "another");
    assert_true(peer_gets(&f->peer, "another"));
    http_request_finish(f->held, true);
    assert_true(peer_gets(&f->peer, "\r\n0\r\n\r\n"));
    assert_true(rig_wait(&f->rig, has_gone, f));
    assert_false(f->peer.is_closed);
    assert_int_equal(http_server_open_requests(f->server), 0);
    peer_forget(&f->peer);
    peer_send(&f->peer, "GET /at-once HTTP/1.1\r\nHost: h\r\n\r\n"); /* the connection is good for more */
    assert_true(peer_gets(&f->peer, "0\r\n\r\n"));
    assert_true(peer_has(&f->peer, "X-Extra: yes\r\n"));
}

static void test_it_asks_for_more_once_and_not_before_the_client_took_the_last(void **state)
{
    struct fixture *f = *state;
    peer_be_deaf(&f->peer, true);
    f->pieces = 1000000;
    peer_send(&f->peer, "GET /at-once HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(rig_wait(&f->rig, has_gone, f)); /* cut: the client took nothing for answer_ms */
    /* What the sockets' buffers take, and no more: the rest was never asked for. */
    assert_true(f->asked > 0 && f->asked < 200);
}

static void test_a_long_answer_is_whole(void **state)
{
    struct fixture *f = *state;
    f->pieces = 300;
    peer_send(&f->peer, "GET /at-once HTTP/1.0\r\nHost: h\r\n\r\n");
    assert_true(peer_waits_for_close(&f->peer));
    const char *body = strstr(buf_str(&f->peer.in), "\r\n\r\n");
    assert_non_null(body);
    assert_int_equal(strlen(body + 4), 300 * PIECE_BYTES);
    assert_int_equal(f->asked, 301);
    assert_int_equal(f->gones, 1);
}

static void test_an_answer_that_breaks_off_is_seen_to(void **state)
{
    struct fixture *f = *state;
    f->pieces = 1;
    f->breaks = true;
    peer_send(&f->peer, "GET /at-once HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(peer_waits_for_close(&f->peer));
    assert_true(peer_has(&f->peer, "xxxx"));
    assert_false(peer_has(&f->peer, "\r\n0\r\n\r\n"));
    assert_int_equal(f->gones, 1);
}

static void test_an_answer_that_waits_for_its_handler_has_time(void **state)
{
    struct fixture *f = *state;
    peer_send(&f->peer, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(rig_wait(&f->rig, is_held, f));
    write_text(f->held, "first");
    assert_true(peer_gets(&f->peer, "first"));
    rig_linger_us(&f->rig, 900000); /* over answer_ms, while nothing is there to take */
    assert_int_equal(f->gones, 0);
    write_text(f->held, "second");
    http_request_finish(f->held, true);
    assert_true(peer_gets(&f->peer, "second"));
}

static void test_a_client_that_left_is_noticed_when_something_is_written(void **state)
{
    struct fixture *f = *state;
    peer_send(&f->peer, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(rig_wait(&f->rig, is_held, f));
    peer_reset(&f->peer);
    write_text(f->held, "first");
    assert_true(rig_wait(&f->rig, has_gone, f));
    assert_null(f->held);
}

static void test_a_client_that_left_is_noticed_while_nothing_is_written(void **state)
{
    struct fixture *f = *state;
    peer_send(&f->peer, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(rig_wait(&f->rig, is_held, f));
    write_text(f->held, "first");
    assert_true(peer_gets(&f->peer, "first"));
    assert_int_equal(shutdown(f->peer.fd, SHUT_WR), 0);
    assert_true(rig_wait(&f->rig, has_gone, f));
    assert_true(peer_waits_for_close(&f->peer));
}

static void test_a_next_request_waits_for_the_end_of_the_answer(void **state)
{
    struct fixture *f = *state;
    peer_send(&f->peer, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(rig_wait(&f->rig, is_held, f));
    peer_send(&f->peer, "GET /at-once HTTP/1.1\r\nHost: h\r\n\r\n");
    rig_linger_us(&f->rig, 100000);
    assert_int_equal(f->gones, 0);
    write_text(f->held, "first");
    http_request_finish(f->held, true);
    assert_true(peer_gets(&f->peer, "X-Extra: yes\r\n"));
    assert_true(peer_has(&f->peer, "first"));
}

static void test_a_quiet_answer_outlives_an_idle_connection(void **state)
{
    struct fixture *f = *state;
    peer_send(&f->peer, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(rig_wait(&f->rig, is_held, f));
    for (int i = 0; i < 2; i++) {
        rig_linger_us(&f->rig, 1300000); /* over idle_ms */
        assert_int_equal(f->gones, 0);
        write_text(f->held, i == 0 ? "first" : "second");
        assert_true(peer_gets(&f->peer, i == 0 ? "first" : "second"));
    }
}

static void test_a_client_that_is_always_a_little_behind_costs_no_more(void **state)
{
    struct fixture *f = *state;
    peer_be_deaf(&f->peer, true);
    peer_send(&f->peer, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(rig_wait(&f->rig, is_held, f));
    while (http_request_waiting(f->held) < 8 * sizeof f->piece)
        assert_int_equal(http_request_write(f->held, f->piece, sizeof f->piece), 0);
    peer_be_deaf(&f->peer, false);
    for (unsigned i = 0; i < 400; i++) {
        /* Something always waits, and the bound would be met if nothing went. */
        while (http_request_waiting(f->held) > 4 * sizeof f->piece)
            assert_int_equal(loop_run_once(f->rig.loop), 0);
        assert_int_equal(http_request_write(f->held, f->piece, sizeof f->piece), 0);
    }
    assert_true(buf_len(&f->peer.in) > LIMIT_HTTP_STREAM_BYTES);
}

static void test_head_wants_no_body(void **state)
{
    struct fixture *f = *state;
    peer_send(&f->peer, "HEAD /later HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(peer_gets(&f->peer, "\r\n\r\n"));
    assert_true(rig_wait(&f->rig, has_gone, f));
    assert_int_equal(f->asked, 0);
    assert_true(peer_waits_for_close(&f->peer));
    assert_true(peer_has(&f->peer, "\r\nConnection: close\r\n"));
    assert_false(peer_has(&f->peer, "\r\n\r\n0\r\n"));
}

static void test_a_server_may_end_amid_an_answer(void **state)
{
    struct fixture *f = *state;
    peer_send(&f->peer, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(rig_wait(&f->rig, is_held, f));
    write_text(f->held, "first");
    assert_true(peer_gets(&f->peer, "first"));
    http_server_free(f->server);
    f->server = NULL;
    assert_int_equal(f->gones, 1);
    assert_true(peer_waits_for_close(&f->peer));
    assert_false(peer_has(&f->peer, "\r\n0\r\n\r\n"));
}

static void test_what_waits_has_a_bound(void **state)
{
    struct fixture *f = *state;
    size_t n = 0;
    peer_be_deaf(&f->peer, true);
    peer_send(&f->peer, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(rig_wait(&f->rig, is_held, f));
    while (n < 1000 && http_request_write(f->held, f->piece, sizeof f->piece) == 0)
        n++;
    assert_true(n > 100 && n < 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define IMPATIENT(name) cmocka_unit_test_setup_teardown(name, setup_impatient, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pieces_arrive_as_they_are_written),
        IMPATIENT(test_it_asks_for_more_once_and_not_before_the_client_took_the_last),
        TEST(test_a_long_answer_is_whole),
        TEST(test_an_answer_that_breaks_off_is_seen_to),
        IMPATIENT(test_an_answer_that_waits_for_its_handler_has_time),
        TEST(test_a_client_that_left_is_noticed_when_something_is_written),
        TEST(test_a_client_that_left_is_noticed_while_nothing_is_written),
        TEST(test_a_next_request_waits_for_the_end_of_the_answer),
        cmocka_unit_test_setup_teardown(test_a_quiet_answer_outlives_an_idle_connection, setup_idle, teardown),
        TEST(test_a_client_that_is_always_a_little_behind_costs_no_more),
        TEST(test_head_wants_no_body),
        TEST(test_a_server_may_end_amid_an_answer),
        TEST(test_what_waits_has_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
