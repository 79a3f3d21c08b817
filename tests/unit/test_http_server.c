/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/server.h"

#include <stdio.h>

#include "tests/support/rig.h"

/* What the handlers saw, and what they are told to do. */
struct fixture {
    struct rig rig;
    struct http_server *server;
    unsigned port;
    struct peer peer;
    struct http_request *held; /* waits for a late answer */
    unsigned headers, pieces, completes, gones;
    size_t body_bytes;
    size_t largest_piece;
    char params[256];
    char request_id[80];
    bool pauses; /* after each piece */
};

static void reply_text(struct http_request *req, int status, const char *text)
{
    assert_int_equal(http_request_reply(req, status, "text/plain", NULL, 0, text, strlen(text)), 0);
}

static void on_gone(struct http_request *req, void *arg)
{
    struct fixture *f = arg;
    f->gones++;
    if (f->held == req)
        f->held = NULL;
}

static void echo_complete(struct http_request *req, void *arg)
{
    struct fixture *f = arg;
    size_t len;
    const char *body = http_request_body(req, &len);
    f->completes++;
    assert_int_equal(http_request_reply(req, 200, "text/plain", NULL, 0, body, len), 0);
    reply_text(req, 500, "a second answer");
    assert_true(http_request_is_answered(req));
}

static void hold_complete(struct http_request *req, void *arg)
{
    struct fixture *f = arg;
    f->completes++;
    f->held = req;
}

static void early_headers(struct http_request *req, void *arg)
{
    struct fixture *f = arg;
    f->headers++;
    reply_text(req, 401, "who are you");
}

static void unexpected_body(struct http_request *req, const char *data, size_t len, void *arg)
{
    (void)req;
    (void)data;
    (void)len;
    (void)arg;
    fail_msg("a body although the answer was given");
}

static void unexpected_complete(struct http_request *req, void *arg)
{
    (void)req;
    (void)arg;
    fail_msg("complete although the answer was given");
}

static void stream_body(struct http_request *req, const char *data, size_t len, void *arg)
{
    struct fixture *f = arg;
    (void)data;
    f->pieces++;
    f->body_bytes += len;
    if (len > f->largest_piece)
        f->largest_piece = len;
    if (f->pauses) {
        http_request_pause(req);
        f->held = req;
    }
}

static void stream_complete(struct http_request *req, void *arg)
{
    struct fixture *f = arg;
    char text[64];
    f->completes++;
    snprintf(text, sizeof text, "took %zu", f->body_bytes);
    reply_text(req, 200, text);
}

static void mid_body(struct http_request *req, const char *data, size_t len, void *arg)
{
    struct fixture *f = arg;
    (void)data;
    (void)len;
    f->pieces++;
    reply_text(req, 400, "that will do");
}

static void look_complete(struct http_request *req, void *arg)
{
    struct fixture *f = arg;
    const char *absent = http_request_query(req, "absent");
    const char *flag = http_request_query(req, "flag");
    snprintf(f->params, sizeof f->params, "%s|%s|%s|%s|%s|%s|%s", http_request_method(req), http_request_path(req),
             http_request_param(req, "id"), http_request_query(req, "q"), flag, absent ? absent : "(none)",
             http_request_header(req, "x-color"));
    snprintf(f->request_id, sizeof f->request_id, "%s", http_request_id(req));
    assert_null(http_request_param(req, "nope"));
    struct http_header extra = {"X-Extra", "yes"};
    assert_int_equal(http_request_reply(req, 200, "text/plain", &extra, 1, "seen", 4), 0);
}

static void reset_complete(struct http_request *req, void *arg)
{
    (void)arg;
    http_request_reset(req);
}

static void bad_header_complete(struct http_request *req, void *arg)
{
    (void)arg;
    struct http_header bad = {"X-Bad", "a\r\nSet-Cookie: b"};
    assert_int_equal(http_request_reply(req, 200, NULL, &bad, 1, "", 0), ERR_INVALID);
}

