/* SPDX-License-Identifier: Apache-2.0
 *
 * What the HTTP client makes of answers, and of what is none: above all whether anything was sent.
 */
#include <stdio.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/http/client.h"
#include "tests/support/client_rig.h"

#define ONE_DAY_MS INT64_C(86400000)

/* ---- what is answered ---- */

static void test_a_long_body_is_cut_and_the_status_counts(void **state)
{
    struct client_rig *f = *state;
    struct buf answer;
    buf_init(&answer, 100000);
    assert_int_equal(buf_append_str(&answer, "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 50000\r\n\r\n"),
                     0);
    for (unsigned i = 0; i < 50000; i++)
        assert_int_equal(buf_append_char(&answer, 'x'), 0);
    struct outcome *o = exchange_for(f, buf_str(&answer));
    assert_int_equal(o->result.fail, HTTP_FAIL_NONE);
    assert_int_equal(o->result.status, 503);
    assert_true(o->result.body_cut);
    assert_int_equal(o->result.body_len, 255);
    assert_int_equal(o->result.retry_after_ms, 7000);
    buf_free(&answer);
}

static bool is_one_done(void *arg)
{
    struct client_rig *f = arg;
    for (size_t i = 0; i < MAX_IN_FLIGHT; i++)
        if (f->outcomes[i].calls > 0)
            return true;
    return false;
}

static void test_bodies_that_are_too_much_together_are_cut(void **state)
{
    struct client_rig *f = *state;
    const size_t each = 20u << 20;
    struct http_outgoing out = request_to("GET", f->url);
    struct buf answer;
    buf_init(&answer, each + 100);
    assert_int_equal(buf_append_str(&answer, "HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n"), 0);
    for (size_t i = 0; i < each; i++)
        assert_int_equal(buf_append_char(&answer, 'x'), 0);
    f->answer = buf_str(&answer);
    out.max_body_bytes = 30000000;
    for (size_t i = 0; i < MAX_IN_FLIGHT; i++)
        assert_int_equal(http_client_send(f->client, &out, on_done, &f->outcomes[i], NULL), 0);
    assert_true(rig_wait(&f->rig, is_one_done, f));
    for (size_t i = 0; i < MAX_IN_FLIGHT; i++) {
        const struct outcome *o = &f->outcomes[i];
        assert_true(o->calls == 0 ||
                    (o->result.fail == HTTP_FAIL_NONE && o->result.body_cut && o->result.status == 200));
    }
    buf_free(&answer);
}

static void test_endless_headers_are_no_answer(void **state)
{
    struct client_rig *f = *state;
    struct buf answer;
    buf_init(&answer, 100000);
    assert_int_equal(buf_append_str(&answer, "HTTP/1.1 200 OK\r\n"), 0);
    while (buf_len(&answer) <= LIMIT_HTTP_CLIENT_HEADER_BYTES)
        assert_int_equal(buf_append_str(&answer, "X-Filler: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n"), 0);
    struct outcome *o = exchange_for(f, buf_str(&answer));
    assert_int_equal(o->result.fail, HTTP_FAIL_PROTOCOL);
    assert_true(o->result.was_sent);
    assert_string_equal(o->detail, "headers too large");
    buf_free(&answer);
}

