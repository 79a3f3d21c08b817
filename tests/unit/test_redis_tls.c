/* SPDX-License-Identifier: Apache-2.0
 *
 * rediss:// against a real redis-server: nothing is said to one that cannot prove its name, and whoever set it up wrong
 * is told what is wrong.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/bufferevent_ssl.h>

#include "common/redis/redis_private.h"
#include "tests/support/certificates.h"
#include "tests/support/redis_fixture.h"

#define PORT_FIRST 20000 /* below the ports that the system gives to others */
#define PORT_LAST 32000
#define BIG_BYTES ((size_t)200 * 1000)
#define PIPELINE 100

struct tls_fixture {
    struct fixture base;
    struct authority authority;
    int port;
    char url[64];
    char ca[64];
    char cert[64];
    char key[64];
};

static int free_port(void)
{
    for (int i = 0; i < PORT_LAST - PORT_FIRST; i++) {
        int port = PORT_FIRST + (getpid() * 7 + i) % (PORT_LAST - PORT_FIRST);
        struct sockaddr_in sin = {
            .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        bool is_free = bind(fd, (struct sockaddr *)&sin, sizeof sin) == 0;
        close(fd);
        if (is_free)
            return port;
    }
    fail_msg("no free port");
    return 0;
}

static int set_up(void **state)
{
    struct tls_fixture *t = calloc(1, sizeof *t);
    void *base = NULL;
    assert_non_null(t);
    fixture_set_up_stopped(&base);
    t->base = *(struct fixture *)base;
    loop_timer_free(t->base.guard); /* its argument is the fixture's place */
    free(base);
    assert_int_equal(loop_timer_create(t->base.loop, fixture_is_late, &t->base, &t->base.guard), 0);
    t->port = free_port();
    (void)snprintf(t->url, sizeof t->url, "rediss://127.0.0.1:%d", t->port);
    (void)snprintf(t->ca, sizeof t->ca, "%s/ca.pem", t->base.server.dir);
    (void)snprintf(t->cert, sizeof t->cert, "%s/cert.pem", t->base.server.dir);
    (void)snprintf(t->key, sizeof t->key, "%s/key.pem", t->base.server.dir);
    authority_create(&t->authority, "an authority", t->ca);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct tls_fixture *t = *state;
    redis_free(t->base.redis);
    loop_timer_free(t->base.guard);
    loop_free(t->base.loop);
    redis_process_end(&t->base.server);
    authority_clear(&t->authority);
    free(t);
    return 0;
}

static void start_server(struct tls_fixture *t, const char *auth_clients, const char *option, const char *value)
{
    char port[8];
    (void)snprintf(port, sizeof port, "%d", t->port);
    const char *const options[] = {"--tls-port",
                                   port,
                                   "--tls-cert-file",
                                   t->cert,
                                   "--tls-key-file",
                                   t->key,
                                   "--tls-ca-cert-file",
                                   t->ca,
                                   "--tls-auth-clients",
                                   auth_clients,
                                   option,
                                   value,
                                   NULL};
    redis_process_start(&t->base.server, options);
}

/* A server whose certificate is for `alt_name`, valid now. */
static void serve(struct tls_fixture *t, const char *alt_name)
{
    authority_issue(&t->authority, "redis", alt_name, -CERTIFICATE_HOUR_S, CERTIFICATE_HOUR_S, t->cert, t->key);
    start_server(t, "no", NULL, NULL);
}

static void connect_tls(struct tls_fixture *t, const struct redis_config *config)
{
    t->base.redis = fixture_connect(&t->base, config);
}

static void connect_well(struct tls_fixture *t)
{
    const struct redis_config config = {.url = t->url, .ca_file = t->ca};
    connect_tls(t, &config);
    RUN_UNTIL(&t->base, t->base.n_ready == 1);
    assert_int_equal(t->base.n_down, 0);
}

static void expect_refusal(struct tls_fixture *t, enum redis_refusal why, const char *detail)
{
    RUN_UNTIL(&t->base, t->base.n_down > 0);
    if (!strstr(t->base.detail, detail))
        fail_msg("'%s' does not hold '%s'", t->base.detail, detail);
    assert_int_equal(t->base.why, why);
    assert_int_equal(t->base.n_ready, 0);
}

/* How many connections the server has accepted, by the unencrypted way in that only the test has. */
static long long commands_heard(struct tls_fixture *t)
{
    const struct redis_config config = {.url = t->base.server.url, .skip_checks = true, .skip_scripts = true};
    struct fixture *f = &t->base;
    unsigned before = f->n_ready;
    struct redis *tool = fixture_connect(f, &config);
    RUN_UNTIL(f, f->n_ready == before + 1);
    struct answer a = {.fixture = f};
    const struct redis_arg args[] = {redis_arg_str("EVAL"),
                                     redis_arg_str("local n = 0 for line in redis.call('INFO', 'commandstats'):"
                                                   "gmatch('cmdstat_role:calls=(%d+)') do n = n + line end return n"),
                                     redis_arg_str("0")};
    assert_int_equal(redis_command(tool, args, 3, 5000, answer_record, &a), 0);
    RUN_UNTIL(f, a.n == 1);
    redis_free(tool);
    f->n_ready = before;
    return a.integer;
}

/* ---- a server that proves itself ---- */

static void test_a_server_of_a_known_authority_is_spoken_to_by_tls_1_3(void **state)
{
    struct tls_fixture *t = *state;
    serve(t, "IP:127.0.0.1");
    connect_well(t);
    assert_string_equal(fixture_ask(&t->base, t->base.redis, "SET k v").text, "OK");
    assert_string_equal(SSL_get_version(bufferevent_openssl_get_ssl(t->base.redis->bev)), "TLSv1.3");
}

static void test_tls_1_2_is_good_enough(void **state)
{
    struct tls_fixture *t = *state;
    authority_issue(&t->authority, "redis", "IP:127.0.0.1", 0, CERTIFICATE_HOUR_S, t->cert, t->key);
    start_server(t, "no", "--tls-protocols", "TLSv1.2");
    connect_well(t);
    assert_string_equal(SSL_get_version(bufferevent_openssl_get_ssl(t->base.redis->bev)), "TLSv1.2");
}

static void test_a_name_is_checked_and_asked_for(void **state)
{
    struct tls_fixture *t = *state;
    serve(t, "DNS:localhost");
    (void)snprintf(t->url, sizeof t->url, "rediss://localhost:%d", t->port);
    connect_well(t);
    const SSL *ssl = bufferevent_openssl_get_ssl(t->base.redis->bev);
    assert_string_equal(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name), "localhost");
}

