/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection by Sentinel: Sentinels of the test's own, which say what it wants, and a real Redis where one is named.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "common/redis/redis_private.h"
#include "tests/support/redis_fixture.h"

#define SENTINELS 3
#define PEERS 64

/* ---- Sentinels of our own ---- */

struct scripted {
    struct evconnlistener *listener; /* NULL: nobody listens there */
    int port;
    const char *says; /* when asked who the primary is; NULL: nothing */
    const char *password; /* it wants; NULL: none */
    bool is_signed_in; /* somebody has been */
    unsigned n_asked;
    struct bufferevent *peers[PEERS];
    size_t n_peers;
};

struct world {
    struct fixture fixture;
    struct scripted sentinels[SENTINELS];
    char url[128];
    int redis_port;
    char named[96]; /* the answer that names the Redis of the fixture */
};

static void reply(struct bufferevent *bev, const char *text)
{
    assert_int_equal(bufferevent_write(bev, text, strlen(text)), 0);
}

/* One command, as the parser of the test needs it: whether it begins with `name`, and holds `word`. */
static void answer_command(struct scripted *s, struct bufferevent *bev, const redisReply *command)
{
    const char *name = command->element[0]->str;
    if (strcmp(name, "AUTH") == 0) {
        assert_int_equal(command->elements, 2);
        bool is_right = s->password && strcmp(command->element[1]->str, s->password) == 0;
        s->is_signed_in |= is_right;
        reply(bev, is_right ? "+OK\r\n" : "-WRONGPASS invalid username-password pair\r\n");
    } else if (s->password && !s->is_signed_in) {
        reply(bev, "-NOAUTH Authentication required.\r\n");
    } else if (strcmp(name, "SENTINEL") == 0) {
        assert_int_equal(command->elements, 3);
        assert_string_equal(command->element[1]->str, "GET-MASTER-ADDR-BY-NAME");
        assert_string_equal(command->element[2]->str, "mymaster");
        s->n_asked++;
        if (s->says)
            reply(bev, s->says);
    } else {
        reply(bev, "-ERR unknown command\r\n");
    }
}

static void scripted_hears(struct bufferevent *bev, void *arg)
{
    struct evbuffer *input = bufferevent_get_input(bev);
    redisReader *reader = redisReaderCreate();
    void *command = NULL;
    char bytes[1024];
    int len = evbuffer_remove(input, bytes, sizeof bytes);
    assert_true(len > 0);
    assert_int_equal(redisReaderFeed(reader, bytes, (size_t)len), REDIS_OK);
    while (redisReaderGetReply(reader, &command) == REDIS_OK && command) {
        answer_command(arg, bev, command);
        freeReplyObject(command);
    }
    redisReaderFree(reader);
}

static void scripted_accepts(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer, int peer_len,
                             void *arg)
{
    struct scripted *s = arg;
    (void)peer;
    (void)peer_len;
    struct bufferevent *bev = bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    assert_non_null(bev);
    assert_true(s->n_peers < PEERS);
    s->peers[s->n_peers++] = bev;
    bufferevent_setcb(bev, scripted_hears, NULL, NULL, s);
    bufferevent_enable(bev, EV_READ);
}

static void scripted_start(struct scripted *s, struct fixture *f)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sin;
    s->listener =
        evconnlistener_new_bind(loop_base(f->loop), scripted_accepts, s, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
                                -1, (const struct sockaddr *)&sin, sizeof sin);
    assert_non_null(s->listener);
    assert_int_equal(getsockname(evconnlistener_get_fd(s->listener), (struct sockaddr *)&sin, &len), 0);
    s->port = ntohs(sin.sin_port);
}

/* From now on it refuses connections. */
static void scripted_stop(struct scripted *s)
{
    for (size_t i = 0; i < s->n_peers; i++)
        bufferevent_free(s->peers[i]);
    s->n_peers = 0;
    if (s->listener)
        evconnlistener_free(s->listener);
    s->listener = NULL;
}

static int free_port(void)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sin;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&sin, sizeof sin), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
    close(fd);
    return ntohs(sin.sin_port);
}

