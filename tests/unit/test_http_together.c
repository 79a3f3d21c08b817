/* SPDX-License-Identifier: Apache-2.0
 *
 * Our server and our client on one loop: a large body, held back, and many exchanges side by side.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/http/client.h"
#include "common/http/server.h"
#include "tests/support/rig.h"

#define LARGE_BODY ((size_t)16 << 20)
#define LARGEST_PIECE ((size_t)65536)
#define MANY 32

struct fixture;

/* One of many: what it must be answered. */
struct asker {
    struct fixture *f;
    char want[8];
};

struct fixture {
    struct rig rig;
    struct asker askers[MANY];
    struct http_server *server;
    struct http_client *client;
    char url[128];
    struct http_request *paused;
    struct loop_timer *resume;
    struct http_request *held[MANY];
    size_t n_held;
    uint64_t sum; /* of the body's bytes, in their order */
    size_t taken;
    unsigned gones;
    unsigned dones;
    unsigned reused;
    int status;
    char answer[64];
};

static uint64_t add_bytes(uint64_t sum, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum = sum * 31 + (unsigned char)data[i];
    return sum;
}

static void on_resume(void *arg)
{
    struct fixture *f = arg;
    if (f->paused != NULL)
        http_request_resume(f->paused);
    f->paused = NULL;
}

/* Takes each piece as if it had to be stored first: goes on a moment later. */
static void slow_body(struct http_request *req, const char *data, size_t len, void *arg)
{
    struct fixture *f = arg;
    assert_null(f->paused);
    assert_true(len <= LARGEST_PIECE);
    f->sum = add_bytes(f->sum, data, len);
    f->taken += len;
    f->paused = req;
    http_request_pause(req);
    loop_timer_arm_us(f->resume, 0);
}

static void slow_complete(struct http_request *req, void *arg)
{
    const struct fixture *f = arg;
    char text[32];
    int n = snprintf(text, sizeof text, "%zu", f->taken);
    assert_int_equal(http_request_reply(req, 202, "text/plain", NULL, 0, text, (size_t)n), 0);
}

static void hold_complete(struct http_request *req, void *arg)
{
    struct fixture *f = arg;
    f->held[f->n_held++] = req;
}

static void on_gone(struct http_request *req, void *arg)
{
    struct fixture *f = arg;
    (void)req;
    f->gones++;
}

static const struct http_route routes[] = {
    {.method = "POST",
     .pattern = "/slow",
     .max_body_bytes = LARGE_BODY,
     .on_body = slow_body,
     .on_complete = slow_complete,
     .on_gone = on_gone},
    {.method = "GET", .pattern = "/hold/{n}", .on_complete = hold_complete, .on_gone = on_gone},
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    rig_open(&f->rig);
    assert_int_equal(
        http_server_create(f->rig.loop, "[::1]:0", routes, sizeof routes / sizeof routes[0], f, &f->server), 0);
    assert_int_equal(http_client_create(f->rig.loop, MANY, &f->client), 0);
    assert_int_equal(loop_timer_create(f->rig.loop, on_resume, f, &f->resume), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    http_client_free(f->client);
    http_server_free(f->server);
    loop_timer_free(f->resume);
    rig_close(&f->rig);
    free(f);
    return 0;
}

static void on_done(const struct http_result *result, void *arg)
{
    struct fixture *f = arg;
    assert_int_equal(result->fail, HTTP_FAIL_NONE);
    f->status = result->status;
    f->reused += result->connection_reused;
    snprintf(f->answer, sizeof f->answer, "%s", result->body);
    f->dones++;
}

static void on_own_answer(const struct http_result *result, void *arg)
{
    const struct asker *a = arg;
    assert_int_equal(result->body_len, strlen(a->want));
    assert_string_equal(result->body, a->want);
    on_done(result, a->f);
}

static bool one_is_done(void *arg)
{
    const struct fixture *f = arg;
    return f->dones == 1;
}

static bool all_are_held(void *arg)
{
    const struct fixture *f = arg;
    return f->n_held == MANY;
}

static bool all_are_done(void *arg)
{
    const struct fixture *f = arg;
    return f->dones == MANY;
}

static void test_a_large_body_arrives_whole_however_often_it_is_held_back(void **state)
{
    struct fixture *f = *state;
    char *body = malloc(LARGE_BODY);
    assert_non_null(body);
    assert_int_equal(random_bytes(body, LARGE_BODY), 0);
    snprintf(f->url, sizeof f->url, "%s/slow", http_server_url(f->server));
    const struct http_outgoing out = {.method = "POST",
                                      .url = f->url,
                                      .body = body,
                                      .body_len = LARGE_BODY,
                                      .timeout_ms = 30000,
                                      .max_body_bytes = 100};
    assert_int_equal(http_client_send(f->client, &out, on_done, f, NULL), 0);
    assert_true(rig_wait_us(&f->rig, one_is_done, f, 30000000));
    assert_int_equal(f->status, 202);
    assert_string_equal(f->answer, "16777216");
    assert_true(f->sum == add_bytes(0, body, LARGE_BODY));
    assert_int_equal(f->gones, 1);
    free(body);
}

static void test_late_answers_find_their_own_requests(void **state)
{
    struct fixture *f = *state;
    for (unsigned round = 1; round <= 2; round++) {
        f->n_held = 0;
        f->dones = 0;
        for (unsigned i = 0; i < MANY; i++) {
            snprintf(f->url, sizeof f->url, "%s/hold/%u", http_server_url(f->server), i);
            const struct http_outgoing out = {
                .method = "GET", .url = f->url, .timeout_ms = 10000, .max_body_bytes = 100};
            f->askers[i].f = f;
            snprintf(f->askers[i].want, sizeof f->askers[i].want, "%u", i);
            assert_int_equal(http_client_send(f->client, &out, on_own_answer, &f->askers[i], NULL), 0);
        }
        assert_true(rig_wait(&f->rig, all_are_held, f));
        assert_int_equal(http_server_open_requests(f->server), MANY);
        for (unsigned i = MANY; i-- > 0;) {
            const char *n = http_request_param(f->held[i], "n");
            assert_int_equal(http_request_reply(f->held[i], 200, "text/plain", NULL, 0, n, strlen(n)), 0);
        }
        assert_true(rig_wait(&f->rig, all_are_done, f));
        assert_int_equal(f->gones, round * MANY);
    }
    assert_int_equal(f->reused, MANY);
    assert_int_equal(http_server_open_requests(f->server), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_a_large_body_arrives_whole_however_often_it_is_held_back),
        CASE(test_late_answers_find_their_own_requests),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
