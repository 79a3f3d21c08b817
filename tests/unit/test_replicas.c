/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/replicas.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "common/metrics/metrics.h"
#include "tests/support/redis_fixture.h"

#define DIALS 5
#define WAIT_MS 500

/* What became of one dial. */
struct told {
    struct dial dial; /* the first member: on_answer() finds the rest by it */
    struct world *world;
    unsigned n;
    char why_not[16]; /* "": replicas have it */
};

struct world {
    struct fixture *f;
    struct worker worker;
    struct metrics *metrics;
    struct told told[DIALS];
    unsigned n_told;
    unsigned n_enough;
};

static void on_answer(struct dial *dial, const char *why_not)
{
    struct told *told = (struct told *)(void *)dial;
    told->n++;
    told->world->n_told++;
    (void)snprintf(told->why_not, sizeof told->why_not, "%s", why_not ? why_not : "");
}

static void on_enough(struct worker *worker)
{
    struct world *w = (struct world *)(void *)((char *)worker - offsetof(struct world, worker));
    w->n_enough++;
}

static void make_replicas(struct world *w, int64_t wanted)
{
    static const struct replicas_owner owner = {.on_answer = on_answer, .on_enough = on_enough};
    assert_int_equal(replicas_create(&w->worker, wanted, WAIT_MS, &owner, &w->worker.replicas), 0);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    void *f = NULL;
    fixture_set_up(&f);
    w->f = f;
    w->worker.loop = w->f->loop;
    w->worker.redis = w->f->redis;
    static const double bounds[] = {1};
    assert_int_equal(metrics_create(&w->metrics), 0);
    struct metrics *m = w->metrics;
    w->worker.metrics.wait_seconds = metrics_histogram(m, "carillon_test_wait_seconds", "", bounds, 1);
    w->worker.metrics.waits_short = metrics_counter(m, "carillon_test_short_total", "", NULL, NULL);
    w->worker.metrics.replicas_missing = metrics_gauge(m, "carillon_test_missing", "", NULL, NULL);
    for (size_t i = 0; i < DIALS; i++)
        w->told[i].world = w;
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    void *f = w->f;
    redis_free(w->f->redis);
    w->f->redis = NULL;
    replicas_free(w->worker.replicas);
    metrics_free(w->metrics);
    fixture_tear_down(&f);
    free(w);
    return 0;
}

static void await_all(struct world *w)
{
    w->n_told = 0;
    for (size_t i = 0; i < DIALS; i++) {
        w->told[i].n = 0;
        replicas_await(w->worker.replicas, &w->told[i].dial);
    }
    assert_int_equal(w->n_told, 0); /* never from inside */
}

static void assert_all_told(const struct world *w, const char *why_not)
{
    for (size_t i = 0; i < DIALS; i++) {
        assert_int_equal(w->told[i].n, 1);
        assert_string_equal(w->told[i].why_not, why_not);
    }
}

/* A replica of its own for the fixture's server, which gets a port. */
static void start_replica(const struct world *w, struct redis_process *replica)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sin;
    char port[8], command[64];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&sin, sizeof sin), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
    close(fd);
    (void)snprintf(port, sizeof port, "%d", ntohs(sin.sin_port));
    (void)snprintf(command, sizeof command, "CONFIG SET port %s repl-diskless-sync-delay 0", port);
    assert_int_equal(fixture_ask(w->f, w->f->redis, command).type, REDIS_REPLY_STATUS);
    const char *const options[] = {"--replicaof", "127.0.0.1", port, NULL};
    redis_process_init(replica);
    redis_process_start(replica, options);
}

/* ---- nobody is wanted ---- */

static void test_without_a_wish_nobody_is_asked(void **state)
{
    struct world *w = *state;
    struct buf why;
    make_replicas(w, 0);
    uint64_t sent = redis_commands_sent(w->f->redis);
    replicas_on_ready(w->worker.replicas);
    assert_int_equal(redis_commands_sent(w->f->redis), sent);
    assert_false(replicas_are_wanted(w->worker.replicas));
    assert_true(replicas_permit(w->worker.replicas));
    buf_init(&why, 256);
    assert_true(replicas_are_enough(w->worker.replicas, &why));
    buf_free(&why);
}

/* ---- too few ---- */