static int set_up(void **state)
{
    void *fixture = NULL;
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    fixture_set_up_stopped(&fixture);
    w->fixture = *(struct fixture *)fixture;
    free(fixture);
    loop_timer_free(w->fixture.guard); /* it knows the place that the fixture was at */
    assert_int_equal(loop_timer_create(w->fixture.loop, fixture_is_late, &w->fixture, &w->fixture.guard), 0);
    for (size_t i = 0; i < SENTINELS; i++)
        scripted_start(&w->sentinels[i], &w->fixture);
    (void)snprintf(w->url, sizeof w->url, "sentinel://127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d/mymaster",
                   w->sentinels[0].port, w->sentinels[1].port, w->sentinels[2].port);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    redis_free(w->fixture.redis);
    for (size_t i = 0; i < SENTINELS; i++)
        scripted_stop(&w->sentinels[i]);
    loop_timer_free(w->fixture.guard);
    loop_free(w->fixture.loop);
    redis_process_end(&w->fixture.server);
    free(w);
    return 0;
}

/* The Redis of the fixture, at a port that Sentinels can name. */
static void start_redis(struct world *w, const char *option, const char *value)
{
    char port[8];
    w->redis_port = free_port();
    (void)snprintf(port, sizeof port, "%d", w->redis_port);
    (void)snprintf(w->named, sizeof w->named, "*2\r\n$9\r\n127.0.0.1\r\n$%zu\r\n%s\r\n", strlen(port), port);
    const char *options[] = {"--port", port, option, value, NULL};
    redis_process_start(&w->fixture.server, options);
}

static void connect_by_sentinel(struct world *w)
{
    const struct redis_config config = {.url = w->url, .name = "carillon-test"};
    w->fixture.redis = fixture_connect(&w->fixture, &config);
}

static void expect_detail(const struct fixture *f, const char *part)
{
    if (!strstr(f->detail, part))
        fail_msg("'%s' does not hold '%s'", f->detail, part);
}

/* ---- discovery ---- */

static void test_the_primary_is_asked_for_and_reached(void **state)
{
    struct world *w = *state;
    start_redis(w, NULL, NULL);
    w->sentinels[0].says = w->named;
    connect_by_sentinel(w);
    RUN_UNTIL(&w->fixture, w->fixture.n_ready == 1);
    assert_int_equal(w->sentinels[0].n_asked, 1);
    assert_int_equal(w->sentinels[1].n_asked, 0);
    assert_string_equal(fixture_ask(&w->fixture, w->fixture.redis, "CLIENT GETNAME").text, "carillon-test");
    assert_int_equal(w->fixture.n_down, 0);
}

static void
test_a_sentinel_that_is_away_or_knows_nothing_is_passed_over_and_the_one_that_told_is_asked_first(void **state)
{
    struct world *w = *state;
    struct fixture *f = &w->fixture;
    start_redis(w, NULL, NULL);
    scripted_stop(&w->sentinels[0]);
    w->sentinels[1].says = "*-1\r\n";
    w->sentinels[2].says = w->named;
    connect_by_sentinel(w);
    RUN_UNTIL(f, f->n_ready == 1);
    assert_int_equal(f->n_down, 0); /* two of three that fail are no fault of the connection */
    struct answer a;
    assert_int_equal(fixture_send(f, f->redis, "CLIENT KILL TYPE normal SKIPME no", 5000, &a), 0);
    RUN_UNTIL(f, f->n_ready == 2);
    assert_int_equal(w->sentinels[1].n_asked, 1);
    assert_int_equal(w->sentinels[2].n_asked, 2);
}

static void test_where_what_a_sentinel_names_is_not_to_be_had_the_next_is_asked(void **state)
{
    struct world *w = *state;
    struct fixture *f = &w->fixture;
    char dead[96];
    start_redis(w, NULL, NULL);
    memcpy(dead, w->named, sizeof dead);
    redis_process_kill(&f->server);
    start_redis(w, NULL, NULL);
    w->sentinels[0].says = dead; /* it was cut off from the others, and knows nothing of the failover */
    w->sentinels[1].says = w->named;
    connect_by_sentinel(w);
    RUN_UNTIL(f, f->n_ready == 1);
    assert_int_equal(w->sentinels[0].n_asked, 1);
    assert_int_equal(f->redis->url.port, w->redis_port);
}

static void test_a_sentinel_that_says_nothing_is_passed_over_in_time(void **state)
{
    struct world *w = *state;
    start_redis(w, NULL, NULL);
    w->sentinels[1].says = w->named;
    connect_by_sentinel(w);
    RUN_UNTIL(&w->fixture, w->fixture.n_ready == 1);
    assert_int_equal(w->sentinels[0].n_asked, 1);
    assert_int_equal(w->sentinels[1].n_asked, 1);
}