static void check_value(struct tls_fixture *t, const char *key, const char *expected, size_t len)
{
    const struct redis_arg get[] = {redis_arg_str("GET"), redis_arg_str(key)};
    const struct redis_arg same[] = {redis_arg_str("EVAL"),
                                     redis_arg_str("return redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0"),
                                     redis_arg_str("1"), redis_arg_str(key), redis_arg_mem(expected, len)};
    struct answer a = {.fixture = &t->base}, b = {.fixture = &t->base};
    assert_int_equal(redis_command(t->base.redis, get, 2, 9000, answer_record, &a), 0);
    assert_int_equal(redis_command(t->base.redis, same, 5, 9000, answer_record, &b), 0);
    RUN_UNTIL(&t->base, a.n == 1 && b.n == 1);
    assert_int_equal(a.len, len);
    assert_memory_equal(a.text, expected, sizeof a.text - 1);
    assert_int_equal(b.integer, 1);
}

static void test_large_values_in_a_deep_pipeline_arrive_as_they_were(void **state)
{
    struct tls_fixture *t = *state;
    static char value[BIG_BYTES];
    struct answer answers[PIPELINE];
    char key[16];
    serve(t, "IP:127.0.0.1");
    connect_well(t);
    for (size_t i = 0; i < sizeof value; i++)
        value[i] = (char)(i * 31 + i / 251);
    for (size_t i = 0; i < PIPELINE; i++) {
        (void)snprintf(key, sizeof key, "k%zu", i % 3);
        value[0] = (char)(i % 3);
        /* lengths that fit neither a TLS record nor a piece of libevent's buffer */
        const struct redis_arg set[] = {redis_arg_str("SET"), redis_arg_str(key), redis_arg_mem(value, BIG_BYTES - i)};
        answers[i] = (struct answer){.fixture = &t->base};
        assert_int_equal(redis_command(t->base.redis, set, 3, 9000, answer_record, &answers[i]), 0);
    }
    RUN_UNTIL(&t->base, answers[PIPELINE - 1].n == 1);
    for (size_t i = 0; i < PIPELINE; i++)
        assert_string_equal(answers[i].text, "OK");
    value[0] = (PIPELINE - 1) % 3;
    (void)snprintf(key, sizeof key, "k%d", (PIPELINE - 1) % 3);
    check_value(t, key, value, BIG_BYTES - (PIPELINE - 1));
}