static void test_too_few_refuse_what_was_begun_and_permit_nothing_more(void **state)
{
    struct world *w = *state;
    struct buf why;
    make_replicas(w, 1);
    assert_true(replicas_are_wanted(w->worker.replicas));
    assert_false(replicas_permit(w->worker.replicas)); /* not known yet */
    await_all(w);
    RUN_UNTIL(w->f, w->n_told == DIALS);
    assert_all_told(w, "replicas");
    assert_false(replicas_permit(w->worker.replicas));
    assert_int_equal(w->n_enough, 0);
    buf_init(&why, 256);
    assert_false(replicas_are_enough(w->worker.replicas, &why));
    assert_non_null(strstr(buf_str(&why), "0 of the 1 replicas"));
    buf_free(&why);
    uint64_t sent = redis_commands_sent(w->f->redis);
    RUN_UNTIL(w->f, redis_commands_sent(w->f->redis) >= sent + 2); /* and they are asked for again */
}

static void test_a_server_that_cannot_tell_counts_as_none(void **state)
{
    struct world *w = *state;
    struct buf why;
    make_replicas(w, 1);
    (void)fixture_ask(w->f, w->f->redis, "REPLICAOF 127.0.0.1 1");
    await_all(w);
    RUN_UNTIL(w->f, w->n_told == DIALS);
    assert_all_told(w, "replicas");
    buf_init(&why, 256);
    assert_false(replicas_are_enough(w->worker.replicas, &why));
    assert_non_null(strstr(buf_str(&why), "WAIT cannot be used with replica instances"));
    buf_free(&why);
}

/* ---- enough ---- */

static void test_a_replica_that_has_them_lets_them_go_and_one_that_hangs_does_not(void **state)
{
    struct world *w = *state;
    struct redis_process replica;
    make_replicas(w, 1);
    start_replica(w, &replica);
    replicas_on_ready(w->worker.replicas);
    RUN_UNTIL(w->f, w->n_enough == 1);
    assert_true(replicas_permit(w->worker.replicas));
    uint64_t sent = redis_commands_sent(w->f->redis);
    await_all(w);
    RUN_UNTIL(w->f, w->n_told == DIALS);
    assert_all_told(w, "");
    assert_int_equal(redis_commands_sent(w->f->redis), sent + 1); /* one question for all */
    assert_int_equal(w->n_enough, 1);

    redis_process_signal(&replica, SIGSTOP);
    (void)fixture_ask(w->f, w->f->redis, "SET a b");
    await_all(w);
    RUN_UNTIL(w->f, w->n_told == DIALS);
    assert_all_told(w, "replicas");
    assert_false(replicas_permit(w->worker.replicas));
    redis_process_signal(&replica, SIGCONT);
    RUN_UNTIL(w->f, w->n_enough == 2);
    assert_true(replicas_permit(w->worker.replicas));
    redis_process_end(&replica);
}

/* ---- the connection ---- */

static void test_a_lost_connection_answers_and_the_next_one_is_asked_anew(void **state)
{
    struct world *w = *state;
    make_replicas(w, 1);
    uint64_t sent = redis_commands_sent(w->f->redis);
    redis_process_signal(&w->f->server, SIGSTOP);
    await_all(w);
    RUN_UNTIL(w->f, redis_commands_sent(w->f->redis) == sent + 1);
    assert_int_equal(w->n_told, 0);
    redis_process_kill(&w->f->server);
    RUN_UNTIL(w->f, w->f->n_down > 0);
    assert_all_told(w, "redis_away");
    await_all(w); /* what comes to it afterwards */
    RUN_UNTIL(w->f, w->n_told == DIALS);
    assert_all_told(w, "redis_away");
    redis_process_start(&w->f->server, NULL);
    RUN_UNTIL(w->f, w->f->n_ready == 2);
    sent = redis_commands_sent(w->f->redis);
    replicas_on_ready(w->worker.replicas);
    assert_int_equal(redis_commands_sent(w->f->redis), sent + 1);
}

/* The sanitizer build sees that nothing is left. */
static void test_an_end_answers_what_is_under_way(void **state)
{
    struct world *w = *state;
    make_replicas(w, 1);
    uint64_t sent = redis_commands_sent(w->f->redis);
    redis_process_signal(&w->f->server, SIGSTOP);
    await_all(w);
    RUN_UNTIL(w->f, redis_commands_sent(w->f->redis) == sent + 1);
    redis_free(w->f->redis);
    w->f->redis = NULL;
    assert_all_told(w, "redis_away");
    redis_process_signal(&w->f->server, SIGCONT);
    replicas_free(NULL);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_without_a_wish_nobody_is_asked),
        TEST(test_too_few_refuse_what_was_begun_and_permit_nothing_more),
        TEST(test_a_server_that_cannot_tell_counts_as_none),
        TEST(test_a_replica_that_has_them_lets_them_go_and_one_that_hangs_does_not),
        TEST(test_a_lost_connection_answers_and_the_next_one_is_asked_anew),
        TEST(test_an_end_answers_what_is_under_way),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* as every process does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