static void test_answers_that_make_no_sense_are_passed_over(void **state)
{
    static const char *const answers[] = {
        "+OK\r\n",
        ":1\r\n",
        "*0\r\n",
        "*1\r\n$9\r\n127.0.0.1\r\n",
        "*2\r\n$9\r\n127.0.0.1\r\n$1\r\n0\r\n",
        "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n65536\r\n",
        "*2\r\n$9\r\n127.0.0.1\r\n$2\r\nxy\r\n",
        "*2\r\n$0\r\n\r\n$4\r\n6379\r\n",
        "*2\r\n$3\r\na b\r\n$4\r\n6379\r\n",
        "*2\r\n:1\r\n$4\r\n6379\r\n",
        "*2\r\n$9\r\n127.0.0.1\r\n*0\r\n",
        "-IDONTKNOW I have not enough information\r\n",
    };
    struct world *w = *state;
    struct fixture *f = &w->fixture;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        f->n_down = 0;
        for (size_t j = 0; j < SENTINELS; j++)
            w->sentinels[j].says = answers[i];
        connect_by_sentinel(w);
        RUN_UNTIL(f, f->n_down == 1);
        assert_int_equal(f->why, REDIS_REFUSAL_UNREACHABLE);
        expect_detail(f, answers[i][0] == '-' ? "IDONTKNOW" : "makes no sense");
        redis_free(f->redis);
        f->redis = NULL;
    }
    assert_int_equal(f->n_ready, 0);
}

static void test_where_no_sentinel_tells_each_is_named_with_its_fault(void **state)
{
    struct world *w = *state;
    struct fixture *f = &w->fixture;
    char node[40];
    scripted_stop(&w->sentinels[0]);
    w->sentinels[1].says = "*-1\r\n";
    scripted_stop(&w->sentinels[2]);
    connect_by_sentinel(w);
    RUN_UNTIL(f, f->n_down == 1);
    assert_int_equal(f->why, REDIS_REFUSAL_UNREACHABLE);
    expect_detail(f, "refused");
    (void)snprintf(node, sizeof node, "Sentinel 127.0.0.1:%d: knows no", w->sentinels[1].port);
    expect_detail(f, node);
    RUN_UNTIL(f, w->sentinels[1].n_asked >= 3); /* it is not given up */
    assert_int_equal(f->n_down, 1);
}

/* ---- a primary that is none, or is one no more ---- */

static void test_a_replica_that_is_named_is_left_and_the_next_sentinel_asked_until_it_is_promoted(void **state)
{
    const struct redis_config tool_config = {.skip_checks = true, .skip_scripts = true};
    struct world *w = *state;
    struct fixture *f = &w->fixture;
    start_redis(w, "--replicaof", "127.0.0.1 1");
    for (size_t i = 0; i < SENTINELS; i++)
        w->sentinels[i].says = w->named;
    connect_by_sentinel(w);
    RUN_UNTIL(f, f->n_down == 1);
    assert_int_equal(f->why, REDIS_REFUSAL_UNREACHABLE); /* no reason to end a process that starts */
    expect_detail(f, "not master");
    RUN_UNTIL(f, w->sentinels[1].n_asked >= 1 && w->sentinels[2].n_asked >= 1);
    assert_int_equal(f->n_ready, 0);

    struct redis_config config = tool_config;
    config.url = f->server.url;
    struct redis *tool = fixture_connect(f, &config);
    RUN_UNTIL(f, redis_is_ready(tool));
    (void)fixture_ask(f, tool, "REPLICAOF NO ONE");
    redis_free(tool);
    RUN_UNTIL(f, redis_is_ready(f->redis));
    assert_int_equal(f->n_down, 1);
}

static void test_a_listener_too_refuses_a_replica(void **state)
{
    struct world *w = *state;
    struct fixture *f = &w->fixture;
    start_redis(w, "--replicaof", "127.0.0.1 1");
    w->sentinels[0].says = w->named;
    w->sentinels[1].says = w->named;
    w->sentinels[2].says = w->named;
    const struct redis_config config = {.url = w->url, .skip_checks = true, .skip_scripts = true};
    f->redis = fixture_connect(f, &config);
    RUN_UNTIL(f, f->n_down == 1);
    expect_detail(f, "not master");
}