static void test_what_is_not_http_is_no_answer(void **state)
{
    struct client_rig *f = *state;
    struct outcome *o = exchange_for(f, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
    assert_int_equal(o->result.fail, HTTP_FAIL_PROTOCOL);
    assert_true(o->result.was_sent);
    assert_int_equal(o->result.status, 0);
}

static void test_a_redirect_is_an_answer_like_any_other(void **state)
{
    struct client_rig *f = *state;
    struct outcome *o =
        exchange_for(f, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(o->result.fail, HTTP_FAIL_NONE);
    assert_int_equal(o->result.status, 302);
    assert_int_equal(f->requests, 1);
}

struct retry_after {
    const char *value;
    int64_t ms;
};

static void test_retry_after_is_read_in_both_forms_and_bounded(void **state)
{
    struct client_rig *f = *state;
    static const struct retry_after cases[] = {
        {"Retry-After: 0", 0},
        {"Retry-After: 120", 120000},
        {"retry-after:  5 ", 5000},
        {"Retry-After: 86400", ONE_DAY_MS},
        {"Retry-After: 86401", ONE_DAY_MS},
        {"Retry-After: 99999999999999999999999", ONE_DAY_MS},
        {"Retry-After: Wed, 21 Oct 2015 07:28:00 GMT", 0},
        {"Retry-After: Fri, 31 Dec 2100 23:59:59 GMT", ONE_DAY_MS},
        {"Retry-After: -5", -1},
        {"Retry-After: soon", -1},
        {"Retry-After:", -1},
        {"Retry-After: 1.5", -1},
        {"X-Retry-After: 9", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char answer[256];
        snprintf(answer, sizeof answer, "HTTP/1.1 429 Slow Down\r\n%s\r\nContent-Length: 0\r\n\r\n", cases[i].value);
        struct outcome *o = exchange_for(f, answer);
        assert_int_equal(o->result.status, 429);
        if (o->result.retry_after_ms != cases[i].ms)
            fail_msg("%s: %lld", cases[i].value, (long long)o->result.retry_after_ms);
    }
}

static void test_a_retry_after_date_counts_from_now(void **state)
{
    struct client_rig *f = *state;
    char answer[256];
    char date[64];
    time_t then = (time_t)(clock_wall_ms() / 1000) + 100;
    struct tm parts;
    assert_non_null(gmtime_r(&then, &parts));
    assert_true(strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts) > 0);
    snprintf(answer, sizeof answer, "HTTP/1.1 503 Busy\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n", date);
    struct outcome *o = exchange_for(f, answer);
    assert_in_range(o->result.retry_after_ms, 90000, 100000);
}

/* In whichever order they stand. */
static void test_a_retry_after_date_counts_by_the_date_of_its_answer(void **state)
{
    struct client_rig *f = *state;
    static const char *const heads[] = {
        "Date: Wed, 21 Oct 2015 07:28:00 GMT\r\nRetry-After: Wed, 21 Oct 2015 07:28:40 GMT",
        "Retry-After: Fri, 31 Dec 2100 23:00:40 GMT\r\nDate: Fri, 31 Dec 2100 23:00:00 GMT",
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        char answer[256];
        snprintf(answer, sizeof answer, "HTTP/1.1 503 Busy\r\n%s\r\nContent-Length: 0\r\n\r\n", heads[i]);
        assert_in_range(exchange_for(f, answer)->result.retry_after_ms, 38000, 41000);
    }
}

static void test_a_date_is_told_by_how_far_it_is_from_our_clock(void **state)
{
    struct client_rig *f = *state;
    char answer[256];
    char date[64];
    time_t then = (time_t)(clock_wall_ms() / 1000) - 3600;
    struct tm parts;
    assert_non_null(gmtime_r(&then, &parts));
    assert_true(strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts) > 0);
    snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Length: 0\r\n\r\n", date);
    assert_in_range(-exchange_for(f, answer)->result.date_ahead_ms, 3600000, 3610000);
    static const char *const none[] = {"", "Date: soon\r\n", "Date:\r\n", "X-Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\n%sContent-Length: 0\r\n\r\n", none[i]);
        assert_true(exchange_for(f, answer)->result.date_ahead_ms == HTTP_NO_DATE);
    }
}

static void test_an_interim_answer_is_not_the_answer(void **state)
{
    struct client_rig *f = *state;
    struct outcome *o = exchange_for(f, "HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\n\r\n"
                                        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_int_equal(o->result.status, 200);
    assert_int_equal(o->result.retry_after_ms, -1);
}

/* ---- what fails, and whether anything left ---- */

static void hang_up_at_once(struct peer *p, void *arg)
{
    struct client_rig *f = arg;
    if (take_request(p)) {
        f->requests++;
        peer_send(p, f->answer);
        peer_write(p);
        peer_hang_up(p);
    }
}

static void test_an_answer_that_breaks_off_is_a_reset_with_its_status(void **state)
{
    struct client_rig *f = *state;
    f->listener.on_input = hang_up_at_once;
    struct outcome *o = exchange_for(f, "HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"id\":");
    assert_int_equal(o->result.fail, HTTP_FAIL_RESET);
    assert_true(o->result.was_sent);
    assert_int_equal(o->result.status, 201);
}

static void test_silence_ends_at_the_timeout_and_counts_as_sent(void **state)
{
    struct client_rig *f = *state;
    struct http_outgoing out = request_to("POST", f->url);
    out.timeout_ms = 100;
    out.flags = HTTP_ONCE;
    struct outcome *o = exchange(f, &out);
    assert_int_equal(o->result.fail, HTTP_FAIL_TIMEOUT);
    assert_true(o->result.was_sent);
    assert_in_range(o->result.total_us, 90000, 2000000);
    assert_int_equal(f->requests, 1);
}

static void test_a_refused_connection_sent_nothing(void **state)
{
    struct client_rig *f = *state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in own = {.sin_family = AF_INET};
    socklen_t len = sizeof own;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&own, len), 0); /* bound, but nobody listens */
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &len), 0);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(own.sin_port));
    struct http_outgoing out = request_to("POST", url);
    struct outcome *o = exchange(f, &out);
    close(fd);
    assert_int_equal(o->result.fail, HTTP_FAIL_CONNECT);
    assert_false(o->result.was_sent);
    assert_true(o->detail[0] != '\0');
}

static void test_a_connection_that_does_not_come_about_sent_nothing(void **state)
{
    struct client_rig *f = *state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in own = {.sin_family = AF_INET};
    socklen_t len = sizeof own;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&own, len), 0);
    assert_int_equal(listen(fd, 0), 0); /* its queue holds one, which nobody takes */
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &len), 0);
    struct peer filler[2];
    for (size_t i = 0; i < 2; i++)
        peer_open(&filler[i], &f->rig, ntohs(own.sin_port));
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(own.sin_port));
    struct http_outgoing out = request_to("POST", url);
    out.connect_timeout_ms = 100;
    struct outcome *o = exchange(f, &out);
    assert_int_equal(o->result.fail, HTTP_FAIL_TIMEOUT);
    assert_false(o->result.was_sent);
    for (size_t i = 0; i < 2; i++)
        peer_close(&filler[i]);
    close(fd);
}

