/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/event_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct heard {
    char text[512]; /* name=data; for each */
    unsigned n;
    unsigned most; /* no more after so many; 0: any number */
};

static bool on_event(const char *name, const char *data, size_t len, void *arg)
{
    struct heard *h = arg;
    size_t at = strlen(h->text);
    assert_int_equal(strlen(data), len);
    snprintf(h->text + at, sizeof h->text - at, "%s=%s;", name, data);
    return ++h->n != h->most;
}

/* What is heard does not depend on how it is cut. */
static void assert_heard(const char *stream, const char *expected, const char *last_id, unsigned retry_ms)
{
    for (size_t piece = 1; piece <= strlen(stream); piece++) {
        struct heard h = {.n = 0};
        struct event_reader r;
        event_reader_init(&r, 256, on_event, &h);
        for (size_t at = 0; at < strlen(stream); at += piece) {
            size_t left = strlen(stream) - at;
            assert_int_equal(event_reader_take(&r, stream + at, left < piece ? left : piece), 0);
        }
        assert_string_equal(h.text, expected);
        assert_string_equal(r.last_id, last_id);
        assert_int_equal(r.retry_ms, retry_ms);
        event_reader_free(&r);
    }
}

static void test_what_the_producer_writes(void **state)
{
    (void)state;
    assert_heard("retry: 2000\n\nevent: status\nid: 6c4b\ndata: {\"a\":1}\n\n: still here\n\nevent: end\nid: "
                 "6c4b-end\ndata: {}\n\n",
                 "status={\"a\":1};end={};", "6c4b-end", 2000);
}

static void test_what_the_standard_allows(void **state)
{
    (void)state;
    assert_heard("data: YHOO\ndata: +2\ndata:10\n\n", "message=YHOO\n+2\n10;", "", 0);
    assert_heard(": test stream\n\ndata: first\nid: 1\n\ndata:second\nid\n\ndata:  third\n\n",
                 "message=first;message=second;message= third;", "", 0);
    assert_heard("data\n\ndata\ndata\n\ndata:", "message=;message=\n;", "", 0);
    assert_heard("event: a\r\ndata: 1\r\n\r\nevent: b\rdata: 2\r\rdata: 3\n\n", "a=1;b=2;message=3;", "", 0);
    assert_heard("event: lost\n\ndata: x\n\n", "message=x;", "", 0);
    assert_heard("retry: soon\nretry: 7\nother: y\ndata: x\nid: 12\n\nid: 13\ndata: never ended\n", "message=x;", "12",
                 7);
}

static void test_a_name_that_is_too_long_is_none(void **state)
{
    (void)state;
    assert_heard("event: 0123456789012345678901234567890123456789\ndata: x\n\n", "message=x;", "", 0);
    assert_heard(
        "id: 1\ndata: x\n\nid: 0123456789012345678901234567890123456789012345678901234567890123456789\ndata: y\n\n",
        "message=x;message=y;", "1", 0);
}

static void test_it_can_be_told_to_stop(void **state)
{
    (void)state;
    struct heard h = {.most = 1};
    struct event_reader r;
    event_reader_init(&r, 256, on_event, &h);
    assert_int_equal(event_reader_take(&r, "data: 1\n\ndata: 2\n\n", 18), ERR_CLOSED);
    assert_string_equal(h.text, "message=1;");
    event_reader_free(&r);
}

static void test_lines_and_data_have_a_bound(void **state)
{
    (void)state;
    struct heard h = {.n = 0};
    struct event_reader r;
    event_reader_init(&r, 64, on_event, &h);
    int err = 0;
    for (int i = 0; i < 100 && err == 0; i++)
        err = event_reader_take(&r, "data: 0", 7);
    assert_int_equal(err, ERR_NOMEM);
    event_reader_restart(&r);
    err = 0;
    for (int i = 0; i < 100 && err == 0; i++)
        err = event_reader_take(&r, "data: 0123456\n", 14);
    assert_int_equal(err, ERR_NOMEM);
    event_reader_restart(&r);
    assert_int_equal(event_reader_take(&r, "data: x\n\n", 9), 0);
    assert_string_equal(h.text, "message=x;");
    event_reader_free(&r);
}

static void test_another_stream_begins_anew_and_remembers_the_id(void **state)
{
    (void)state;
    struct heard h = {.n = 0};
    struct event_reader r;
    event_reader_init(&r, 256, on_event, &h);
    assert_int_equal(event_reader_take(&r, "retry: 5\nid: 1\ndata: x\n\nid: 2\nevent: half\nda", 45), 0);
    event_reader_restart(&r);
    assert_string_equal(r.last_id, "1");
    assert_int_equal(event_reader_take(&r, "data: y\n\n", 9), 0);
    assert_string_equal(h.text, "message=x;message=y;");
    assert_string_equal(r.last_id, "1");
    assert_int_equal(r.retry_ms, 5);
    event_reader_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_producer_writes),
        cmocka_unit_test(test_what_the_standard_allows),
        cmocka_unit_test(test_a_name_that_is_too_long_is_none),
        cmocka_unit_test(test_it_can_be_told_to_stop),
        cmocka_unit_test(test_lines_and_data_have_a_bound),
        cmocka_unit_test(test_another_stream_begins_anew_and_remembers_the_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