static void test_after_a_failover_the_other_one_is_reached_and_it_has_another_run_id(void **state)
{
    struct world *w = *state;
    struct fixture *f = &w->fixture;
    char run_id[REDIS_RUN_ID_LEN + 1];
    start_redis(w, NULL, NULL);
    w->sentinels[0].says = w->named;
    connect_by_sentinel(w);
    RUN_UNTIL(f, f->n_ready == 1);
    memcpy(run_id, redis_run_id(f->redis), sizeof run_id);
    redis_process_kill(&f->server);
    RUN_UNTIL(f, f->n_down == 1);
    RUN_UNTIL(f, f->redis->attempts >= 3); /* Sentinel still names the dead one */
    start_redis(w, NULL, NULL); /* another port, and `named` says so */
    RUN_UNTIL(f, f->n_ready == 2);
    assert_string_not_equal(redis_run_id(f->redis), run_id);
    assert_int_equal(f->redis->url.port, w->redis_port);
}

static void recheck_now(struct fixture *f)
{
    f->redis->recheck_us = clock_mono_us();
    redis_timer_update(f->redis);
}

static void test_a_primary_that_sentinel_names_no_more_is_left_although_it_answers(void **state)
{
    struct world *w = *state;
    struct fixture *f = &w->fixture;
    char other[96];
    start_redis(w, NULL, NULL);
    w->sentinels[0].says = w->named;
    connect_by_sentinel(w);
    RUN_UNTIL(f, f->n_ready == 1);
    int64_t due_us = f->redis->recheck_us - clock_mono_us();
    assert_true(due_us <= REDIS_RECHECK_MAX_US);
    recheck_now(f);
    RUN_UNTIL(f, w->sentinels[0].n_asked == 2 && f->redis->recheck_us != REDIS_NEVER_US);
    assert_int_equal(f->n_down, 0);

    (void)snprintf(other, sizeof other, "*2\r\n$9\r\nlocalhost\r\n:%d\r\n", w->redis_port);
    w->sentinels[0].says = other;
    recheck_now(f);
    RUN_UNTIL(f, f->n_down == 1);
    expect_detail(f, "another primary: localhost");
    RUN_UNTIL(f, f->n_ready == 2);
    assert_string_equal(f->redis->url.host, "localhost");
}

static void test_a_primary_that_answers_is_kept_while_no_sentinel_tells(void **state)
{
    struct world *w = *state;
    struct fixture *f = &w->fixture;
    start_redis(w, NULL, NULL);
    w->sentinels[0].says = w->named;
    connect_by_sentinel(w);
    RUN_UNTIL(f, f->n_ready == 1);
    scripted_stop(&w->sentinels[0]);
    w->sentinels[1].says = "*-1\r\n";
    w->sentinels[2].says = "-ERR busy\r\n";
    recheck_now(f);
    RUN_UNTIL(f, w->sentinels[2].n_asked == 1 && f->redis->recheck_us != REDIS_NEVER_US);
    assert_int_equal(f->n_down, 0);
    assert_string_equal(fixture_ask(f, f->redis, "PING").text, "PONG");
}

static void test_with_sentinel_no_pause_is_longer_than_half_a_second(void **state)
{
    struct world *w = *state;
    struct fixture *f = &w->fixture;
    for (size_t i = 0; i < SENTINELS; i++)
        w->sentinels[i].says = "*-1\r\n";
    connect_by_sentinel(w);
    RUN_UNTIL(f, f->n_down == 1);
    for (unsigned i = 0; i < 20; i++) {
        f->redis->attempts = 30;
        unsigned asked = w->sentinels[0].n_asked + w->sentinels[1].n_asked + w->sentinels[2].n_asked;
        RUN_UNTIL(f, f->redis->state == REDIS_STATE_WAITING);
        f->redis->wake_us = clock_mono_us();
        redis_timer_update(f->redis);
        RUN_UNTIL(f, w->sentinels[0].n_asked + w->sentinels[1].n_asked + w->sentinels[2].n_asked == asked + SENTINELS &&
                         f->redis->state == REDIS_STATE_WAITING);
        assert_true(f->redis->wake_us - clock_mono_us() <= REDIS_BACKOFF_SENTINEL_MAX_US);
    }
}