/* Whoever stood still since it was asked for does not send it late. */
static void test_a_request_whose_time_is_over_when_its_connection_stands_is_not_sent(void **state)
{
    struct client_rig *f = *state;
    f->answer = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
    struct http_outgoing out = request_to("POST", f->url);
    out.leave_by_us = clock_mono_us() - 1;
    struct outcome *o = exchange(f, &out);
    assert_int_equal(o->result.fail, HTTP_FAIL_LOCAL);
    assert_false(o->result.was_sent);
    rig_linger_us(&f->rig, 50000);
    assert_int_equal(f->requests, 0);
    out.leave_by_us = clock_mono_us() + PATIENCE_MS * INT64_C(1000);
    assert_int_equal(exchange(f, &out)->result.status, 201);
}

static void test_a_plain_server_asked_for_tls_was_sent_nothing(void **state)
{
    struct client_rig *f = *state;
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", f->listener.port);
    f->listener.on_input = hang_up_at_once;
    f->answer = "";
    struct http_outgoing out = request_to("POST", url);
    out.timeout_ms = 300; /* the raw server waits for the end of a request that never comes */
    struct outcome *o = exchange(f, &out);
    assert_true(o->result.fail == HTTP_FAIL_TLS || o->result.fail == HTTP_FAIL_TIMEOUT);
    assert_false(o->result.was_sent);
}

static void test_urls_that_cannot_be_are_told_apart(void **state)
{
    struct client_rig *f = *state;
    static const char *const bad[] = {"ftp://127.0.0.1/", "file:///etc/passwd", "http://",
                                      "http://a b/",      "http://[::1/",       "gopher://127.0.0.1:1/"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct http_outgoing out = request_to("GET", bad[i]);
        struct outcome *o = exchange(f, &out);
        if (o->result.fail != HTTP_FAIL_URL || o->result.was_sent)
            fail_msg("%s: %d (%s)", bad[i], (int)o->result.fail, o->detail);
    }
    char url[128] = "http://";
    memset(url + 7, 'a', 64); /* a label has at most 63 characters: no server is asked */
    memcpy(url + 71, ".test/", 7);
    struct http_outgoing out = request_to("GET", url);
    struct outcome *o = exchange(f, &out);
    assert_int_equal(o->result.fail, HTTP_FAIL_RESOLVE);
    assert_false(o->result.was_sent);
}

static bool no_loopback(const struct sockaddr *address, void *arg)
{
    unsigned *asked = arg;
    (*asked)++;
    return address->sa_family != AF_INET ||
           ((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr != htonl(INADDR_LOOPBACK);
}

static void test_an_address_that_is_not_permitted_gets_no_socket(void **state)
{
    struct client_rig *f = *state;
    unsigned asked = 0;
    struct http_outgoing out = request_to("POST", f->url);
    out.address_fn = no_loopback;
    out.address_arg = &asked;
    struct outcome *o = exchange(f, &out);
    assert_int_equal(o->result.fail, HTTP_FAIL_ADDRESS);
    assert_false(o->result.was_sent);
    assert_int_equal(asked, 1);
    assert_int_equal(f->listener.n_peers, 0);
}

static void test_the_proxy_of_the_environment_is_not_used(void **state)
{
    struct client_rig *f = *state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    struct outcome *o = exchange_for(f, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(o->result.status, 200);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, client_rig_setup, client_rig_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_a_long_body_is_cut_and_the_status_counts),
        CASE(test_bodies_that_are_too_much_together_are_cut),
        CASE(test_endless_headers_are_no_answer),
        CASE(test_what_is_not_http_is_no_answer),
        CASE(test_a_redirect_is_an_answer_like_any_other),
        CASE(test_retry_after_is_read_in_both_forms_and_bounded),
        CASE(test_a_retry_after_date_counts_from_now),
        CASE(test_a_retry_after_date_counts_by_the_date_of_its_answer),
        CASE(test_a_date_is_told_by_how_far_it_is_from_our_clock),
        CASE(test_an_interim_answer_is_not_the_answer),
        CASE(test_an_answer_that_breaks_off_is_a_reset_with_its_status),
        CASE(test_silence_ends_at_the_timeout_and_counts_as_sent),
        CASE(test_a_refused_connection_sent_nothing),
        CASE(test_a_connection_that_does_not_come_about_sent_nothing),
        CASE(test_a_request_whose_time_is_over_when_its_connection_stands_is_not_sent),
        CASE(test_a_plain_server_asked_for_tls_was_sent_nothing),
        CASE(test_urls_that_cannot_be_are_told_apart),
        CASE(test_an_address_that_is_not_permitted_gets_no_socket),
        CASE(test_the_proxy_of_the_environment_is_not_used),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
