/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <netinet/tcp.h>
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

/* ---- a server of our own, which says one thing ---- */

struct parrot {
    struct evconnlistener *listener;
    const char *says; /* to the first bytes of every connection; NULL: nothing */
    bool hangs_up; /* instead */
    unsigned n_connections;
    struct bufferevent *peers[8];
    char url[40];
};

static void parrot_hears(struct bufferevent *bev, void *arg)
{
    const struct parrot *parrot = arg;
    struct evbuffer *input = bufferevent_get_input(bev);
    evbuffer_drain(input, evbuffer_get_length(input));
    if (parrot->says)
        assert_int_equal(bufferevent_write(bev, parrot->says, strlen(parrot->says)), 0);
}

static void parrot_accepts(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer, int peer_len,
                           void *arg)
{
    struct parrot *parrot = arg;
    (void)peer;
    (void)peer_len;
    struct bufferevent *bev = bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    assert_non_null(bev);
    assert_true(parrot->n_connections < 8);
    parrot->n_connections++;
    if (parrot->hangs_up) {
        bufferevent_free(bev);
        return;
    }
    parrot->peers[parrot->n_connections - 1] = bev;
    bufferevent_setcb(bev, parrot_hears, NULL, NULL, parrot);
    bufferevent_enable(bev, EV_READ);
}

static void parrot_start(struct parrot *parrot, struct fixture *f, const char *host)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sin;
    parrot->listener = evconnlistener_new_bind(loop_base(f->loop), parrot_accepts, parrot,
                                               LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, -1,
                                               (const struct sockaddr *)&sin, sizeof sin);
    assert_non_null(parrot->listener);
    assert_int_equal(getsockname(evconnlistener_get_fd(parrot->listener), (struct sockaddr *)&sin, &len), 0);
    (void)snprintf(parrot->url, sizeof parrot->url, "redis://%s:%d", host, ntohs(sin.sin_port));
}

static void parrot_stop(struct parrot *parrot)
{
    for (size_t i = 0; i < 8; i++)
        if (parrot->peers[i])
            bufferevent_free(parrot->peers[i]);
    evconnlistener_free(parrot->listener);
}

/* Connects to a parrot that says `says` until the connection tells why it is refused. */
static void meet_parrot(struct fixture *f, const char *says, bool hangs_up, int64_t connect_timeout_ms)
{
    struct parrot parrot = {.says = says, .hangs_up = hangs_up};
    parrot_start(&parrot, f, "127.0.0.1");
    const struct redis_config config = {
        .url = parrot.url, .password = "open sesame", .connect_timeout_ms = connect_timeout_ms};
    f->redis = fixture_connect(f, &config);
    RUN_UNTIL(f, f->n_down == 1);
    assert_int_equal(f->n_ready, 0);
    redis_free(f->redis);
    f->redis = NULL;
    parrot_stop(&parrot);
}

static void test_a_server_that_still_loads_is_refused_as_loading(void **state)
{
    struct fixture *f = *state;
    meet_parrot(f, "-LOADING Redis is loading the dataset in memory\r\n", false, 0);
    assert_int_equal(f->why, REDIS_REFUSAL_LOADING);
}

static void test_a_server_without_room_is_unreachable(void **state)
{
    struct fixture *f = *state;
    meet_parrot(f, "-ERR max number of clients reached\r\n", false, 0);
    assert_int_equal(f->why, REDIS_REFUSAL_UNREACHABLE);
    assert_non_null(strstr(f->detail, "max number of clients"));
}

static void test_a_server_that_repeats_the_password_is_not_quoted(void **state)
{
    struct fixture *f = *state;
    meet_parrot(f, "-ERR unknown command 'AUTH', with args beginning with: 'open sesame'\r\n", false, 0);
    assert_int_equal(f->why, REDIS_REFUSAL_AUTH);
    assert_null(strstr(f->detail, "sesame"));
}

static void test_another_protocol_is_refused(void **state)
{
    struct fixture *f = *state;
    meet_parrot(f, "HTTP/1.1 400 Bad Request\r\n\r\n", false, 0);
    assert_int_equal(f->why, REDIS_REFUSAL_UNREACHABLE);
    assert_non_null(strstr(f->detail, "protocol"));
}