static void test_a_killed_server_is_found_again_over_tls(void **state)
{
    struct tls_fixture *t = *state;
    serve(t, "IP:127.0.0.1");
    connect_well(t);
    redis_process_kill(&t->base.server);
    RUN_UNTIL(&t->base, t->base.n_down >= 1);
    assert_int_equal(t->base.why, REDIS_REFUSAL_UNREACHABLE);
    start_server(t, "no", NULL, NULL);
    RUN_UNTIL(&t->base, t->base.n_ready == 2);
    assert_string_equal(fixture_ask(&t->base, t->base.redis, "PING").text, "PONG");
}

static void test_renewed_files_hold_from_the_next_connection(void **state)
{
    struct tls_fixture *t = *state;
    struct authority next;
    serve(t, "IP:127.0.0.1");
    connect_well(t);
    redis_process_kill(&t->base.server);
    authority_create(&next, "the next authority", t->ca);
    authority_clear(&t->authority);
    t->authority = next;
    serve(t, "IP:127.0.0.1");
    RUN_UNTIL(&t->base, t->base.n_ready == 2);
}

static void end_it(struct tls_fixture *t)
{
    redis_free(t->base.redis);
    t->base.redis = NULL;
}

static void ready_frees(void *arg)
{
    struct tls_fixture *t = arg;
    t->base.n_ready++;
    end_it(t);
}

static void down_frees(enum redis_refusal why, const char *detail, void *arg)
{
    struct tls_fixture *t = arg;
    fixture_down(why, detail, &t->base);
    end_it(t);
}

static void test_freeing_inside_ready_and_down_is_safe(void **state)
{
    struct tls_fixture *t = *state;
    const struct redis_config known = {.url = t->url, .ca_file = t->ca}, unknown = {.url = t->url};
    const char *why;
    serve(t, "IP:127.0.0.1");
    assert_int_equal(redis_create(t->base.loop, &known, ready_frees, down_frees, t, &t->base.redis, &why), 0);
    RUN_UNTIL(&t->base, t->base.n_ready == 1);
    assert_int_equal(redis_create(t->base.loop, &unknown, ready_frees, down_frees, t, &t->base.redis, &why), 0);
    RUN_UNTIL(&t->base, t->base.n_down == 1);
    assert_null(t->base.redis);
}

static void test_freeing_in_the_middle_of_a_handshake_is_safe(void **state)
{
    struct tls_fixture *t = *state;
    const struct redis_config config = {.url = t->url, .ca_file = t->ca};
    serve(t, "IP:127.0.0.1");
    connect_tls(t, &config);
    RUN_UNTIL(&t->base, t->base.redis->state == REDIS_STATE_TLS);
    int fd = bufferevent_getfd(t->base.redis->bev);
    end_it(t);
    RUN_UNTIL(&t->base, fcntl(fd, F_GETFD) < 0); /* closed */
    assert_int_equal(t->base.n_ready + t->base.n_down, 0);
}

/* ---- a server that does not ---- */

static void test_another_address_is_told_nothing(void **state)
{
    struct tls_fixture *t = *state;
    const struct redis_config config = {.url = t->url, .ca_file = t->ca, .password = "open sesame"};
    serve(t, "IP:127.0.0.2,DNS:localhost");
    connect_tls(t, &config);
    expect_refusal(t, REDIS_REFUSAL_TLS, "127.0.0.1: IP address mismatch");
    assert_int_equal(commands_heard(t), 0);
}