/* ---- passwords ---- */

static void test_sentinels_get_their_own_password(void **state)
{
    struct world *w = *state;
    struct fixture *f = &w->fixture;
    start_redis(w, "--requirepass", "of-redis");
    w->sentinels[0].says = w->named;
    w->sentinels[0].password = "of-sentinel";
    const struct redis_config config = {.url = w->url, .password = "of-redis", .sentinel_password = "of-sentinel"};
    f->redis = fixture_connect(f, &config);
    RUN_UNTIL(f, f->n_ready == 1);
    assert_true(w->sentinels[0].is_signed_in);
}

static void test_a_password_that_all_sentinels_refuse_is_told_as_that(void **state)
{
    struct world *w = *state;
    struct fixture *f = &w->fixture;
    for (size_t i = 0; i < SENTINELS; i++)
        w->sentinels[i].password = "right";
    const struct redis_config config = {.url = w->url, .sentinel_password = "wrong"};
    f->redis = fixture_connect(f, &config);
    RUN_UNTIL(f, f->n_down == 1);
    assert_int_equal(f->why, REDIS_REFUSAL_AUTH);
    expect_detail(f, "WRONGPASS");
    assert_null(strstr(f->detail, "wrong"));
}

static void test_a_password_for_sentinels_without_sentinels_is_refused(void **state)
{
    struct world *w = *state;
    const struct redis_config config = {.url = "redis://127.0.0.1", .sentinel_password = "x"};
    struct redis *redis = NULL;
    const char *why = "";
    assert_int_equal(redis_create(w->fixture.loop, &config, NULL, NULL, NULL, &redis, &why), ERR_INVALID);
    assert_non_null(strstr(why, "sentinel://"));
}

/* ---- its end ---- */

static void down_frees(enum redis_refusal why, const char *detail, void *arg)
{
    struct fixture *f = arg;
    fixture_down(why, detail, f);
    redis_free(f->redis);
    f->redis = NULL;
}

static void test_it_may_be_freed_while_a_sentinel_is_asked_and_when_all_have_failed(void **state)
{
    struct world *w = *state;
    struct fixture *f = &w->fixture;
    connect_by_sentinel(w);
    RUN_UNTIL(f, w->sentinels[0].n_asked == 1);
    assert_int_equal(f->redis->state, REDIS_STATE_SENTINEL);
    redis_free(f->redis);

    for (size_t i = 0; i < SENTINELS; i++)
        w->sentinels[i].says = "*-1\r\n";
    const struct redis_config config = {.url = w->url};
    const char *why = "";
    assert_int_equal(redis_create(f->loop, &config, NULL, down_frees, f, &f->redis, &why), 0);
    RUN_UNTIL(f, f->n_down == 1);
    assert_null(f->redis);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_the_primary_is_asked_for_and_reached),
        IN_WORLD(test_a_sentinel_that_is_away_or_knows_nothing_is_passed_over_and_the_one_that_told_is_asked_first),
        IN_WORLD(test_where_what_a_sentinel_names_is_not_to_be_had_the_next_is_asked),
        IN_WORLD(test_a_sentinel_that_says_nothing_is_passed_over_in_time),
        IN_WORLD(test_answers_that_make_no_sense_are_passed_over),
        IN_WORLD(test_where_no_sentinel_tells_each_is_named_with_its_fault),
        IN_WORLD(test_a_replica_that_is_named_is_left_and_the_next_sentinel_asked_until_it_is_promoted),
        IN_WORLD(test_a_listener_too_refuses_a_replica),
        IN_WORLD(test_after_a_failover_the_other_one_is_reached_and_it_has_another_run_id),
        IN_WORLD(test_a_primary_that_sentinel_names_no_more_is_left_although_it_answers),
        IN_WORLD(test_a_primary_that_answers_is_kept_while_no_sentinel_tells),
        IN_WORLD(test_with_sentinel_no_pause_is_longer_than_half_a_second),
        IN_WORLD(test_sentinels_get_their_own_password),
        IN_WORLD(test_a_password_that_all_sentinels_refuse_is_told_as_that),
        IN_WORLD(test_a_password_for_sentinels_without_sentinels_is_refused),
        IN_WORLD(test_it_may_be_freed_while_a_sentinel_is_asked_and_when_all_have_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