static const struct http_route routes[] = {
    {.method = "POST", .pattern = "/echo", .max_body_bytes = 1000, .on_complete = echo_complete, .on_gone = on_gone},
    {.method = "GET", .pattern = "/hold", .on_complete = hold_complete, .on_gone = on_gone},
    {.method = "POST",
     .pattern = "/early",
     .max_body_bytes = 1 << 20,
     .on_headers = early_headers,
     .on_body = unexpected_body,
     .on_complete = unexpected_complete,
     .on_gone = on_gone},
    {.method = "POST",
     .pattern = "/stream",
     .max_body_bytes = 8 << 20,
     .on_body = stream_body,
     .on_complete = stream_complete,
     .on_gone = on_gone},
    {.method = "POST",
     .pattern = "/mid",
     .max_body_bytes = 8 << 20,
     .on_body = mid_body,
     .on_complete = unexpected_complete,
     .on_gone = on_gone},
    {.method = "GET", .pattern = "/look/{id}", .on_complete = look_complete, .on_gone = on_gone},
    {.method = "GET", .pattern = "/reset", .on_complete = reset_complete, .on_gone = on_gone},
    {.method = "GET", .pattern = "/bad-header", .on_complete = bad_header_complete, .on_gone = on_gone},
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    rig_open(&f->rig);
    assert_int_equal(
        http_server_create(f->rig.loop, "127.0.0.1:0", routes, sizeof routes / sizeof routes[0], f, &f->server), 0);
    assert_int_equal(strncmp(http_server_url(f->server), "http://127.0.0.1:", 17), 0);
    f->port = rig_port(http_server_url(f->server));
    peer_open(&f->peer, &f->rig, f->port);
    *state = f;
    return 0;
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

static void test_requests_share_a_connection(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 1; i <= 3; i++) {
        peer_send(&f->peer, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
        assert_true(peer_gets(&f->peer, "\r\n\r\nhello"));
        assert_true(peer_has(&f->peer, "HTTP/1.1 200 OK\r\n"));
        assert_true(peer_has(&f->peer, "Content-Length: 5\r\n"));
        assert_true(peer_has(&f->peer, "Date: "));
        assert_int_equal(f->completes, i);
        peer_forget(&f->peer);
    }
    assert_int_equal(f->gones, 3);
    assert_int_equal(http_server_open_requests(f->server), 0);
    assert_false(f->peer.is_closed);
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture *f = *state;
    peer_send(&f->peer, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\none"
                        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\ntwo");
    /* With the blank line before it, which no header can hold: a random request id may well contain "one". */
    assert_true(peer_gets(&f->peer, "\r\n\r\ntwo"));
    const char *in = buf_str(&f->peer.in);
    assert_true(strstr(in, "\r\n\r\none") < strstr(in, "\r\n\r\ntwo"));
}

static void test_a_client_that_asks_first_is_told_to_go_on(void **state)
{
    struct fixture *f = *state;
    peer_send(&f->peer, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_true(peer_gets(&f->peer, "HTTP/1.1 100 Continue\r\n\r\n"));
    peer_send(&f->peer, "hello");
    assert_true(peer_gets(&f->peer, "\r\n\r\nhello"));
    assert_true(peer_has(&f->peer, "HTTP/1.1 200 OK\r\n"));
}

static void test_older_and_proxied_clients_are_served(void **state)
{
    struct fixture *f = *state;
    peer_send(&f->peer, "GET http://example.test/look/1?q=2&flag HTTP/1.1\r\nHost: h\r\nX-Color: c\r\n\r\n");
    assert_true(peer_gets(&f->peer, "seen"));
    assert_string_equal(f->params, "GET|/look/1|1|2||(none)|c");
    peer_forget(&f->peer);
    peer_send(&f->peer, "POST /echo HTTP/1.0\r\nContent-Length: 3\r\n\r\nold");
    assert_true(peer_gets(&f->peer, "\r\n\r\nold"));
    assert_true(peer_waits_for_close(&f->peer));
}

static void test_what_a_request_says_can_be_read(void **state)
{
    struct fixture *f = *state;
    peer_send(&f->peer, "GET /look/a%2Fb%20c?q=x%26y+z&flag&q=second HTTP/1.1\r\nHost: h\r\nX-Color: blue\r\n"
                        "X-Request-Id: trace_7\r\n\r\n");
    assert_true(peer_gets(&f->peer, "seen"));
    assert_string_equal(f->params, "GET|/look/a%2Fb%20c|a/b c|x&y z||(none)|blue");
    assert_string_equal(f->request_id, "trace_7");
    assert_true(peer_has(&f->peer, "X-Request-Id: trace_7\r\n"));
    assert_true(peer_has(&f->peer, "X-Extra: yes\r\n"));
    assert_true(peer_has(&f->peer, "Content-Type: text/plain\r\n"));
}

static void test_a_request_id_that_is_no_identifier_is_replaced(void **state)
{
    struct fixture *f = *state;
    peer_send(&f->peer, "GET /look/1?q=&flag HTTP/1.1\r\nHost: h\r\nX-Color: c\r\nX-Request-Id: a b\r\n\r\n");
    assert_true(peer_gets(&f->peer, "seen"));
    assert_int_equal(strncmp(f->request_id, "req_", 4), 0);
    assert_false(peer_has(&f->peer, "a b"));
}

static void test_head_gets_the_headers_of_get(void **state)
{
    struct fixture *f = *state;
    peer_send(&f->peer, "HEAD /look/1 HTTP/1.1\r\nHost: h\r\nX-Color: c\r\n\r\n");
    assert_true(peer_gets(&f->peer, "\r\n\r\n"));
    assert_true(peer_has(&f->peer, "Content-Length: 4\r\n"));
    assert_false(peer_has(&f->peer, "seen"));
    assert_int_equal(strncmp(f->params, "HEAD|", 5), 0);
}

static void test_unknown_paths_and_methods_are_refused(void **state)
{
    struct fixture *f = *state;
    peer_send(&f->peer, "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(peer_gets(&f->peer, "404"));
    peer_send(&f->peer, "DELETE /look/1 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(peer_gets(&f->peer, "HTTP/1.1 405 "));
    assert_true(peer_has(&f->peer, "Allow: GET, HEAD\r\n"));
    peer_send(&f->peer, "GET /look/%zz HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(peer_gets(&f->peer, "HTTP/1.1 400 "));
    peer_forget(&f->peer);
    peer_send(&f->peer, "GET /look/1?q=%FF HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(peer_gets(&f->peer, "HTTP/1.1 400 "));
    assert_false(f->peer.is_closed);
    assert_int_equal(f->gones, 1); /* a row had taken only the last of them */
}

static void refuse_as_json(struct http_request *req, int status, const char *detail, void *arg)
{
    char text[128];
    assert_ptr_equal(arg, req == NULL ? NULL : arg);
    int n = snprintf(text, sizeof text, "{\"status\":%d,\"detail\":\"%s\"}", status, detail);
    assert_int_equal(http_request_reply(req, status, "application/json", NULL, 0, text, (size_t)n), 0);
}

static void test_a_process_refuses_in_its_own_words(void **state)
{
    struct fixture *f = *state;
    http_server_on_refuse(f->server, refuse_as_json, f);
    peer_send(&f->peer, "POST /hold HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    assert_true(peer_gets(&f->peer, "{\"status\":405,\"detail\":\"GET, HEAD\"}"));
    assert_true(peer_has(&f->peer, "Allow: GET, HEAD\r\n"));
    peer_send(&f->peer, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
    assert_true(peer_gets(&f->peer, "{\"status\":413,\"detail\":\"1000\"}"));
}

static void test_an_added_table_comes_first(void **state)
{
    struct fixture *f = *state;
    static const struct http_route more[] = {
        {.method = "GET", .pattern = "/look/special", .on_complete = hold_complete, .on_gone = on_gone}};
    struct fixture other = {.held = NULL};
    assert_int_equal(http_server_add_routes(f->server, more, 1, &other), 0);
    peer_send(&f->peer, "GET /look/special HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(rig_wait(&f->rig, is_held, &other));
    reply_text(other.held, 200, "special");
    assert_true(peer_gets(&f->peer, "special"));
    assert_int_equal(other.gones, 1);
}

static void test_an_answer_may_come_later(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 1; i <= 2; i++) {
        peer_send(&f->peer, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_true(rig_wait(&f->rig, is_held, f));
        rig_linger_us(&f->rig, 20000);
        assert_int_equal(f->completes, i);
        assert_int_equal(http_server_open_requests(f->server), 1);
        reply_text(f->held, 200, "at last");
        assert_true(peer_gets(&f->peer, "at last"));
        assert_int_equal(f->gones, i);
        assert_null(f->held);
        peer_forget(&f->peer);
    }
}

static void test_a_client_gone_before_the_answer_costs_one_on_gone(void **state)
{
    struct fixture *f = *state;
    peer_send(&f->peer, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(rig_wait(&f->rig, is_held, f));
    shutdown(f->peer.fd, SHUT_RDWR);
    rig_linger_us(&f->rig, 20000);
    if (f->held != NULL)
        reply_text(f->held, 200, "nobody hears this");
    assert_true(rig_wait(&f->rig, has_gone, f));
    rig_linger_us(&f->rig, 20000);
    assert_int_equal(f->gones, 1);
    assert_int_equal(http_server_open_requests(f->server), 0);
}

static void test_a_client_gone_within_the_body_costs_one_on_gone(void **state)
{
    struct fixture *f = *state;
    peer_send(&f->peer, "POST /stream HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc");
    struct peer_expectation never = {&f->peer, "HTTP"};
    assert_false(rig_wait_us(&f->rig, peer_has_text, &never, 30000));
    assert_int_equal(f->body_bytes, 3);
    shutdown(f->peer.fd, SHUT_RDWR);
    assert_true(rig_wait(&f->rig, has_gone, f));
    assert_int_equal(f->gones, 1);
    assert_int_equal(f->completes, 0);
}

static void test_a_client_gone_with_its_last_bytes_is_noticed_at_once(void **state)
{
    static const char cut[] = "POST /stream HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc";
    struct fixture *f = *state;
    peer_send(&f->peer, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    assert_true(peer_gets(&f->peer, "\r\n\r\nhello"));
    f->gones = 0;
    /* The loop does not run in between: one event tells the server of the bytes and of the end. */
    assert_int_equal(send(f->peer.fd, cut, sizeof cut - 1, MSG_NOSIGNAL), (ssize_t)sizeof cut - 1);
    assert_int_equal(shutdown(f->peer.fd, SHUT_WR), 0);
    assert_true(rig_wait(&f->rig, has_gone, f));
    assert_int_equal(f->body_bytes, 3);
    assert_int_equal(f->completes, 1); /* of the request before */
}

static void test_an_answer_to_the_headers_drops_the_body_and_keeps_the_connection(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 1; i <= 2; i++) {
        peer_send(&f->peer, "POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\nnothing");
        assert_true(peer_gets(&f->peer, "who are you"));
        assert_int_equal(f->headers, i);
        assert_int_equal(f->gones, i);
        peer_forget(&f->peer);
    }
    peer_send(&f->peer, "POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\nExpect: 100-continue\r\n\r\n");
    assert_true(peer_gets(&f->peer, "who are you"));
    assert_false(peer_has(&f->peer, "100 Continue"));
    assert_true(peer_waits_for_close(&f->peer));
}

static void test_an_answer_within_the_body_reaches_a_client_that_sends_on(void **state)
{
    struct fixture *f = *state;
    size_t len = 4 << 20;
    char *body = calloc(1, len);
    assert_non_null(body);
    peer_send(&f->peer, "POST /mid HTTP/1.1\r\nHost: h\r\nContent-Length: 4194304\r\n\r\n");
    peer_send_mem(&f->peer, body, len);
    free(body);
    assert_true(peer_gets(&f->peer, "that will do"));
    assert_int_equal(f->pieces, 1);
    assert_int_equal(f->gones, 1);
    assert_false(f->peer.is_closed);
}

static void test_a_body_over_the_bound_is_refused(void **state)
{
    struct fixture *f = *state;
    char body[1001];
    memset(body, 'x', sizeof body);
    peer_send(&f->peer, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n");
    peer_send_mem(&f->peer, body, sizeof body);
    assert_true(peer_gets(&f->peer, "413"));
    assert_true(peer_has(&f->peer, "1000"));
    peer_forget(&f->peer);
    peer_send(&f->peer, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n");
    peer_send_mem(&f->peer, body, sizeof body);
    peer_send(&f->peer, "\r\n0\r\n\r\n");
    assert_true(peer_gets(&f->peer, "413"));
    peer_forget(&f->peer);
    peer_send(&f->peer, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
    peer_send_mem(&f->peer, body, 1000);
    assert_true(peer_gets(&f->peer, "200 OK"));
    peer_forget(&f->peer);
    peer_send(&f->peer, "GET /hold HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
    assert_true(peer_gets(&f->peer, "413"));
    assert_int_equal(f->completes, 1);
    assert_int_equal(f->gones, 4);
}

static void test_a_chunked_body_is_put_together(void **state)
{
    struct fixture *f = *state;
    peer_send(&f->peer, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
    assert_true(peer_gets(&f->peer, "abcdefg"));
}

static bool resume_until_done(void *arg)
{
    struct fixture *f = arg;
    if (f->held != NULL)
        http_request_resume(f->held);
    return peer_has(&f->peer, "took ");
}

static void test_pauses_between_chunks_lose_nothing(void **state)
{
    struct fixture *f = *state;
    f->pauses = true;
    peer_send(&f->peer, "POST /stream HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n4\r\nghij\r\n0\r\n\r\n");
    assert_true(rig_wait(&f->rig, is_held, f));
    rig_linger_us(&f->rig, 20000);
    assert_int_equal(f->pieces, 1);
    assert_int_equal(f->body_bytes, 1);
    assert_true(rig_wait(&f->rig, resume_until_done, f));
    assert_true(peer_has(&f->peer, "took 10"));
    assert_int_equal(f->pieces, 4);
    assert_int_equal(f->gones, 1);
}

static void test_a_paused_body_waits_at_the_client(void **state)
{
    struct fixture *f = *state;
    size_t len = 8 << 20;
    char *body = calloc(1, len);
    assert_non_null(body);
    int small = 65536;
    setsockopt(f->peer.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    f->pauses = true;
    peer_send(&f->peer, "POST /stream HTTP/1.1\r\nHost: h\r\nContent-Length: 8388608\r\n\r\n");
    peer_send_mem(&f->peer, body, len);
    free(body);
    assert_true(rig_wait(&f->rig, is_held, f));
    rig_linger_us(&f->rig, 50000);
    assert_int_equal(f->pieces, 1);
    assert_true(buf_len(&f->peer.out) > len / 4); /* the kernel's buffers are full, ours hold one piece */
    assert_true(rig_wait(&f->rig, resume_until_done, f));
    assert_true(peer_has(&f->peer, "took 8388608"));
    assert_true(f->largest_piece <= 65536);
}

static void test_a_reset_is_seen_as_one(void **state)
{
    struct fixture *f = *state;
    peer_send(&f->peer, "GET /reset HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(peer_waits_for_close(&f->peer));
    assert_int_equal(f->peer.error, ECONNRESET);
    assert_int_equal(buf_len(&f->peer.in), 0);
    assert_true(rig_wait(&f->rig, has_gone, f));
}

static void test_a_held_request_can_be_reset(void **state)
{
    struct fixture *f = *state;
    peer_send(&f->peer, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(rig_wait(&f->rig, is_held, f));
    http_request_reset(f->held);
    assert_true(peer_waits_for_close(&f->peer));
    assert_int_equal(f->peer.error, ECONNRESET);
    assert_true(rig_wait(&f->rig, has_gone, f));
    assert_int_equal(f->gones, 1);
}

static void test_a_header_that_splits_the_answer_is_not_sent(void **state)
{
    struct fixture *f = *state;
    peer_send(&f->peer, "GET /bad-header HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(peer_waits_for_close(&f->peer));
    assert_false(peer_has(&f->peer, "Set-Cookie"));
    assert_int_equal(f->gones, 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_requests_share_a_connection),
        CASE(test_pipelined_requests_are_answered_in_order),
        CASE(test_a_client_that_asks_first_is_told_to_go_on),
        CASE(test_older_and_proxied_clients_are_served),
        CASE(test_what_a_request_says_can_be_read),
        CASE(test_a_request_id_that_is_no_identifier_is_replaced),
        CASE(test_head_gets_the_headers_of_get),
        CASE(test_unknown_paths_and_methods_are_refused),
        CASE(test_a_process_refuses_in_its_own_words),
        CASE(test_an_added_table_comes_first),
        CASE(test_an_answer_may_come_later),
        CASE(test_a_client_gone_before_the_answer_costs_one_on_gone),
        CASE(test_a_client_gone_within_the_body_costs_one_on_gone),
        CASE(test_a_client_gone_with_its_last_bytes_is_noticed_at_once),
        CASE(test_an_answer_to_the_headers_drops_the_body_and_keeps_the_connection),
        CASE(test_an_answer_within_the_body_reaches_a_client_that_sends_on),
        CASE(test_a_body_over_the_bound_is_refused),
        CASE(test_a_chunked_body_is_put_together),
        CASE(test_pauses_between_chunks_lose_nothing),
        CASE(test_a_paused_body_waits_at_the_client),
        CASE(test_a_reset_is_seen_as_one),
        CASE(test_a_held_request_can_be_reset),
        CASE(test_a_header_that_splits_the_answer_is_not_sent),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