static void test_another_name_is_told_nothing(void **state)
{
    struct tls_fixture *t = *state;
    const struct redis_config config = {.url = t->url, .ca_file = t->ca};
    serve(t, "DNS:elsewhere.test,IP:127.0.0.1");
    (void)snprintf(t->url, sizeof t->url, "rediss://localhost:%d", t->port);
    connect_tls(t, &config);
    expect_refusal(t, REDIS_REFUSAL_TLS, "localhost: hostname mismatch");
    assert_int_equal(commands_heard(t), 0);
}

static void test_an_unknown_authority_is_told_nothing(void **state)
{
    struct tls_fixture *t = *state;
    const struct redis_config config = {.url = t->url}; /* the system's own */
    serve(t, "IP:127.0.0.1");
    connect_tls(t, &config);
    expect_refusal(t, REDIS_REFUSAL_TLS, "certificate");
    assert_int_equal(commands_heard(t), 0);
}

static void test_an_expired_certificate_is_told_nothing(void **state)
{
    struct tls_fixture *t = *state;
    const struct redis_config config = {.url = t->url, .ca_file = t->ca};
    authority_issue(&t->authority, "redis", "IP:127.0.0.1", -CERTIFICATE_HOUR_S, -60, t->cert, t->key);
    start_server(t, "no", NULL, NULL);
    connect_tls(t, &config);
    expect_refusal(t, REDIS_REFUSAL_TLS, "expired");
    assert_int_equal(commands_heard(t), 0);
}

static void test_what_speaks_no_tls_is_refused_and_told_nothing(void **state)
{
    struct tls_fixture *t = *state;
    const struct redis_config config = {.url = t->url, .ca_file = t->ca, .connect_timeout_ms = 300};
    char port[8];
    (void)snprintf(port, sizeof port, "%d", t->port);
    const char *const options[] = {"--port", port, NULL}; /* the last one counts */
    redis_process_start(&t->base.server, options);
    connect_tls(t, &config);
    RUN_UNTIL(&t->base, t->base.n_down > 0);
    assert_int_equal(t->base.n_ready, 0);
    assert_non_null(strstr(t->base.detail, "speak TLS"));
    assert_int_equal(commands_heard(t), 0);
}

static void test_a_server_that_wants_tls_is_recognized_without_it(void **state)
{
    struct tls_fixture *t = *state;
    const struct redis_config config = {.url = t->url};
    serve(t, "IP:127.0.0.1");
    (void)snprintf(t->url, sizeof t->url, "redis://127.0.0.1:%d", t->port);
    connect_tls(t, &config);
    expect_refusal(t, REDIS_REFUSAL_UNREACHABLE, "rediss://");
}

/* ---- a server that wants to know who we are ---- */

static void demand(struct tls_fixture *t)
{
    authority_issue(&t->authority, "redis", "IP:127.0.0.1", -60, CERTIFICATE_HOUR_S, t->cert, t->key);
    start_server(t, "yes", NULL, NULL);
}

static void test_a_client_certificate_is_shown_where_it_is_demanded(void **state)
{
    struct tls_fixture *t = *state;
    const struct redis_config config = {.url = t->url, .ca_file = t->ca, .cert_file = t->cert, .key_file = t->key};
    demand(t);
    connect_tls(t, &config);
    RUN_UNTIL(&t->base, t->base.n_ready == 1);
    assert_string_equal(fixture_ask(&t->base, t->base.redis, "PING").text, "PONG");
}

static void test_without_the_client_certificate_it_is_said_that_one_is_demanded(void **state)
{
    struct tls_fixture *t = *state;
    const struct redis_config config = {.url = t->url, .ca_file = t->ca};
    demand(t);
    connect_tls(t, &config);
    expect_refusal(t, REDIS_REFUSAL_TLS, "demands a client certificate");
}