static void test_an_answer_of_another_shape_is_refused(void **state)
{
    struct fixture *f = *state;
    meet_parrot(f, ":1\r\n", false, 0); /* to AUTH, where it goes unseen, and to ROLE */
    assert_int_equal(f->why, REDIS_REFUSAL_UNREACHABLE);
    assert_non_null(strstr(f->detail, "ROLE"));
}

static void test_a_reply_over_the_bound_is_refused_before_it_is_allocated(void **state)
{
    struct fixture *f = *state;
    meet_parrot(f, "*2147483647\r\n", false, 0);
    assert_int_equal(f->why, REDIS_REFUSAL_UNREACHABLE);
    assert_non_null(strstr(f->detail, "protocol"));
}

static void test_a_reply_that_nobody_asked_for_ends_the_connection(void **state)
{
    struct fixture *f = *state;
    struct parrot parrot = {.says = ":1\r\n:2\r\n"}; /* to INFO server, which is all that is asked */
    parrot_start(&parrot, f, "127.0.0.1");
    const struct redis_config config = {.url = parrot.url, .skip_checks = true, .skip_scripts = true};
    f->redis = fixture_connect(f, &config);
    RUN_UNTIL(f, f->n_down == 1);
    assert_int_equal(f->n_ready, 1);
    assert_non_null(strstr(f->detail, "nobody asked for"));
    redis_free(f->redis);
    f->redis = NULL;
    parrot_stop(&parrot);
}

static void test_a_server_that_hangs_up_is_unreachable(void **state)
{
    struct fixture *f = *state;
    meet_parrot(f, NULL, true, 0);
    assert_int_equal(f->why, REDIS_REFUSAL_UNREACHABLE);
}

static void test_a_silent_server_is_given_up_in_time(void **state)
{
    struct fixture *f = *state;
    int64_t start_us = clock_mono_us();
    meet_parrot(f, NULL, false, 150);
    assert_int_equal(f->why, REDIS_REFUSAL_UNREACHABLE);
    assert_non_null(strstr(f->detail, "150 ms"));
    assert_true(clock_mono_us() - start_us >= 150000);
}

static int socket_option(int fd, int level, int option)
{
    int value = 0;
    socklen_t len = sizeof value;
    assert_int_equal(getsockopt(fd, level, option, &value, &len), 0);
    return value;
}