static void test_a_client_certificate_of_another_authority_is_said_to_be_refused(void **state)
{
    struct tls_fixture *t = *state;
    struct authority other;
    char ca[80], cert[80], key[80];
    (void)snprintf(ca, sizeof ca, "%s.other", t->ca);
    (void)snprintf(cert, sizeof cert, "%s.other", t->cert);
    (void)snprintf(key, sizeof key, "%s.other", t->key);
    authority_create(&other, "another authority", ca);
    authority_issue(&other, "client", NULL, -60, CERTIFICATE_HOUR_S, cert, key);
    authority_clear(&other);
    const struct redis_config config = {.url = t->url, .ca_file = t->ca, .cert_file = cert, .key_file = key};
    demand(t);
    connect_tls(t, &config);
    expect_refusal(t, REDIS_REFUSAL_TLS, "refuses our client certificate");
}

/* ---- files ---- */

static void write_text(const char *path, const char *text)
{
    FILE *file = certificate_file(path);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void refuse_config(struct tls_fixture *t, const struct redis_config *config, const char *expected)
{
    struct redis *redis = NULL;
    const char *why = "";
    assert_int_equal(redis_create(t->base.loop, config, NULL, NULL, NULL, &redis, &why), ERR_INVALID);
    assert_null(redis);
    if (!strstr(why, expected))
        fail_msg("'%s' does not hold '%s'", why, expected);
}

static void test_files_that_cannot_be_used_are_refused_before_anything_is_tried(void **state)
{
    struct tls_fixture *t = *state;
    char other[80], text[80];
    (void)snprintf(other, sizeof other, "%s.other", t->key);
    (void)snprintf(text, sizeof text, "%s/text", t->base.server.dir);
    authority_issue(&t->authority, "client", NULL, 0, 60, text, other);
    authority_issue(&t->authority, "client", NULL, 0, 60, t->cert, t->key);
    write_text(text, "not a certificate\n");
    const char *tls = t->url, *plain = t->base.server.url;
    const struct {
        struct redis_config config;
        const char *why;
    } cases[] = {
        {{.url = tls, .ca_file = "/nowhere/ca.pem"}, "CA file"},
        {{.url = tls, .ca_file = text}, "CA file"},
        {{.url = tls, .cert_file = t->cert}, "belong together"},
        {{.url = tls, .key_file = t->key}, "belong together"},
        {{.url = tls, .cert_file = text, .key_file = t->key}, "client certificate's file"},
        {{.url = tls, .cert_file = t->cert, .key_file = text}, "client key's file"},
        {{.url = tls, .cert_file = t->cert, .key_file = other}, "client key's file"},
        {{.url = plain, .ca_file = t->ca}, "only rediss://"},
        {{.url = plain, .cert_file = t->cert, .key_file = t->key}, "only rediss://"},
        {{.url = "redis://127.0.0.1", .ca_file = t->ca}, "only rediss://"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refuse_config(t, &cases[i].config, cases[i].why);
}

int main(void)
{
#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_a_server_of_a_known_authority_is_spoken_to_by_tls_1_3),
        WITH_FIXTURE(test_tls_1_2_is_good_enough),
        WITH_FIXTURE(test_a_name_is_checked_and_asked_for),
        WITH_FIXTURE(test_large_values_in_a_deep_pipeline_arrive_as_they_were),
        WITH_FIXTURE(test_a_killed_server_is_found_again_over_tls),
        WITH_FIXTURE(test_renewed_files_hold_from_the_next_connection),
        WITH_FIXTURE(test_freeing_inside_ready_and_down_is_safe),
        WITH_FIXTURE(test_freeing_in_the_middle_of_a_handshake_is_safe),
        WITH_FIXTURE(test_another_address_is_told_nothing),
        WITH_FIXTURE(test_another_name_is_told_nothing),
        WITH_FIXTURE(test_an_unknown_authority_is_told_nothing),
        WITH_FIXTURE(test_an_expired_certificate_is_told_nothing),
        WITH_FIXTURE(test_what_speaks_no_tls_is_refused_and_told_nothing),
        WITH_FIXTURE(test_a_server_that_wants_tls_is_recognized_without_it),
        WITH_FIXTURE(test_a_client_certificate_is_shown_where_it_is_demanded),
        WITH_FIXTURE(test_without_the_client_certificate_it_is_said_that_one_is_demanded),
        WITH_FIXTURE(test_a_client_certificate_of_another_authority_is_said_to_be_refused),
        WITH_FIXTURE(test_files_that_cannot_be_used_are_refused_before_anything_is_tried),
    };
#undef WITH_FIXTURE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