static void test_a_tcp_connection_sends_at_once_and_notices_a_dead_peer(void **state)
{
    struct fixture *f = *state;
    struct parrot parrot = {.says = NULL};
    parrot_start(&parrot, f, "127.0.0.1");
    const struct redis_config config = {.url = parrot.url};
    f->redis = fixture_connect(f, &config);
    RUN_UNTIL(f, parrot.n_connections == 1);
    int fd = bufferevent_getfd(f->redis->bev);
    assert_int_equal(socket_option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(socket_option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_in_range(socket_option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 1, 60);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    redis_free(f->redis);
    f->redis = NULL;
    RUN_UNTIL(f, fcntl(fd, F_GETFD) < 0); /* closed */
    parrot_stop(&parrot);
}

static void test_the_host_may_be_a_name(void **state)
{
    struct fixture *f = *state;
    struct parrot parrot = {.says = NULL};
    parrot_start(&parrot, f, "localhost");
    const struct redis_config config = {.url = parrot.url};
    f->redis = fixture_connect(f, &config);
    RUN_UNTIL(f, parrot.n_connections == 1);
    redis_free(f->redis);
    f->redis = NULL;
    parrot_stop(&parrot);
}

static void test_freeing_during_a_lookup_is_safe(void **state)
{
    struct fixture *f = *state;
    const struct redis_config config = {.url = "redis://redis.invalid"};
    f->redis = fixture_connect(f, &config);
    while (f->redis->state == REDIS_STATE_WAITING)
        assert_int_equal(loop_run_once(f->loop), 0);
    redis_free(f->redis);
    f->redis = NULL;
    while (loop_run_once(f->loop) == 0) /* evdns lets its callback go */
        ;
    assert_int_equal(f->n_down, 0);
}

/* ---- refusals by a real server ---- */

static void start(struct fixture *f, const char *option, const char *value)
{
    const char *options[] = {option, value, NULL};
    redis_process_start(&f->server, option ? options : NULL);
}

static void expect_refusal(struct fixture *f, enum redis_refusal why, const char *detail)
{
    RUN_UNTIL(f, f->n_down > 0);
    assert_int_equal(f->why, why);
    if (!strstr(f->detail, detail))
        fail_msg("'%s' does not hold '%s'", f->detail, detail);
    assert_int_equal(f->n_ready, 0);
    assert_false(redis_is_ready(f->redis));
}

static void test_a_replica_is_refused(void **state)
{
    struct fixture *f = *state;
    const struct redis_config config = {.url = f->server.url};
    start(f, "--replicaof", "127.0.0.1 1");
    f->redis = fixture_connect(f, &config);
    expect_refusal(f, REDIS_REFUSAL_REPLICA, "slave");
}

static void test_an_evicting_policy_is_refused_until_it_is_set_right(void **state)
{
    struct fixture *f = *state;
    const struct redis_config config = {.url = f->server.url};
    const struct redis_config tool_config = {.url = f->server.url, .skip_checks = true, .skip_scripts = true};
    start(f, "--maxmemory-policy", "allkeys-lru");
    f->redis = fixture_connect(f, &config);
    expect_refusal(f, REDIS_REFUSAL_POLICY, "allkeys-lru");

    struct redis *tool = fixture_connect(f, &tool_config);
    RUN_UNTIL(f, redis_is_ready(tool));
    assert_int_equal(redis_commands_sent(tool), 1); /* the run id, no checks, no scripts */
    (void)fixture_ask(f, tool, "CONFIG SET maxmemory-policy noeviction");
    RUN_UNTIL(f, redis_is_ready(f->redis));
    assert_int_equal(f->n_down, 1); /* the same refusal is told once */
    redis_free(tool);
}

static void give_user(struct fixture *f, const char *rules)
{
    const struct redis_config config = {.url = f->server.url, .skip_checks = true, .skip_scripts = true};
    char words[200];
    struct redis *tool = fixture_connect(f, &config);
    RUN_UNTIL(f, redis_is_ready(tool));
    (void)snprintf(words, sizeof words, "ACL SETUSER app on >right~word ~* &* %s", rules);
    assert_string_equal(fixture_ask(f, tool, words).text, "OK");
    assert_string_equal(fixture_ask(f, tool, "ACL SETUSER default off").text, "OK");
    redis_free(tool);
    f->n_ready = 0;
    f->n_down = 0;
}

static void test_a_wrong_password_is_refused_and_not_told(void **state)
{
    struct fixture *f = *state;
    const struct redis_config config = {.url = f->server.url, .user = "app", .password = "wrong"};
    start(f, NULL, NULL);
    give_user(f, "+@all");
    f->redis = fixture_connect(f, &config);
    expect_refusal(f, REDIS_REFUSAL_AUTH, "WRONGPASS");
    assert_null(strstr(f->detail, "wrong"));
}

static void test_no_password_is_refused_where_one_is_needed(void **state)
{
    struct fixture *f = *state;
    const struct redis_config config = {.url = f->server.url};
    start(f, NULL, NULL);
    give_user(f, "+@all");
    f->redis = fixture_connect(f, &config);
    expect_refusal(f, REDIS_REFUSAL_AUTH, "NOAUTH");
}

static void test_the_right_password_name_and_database_make_the_session(void **state)
{
    struct fixture *f = *state;
    char url[96];
    start(f, NULL, NULL);
    give_user(f, "+@all");
    (void)snprintf(url, sizeof url, "%s?db=3", f->server.url);
    const struct redis_config config = {.url = url, .user = "app", .password = "right~word", .name = "carillon-test"};
    f->redis = fixture_connect(f, &config);
    RUN_UNTIL(f, f->n_ready == 1);
    assert_string_equal(fixture_ask(f, f->redis, "ACL WHOAMI").text, "app");
    assert_string_equal(fixture_ask(f, f->redis, "CLIENT GETNAME").text, "carillon-test");
    (void)fixture_ask(f, f->redis, "SET k v");
    assert_int_equal(fixture_ask(f, f->redis, "MOVE k 3").type, REDIS_REPLY_ERROR); /* it is there already */
    assert_int_equal(fixture_ask(f, f->redis, "MOVE k 0").integer, 1);
}

static void test_a_user_without_config_is_judged_by_info(void **state)
{
    struct fixture *f = *state;
    const struct redis_config config = {.url = f->server.url, .user = "app", .password = "right~word", .name = "x"};
    start(f, NULL, NULL);
    give_user(f, "+@all -config -client");
    f->redis = fixture_connect(f, &config);
    RUN_UNTIL(f, f->n_ready == 1);
    assert_int_equal(fixture_ask(f, f->redis, "CONFIG GET save").type, REDIS_REPLY_ERROR);
}

static void test_a_user_without_config_does_not_hide_an_evicting_policy(void **state)
{
    struct fixture *f = *state;
    const struct redis_config config = {.url = f->server.url, .user = "app", .password = "right~word"};
    start(f, "--maxmemory-policy", "volatile-ttl");
    give_user(f, "+@all -config");
    f->redis = fixture_connect(f, &config);
    expect_refusal(f, REDIS_REFUSAL_POLICY, "volatile-ttl");
}

static void test_a_user_who_may_not_load_scripts_is_refused(void **state)
{
    struct fixture *f = *state;
    const struct redis_config config = {.url = f->server.url, .user = "app", .password = "right~word"};
    start(f, NULL, NULL);
    give_user(f, "+@all -script");
    f->redis = fixture_connect(f, &config);
    expect_refusal(f, REDIS_REFUSAL_PERMISSION, "the user app lacks a permission");
    assert_non_null(strstr(f->detail, "script|load"));
}

static void test_a_database_that_is_not_there_is_refused(void **state)
{
    struct fixture *f = *state;
    char url[96];
    start(f, NULL, NULL);
    (void)snprintf(url, sizeof url, "%s?db=999", f->server.url);
    const struct redis_config config = {.url = url};
    f->redis = fixture_connect(f, &config);
    expect_refusal(f, REDIS_REFUSAL_UNREACHABLE, "SELECT");
}

/* ---- attempts ---- */

static void test_a_server_that_comes_later_is_found(void **state)
{
    struct fixture *f = *state;
    const struct redis_config config = {.url = f->server.url};
    f->redis = fixture_connect(f, &config);
    assert_int_equal(f->n_down, 0); /* nothing from inside redis_create() */
    expect_refusal(f, REDIS_REFUSAL_UNREACHABLE, "No such file");
    RUN_UNTIL(f, f->redis->attempts >= 3);
    assert_int_equal(f->n_down, 1);
    assert_int_equal(redis_command(f->redis, &(struct redis_arg){"PING", 4}, 1, 1000, NULL, NULL), ERR_UNAVAILABLE);
    start(f, NULL, NULL);
    RUN_UNTIL(f, f->n_ready == 1);
}

static void test_pauses_double_up_to_their_longest(void **state)
{
    static const int64_t expected_ms[] = {50, 100, 200, 400, 800, 1000, 1000};
    (void)state;
    for (unsigned i = 0; i < sizeof expected_ms / sizeof expected_ms[0]; i++)
        assert_int_equal(redis_backoff_us(i), expected_ms[i] * 1000);
    assert_int_equal(redis_backoff_us(UINT32_MAX), 1000000);
}

static void test_a_long_good_time_forgets_the_attempts_before(void **state)
{
    struct fixture *f = *state;
    start(f, NULL, NULL);
    fixture_connect_default(f);
    f->redis->attempts = 9;
    redis_process_kill(&f->server);
    RUN_UNTIL(f, f->n_down == 1);
    assert_true(f->redis->attempts >= 10); /* it was ready for a moment only */

    start(f, NULL, NULL);
    f->redis->wake_us = clock_mono_us();
    redis_timer_update(f->redis);
    RUN_UNTIL(f, f->n_ready == 2);
    f->redis->attempts = 9;
    f->redis->ready_since_us -= REDIS_BACKOFF_RESET_US;
    redis_process_kill(&f->server);
    RUN_UNTIL(f, f->n_down == 2);
    assert_int_equal(f->redis->attempts, 1);
    assert_true(f->redis->wake_us - clock_mono_us() <= REDIS_BACKOFF_MIN_US);
}

static void free_it(struct fixture *f)
{
    redis_free(f->redis);
    f->redis = NULL;
}

static void ready_frees(void *arg)
{
    struct fixture *f = arg;
    f->n_ready++;
    free_it(f);
}

static void down_frees(enum redis_refusal why, const char *detail, void *arg)
{
    struct fixture *f = arg;
    fixture_down(why, detail, f);
    free_it(f);
}

static void test_freeing_inside_ready_and_down_is_safe(void **state)
{
    struct fixture *f = *state;
    const struct redis_config config = {.url = f->server.url};
    const char *why;
    assert_int_equal(redis_create(f->loop, &config, ready_frees, down_frees, f, &f->redis, &why), 0);
    RUN_UNTIL(f, f->n_down == 1);
    assert_null(f->redis);
    start(f, NULL, NULL);
    assert_int_equal(redis_create(f->loop, &config, ready_frees, down_frees, f, &f->redis, &why), 0);
    RUN_UNTIL(f, f->n_ready == 1);
    assert_null(f->redis);
    assert_int_equal(f->n_down, 1);
}

static void test_a_url_that_cannot_be_used_is_refused_at_once(void **state)
{
    static const char *const urls[] = {"rediss://u:p@h", "sentinel://a", "redis://u:p@h"};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        const struct redis_config config = {.url = urls[i]};
        struct redis *redis = NULL;
        const char *why = NULL;
        assert_int_equal(redis_create(f->loop, &config, NULL, NULL, NULL, &redis, &why), ERR_INVALID);
        assert_null(redis);
        assert_non_null(why);
    }
}

int main(void)
{
#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_set_up_stopped, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_a_server_that_still_loads_is_refused_as_loading),
        WITH_FIXTURE(test_a_server_without_room_is_unreachable),
        WITH_FIXTURE(test_a_server_that_repeats_the_password_is_not_quoted),
        WITH_FIXTURE(test_another_protocol_is_refused),
        WITH_FIXTURE(test_an_answer_of_another_shape_is_refused),
        WITH_FIXTURE(test_a_reply_over_the_bound_is_refused_before_it_is_allocated),
        WITH_FIXTURE(test_a_reply_that_nobody_asked_for_ends_the_connection),
        WITH_FIXTURE(test_a_server_that_hangs_up_is_unreachable),
        WITH_FIXTURE(test_a_silent_server_is_given_up_in_time),
        WITH_FIXTURE(test_a_tcp_connection_sends_at_once_and_notices_a_dead_peer),
        WITH_FIXTURE(test_the_host_may_be_a_name),
        WITH_FIXTURE(test_freeing_during_a_lookup_is_safe),
        WITH_FIXTURE(test_a_replica_is_refused),
        WITH_FIXTURE(test_an_evicting_policy_is_refused_until_it_is_set_right),
        WITH_FIXTURE(test_a_wrong_password_is_refused_and_not_told),
        WITH_FIXTURE(test_no_password_is_refused_where_one_is_needed),
        WITH_FIXTURE(test_the_right_password_name_and_database_make_the_session),
        WITH_FIXTURE(test_a_user_without_config_is_judged_by_info),
        WITH_FIXTURE(test_a_user_without_config_does_not_hide_an_evicting_policy),
        WITH_FIXTURE(test_a_user_who_may_not_load_scripts_is_refused),
        WITH_FIXTURE(test_a_database_that_is_not_there_is_refused),
        WITH_FIXTURE(test_a_server_that_comes_later_is_found),
        cmocka_unit_test(test_pauses_double_up_to_their_longest),
        WITH_FIXTURE(test_a_long_good_time_forgets_the_attempts_before),
        WITH_FIXTURE(test_freeing_inside_ready_and_down_is_safe),
        WITH_FIXTURE(test_a_url_that_cannot_be_used_is_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
