/* SPDX-License-Identifier: Apache-2.0
 *
 * The skeleton around a tiny process, each time in a child of its own: what it prints, answers and ends with.
 */
#include "common/daemon/daemon.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/parse.h"
#include "version.h"

#define PATIENCE_MS 20000
#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static char folder[] = "/tmp/carillon-daemon-XXXXXX";

/* ---- the process under test ---- */

struct tiny {
    struct daemon *daemon;
    struct loop_timer *late;
    struct http_request *waiting;
};

static int start_result;
static bool tiny_is_ready_now = true;

static void on_late(void *arg)
{
    struct tiny *t = arg;
    if (t->waiting)
        (void)http_request_reply(t->waiting, 200, "text/plain", NULL, 0, "late", 4);
    t->waiting = NULL;
}

static void on_slow(struct http_request *req, void *arg)
{
    struct tiny *t = arg;
    t->waiting = req;
    loop_timer_arm_us(t->late, 300000);
}

static void on_slow_gone(struct http_request *req, void *arg)
{
    struct tiny *t = arg;
    if (t->waiting == req)
        t->waiting = NULL;
}

static void on_never(struct http_request *req, void *arg)
{
    (void)req;
    (void)arg;
}

static void on_finish(struct http_request *req, void *arg)
{
    struct tiny *t = arg;
    (void)http_request_reply(req, 200, "text/plain", NULL, 0, "finished", 8);
    daemon_drained(t->daemon);
}

static void on_fail(struct http_request *req, void *arg)
{
    struct tiny *t = arg;
    (void)req;
    daemon_fail(t->daemon, "tiny.broken", ERR_STATE);
}

static void on_unready(struct http_request *req, void *arg)
{
    (void)arg;
    tiny_is_ready_now = false;
    (void)http_request_reply(req, 204, NULL, NULL, 0, NULL, 0);
}

static const struct http_route tiny_routes[] = {
    {.method = "GET", .pattern = "/slow", .on_complete = on_slow, .on_gone = on_slow_gone},
    {.method = "GET", .pattern = "/never", .on_complete = on_never},
    {.method = "POST", .pattern = "/finish", .on_complete = on_finish},
    {.method = "POST", .pattern = "/fail", .on_complete = on_fail},
    {.method = "POST", .pattern = "/unready", .on_complete = on_unready},
};

static int tiny_start(struct daemon *d, void **ret_state)
{
    struct rlimit limit;
    if (start_result)
        return start_result;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur != limit.rlim_max)
        return ERR_STATE;
    struct tiny *t = calloc(1, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    t->daemon = d;
    int err = loop_timer_create(daemon_loop(d), on_late, t, &t->late);
    if (!err)
        err = http_server_add_routes(daemon_http(d), tiny_routes, COUNT(tiny_routes), t);
    if (err) {
        loop_timer_free(t->late);
        free(t);
        return err;
    }
    *ret_state = t;
    return 0;
}

static void tiny_stop(void *state)
{
    struct tiny *t = state;
    loop_timer_free(t->late);
    free(t);
    log_info("tiny.stopped", log_i64("n", 1));
}

static void tiny_drain(void *state)
{
    (void)state;
    log_info("tiny.draining", log_i64("n", 1));
}

static void tiny_reload(void *state)
{
    (void)state;
    log_info("tiny.reloaded", log_i64("n", 1));
}

static bool tiny_is_ready(void *state, struct buf *why)
{
    (void)state;
    return tiny_is_ready_now || buf_append_str(why, "the tiny \"thing\" rests") != 0;
}

static void tiny_collect(void *state)
{
    struct tiny *t = state;
    metric_set(metrics_gauge(daemon_metrics(t->daemon), "carillon_tiny", "Tiny.", NULL, NULL), 7);
}

static const struct conf_option tiny_options[] = {{.name = "colour", .kind = CONF_STR, .help = "A colour"}};

static struct daemon_spec tiny_spec = {
    .name = "carillon-tiny",
    .id_prefix = "tiny_",
    .options = tiny_options,
    .n_options = COUNT(tiny_options),
    .default_listen = "127.0.0.1:0",
    .start = tiny_start,
    .stop = tiny_stop,
    .reload = tiny_reload,
    .is_ready = tiny_is_ready,
    .collect = tiny_collect,
};

/* ---- running it ---- */

struct child {
    pid_t pid;
    int out; /* its stdout */
    char log[64];
    char text[65536]; /* its stderr as last read */
    unsigned port;
};

static struct child child;

/* `line`: arguments separated by one space. */
static void spawn(const char *line)
{
    int ends[2];
    static unsigned runs;
    assert_int_equal(pipe(ends), 0);
    child = (struct child){.out = ends[0]};
    snprintf(child.log, sizeof child.log, "%s/log.%u", folder, runs++);
    fflush(NULL);
    child.pid = fork();
    assert_true(child.pid >= 0);
    if (child.pid > 0) {
        close(ends[1]);
        return;
    }
    char words[512], program[] = "carillon-tiny", *argv[16] = {program};
    int argc = 1;
    snprintf(words, sizeof words, "%s", line);
    for (char *at = words; *at;) {
        char *end = strchrnul(at, ' ');
        argv[argc++] = at;
        at = *end ? end + 1 : end;
        *end = '\0';
    }
    if (!freopen(child.log, "w", stderr) || dup2(ends[1], STDOUT_FILENO) < 0)
        _exit(99);
    close(ends[0]);
    close(ends[1]);
    exit(daemon_main(&tiny_spec, argc, argv));
}

static const char *read_log(void)
{
    FILE *file = fopen(child.log, "r");
    child.text[0] = '\0';
    if (!file)
        return child.text; /* the child has not come so far */
    size_t n = fread(child.text, 1, sizeof child.text - 1, file);
    child.text[n] = '\0';
    fclose(file);
    return child.text;
}

static void assert_logged(const char *what)
{
    if (!strstr(read_log(), what))
        fail_msg("'%s' is not in the log:\n%s", what, child.text);
}

static void wait_logged(const char *what)
{
    int64_t deadline_us = clock_mono_us() + PATIENCE_MS * INT64_C(1000);
    while (!strstr(read_log(), what)) {
        if (clock_mono_us() > deadline_us)
            fail_msg("'%s' never came into the log:\n%s", what, child.text);
        poll(NULL, 0, 5);
    }
}

/* All that it says on stdout up to `until` or the end. */
static const char *read_out(const char *until)
{
    static char text[8192];
    size_t len = 0;
    text[0] = '\0';
    while (!*until || !strstr(text, until)) {
        struct pollfd p = {.fd = child.out, .events = POLLIN};
        if (poll(&p, 1, PATIENCE_MS) != 1)
            fail_msg("only '%s' on stdout, and in the log:\n%s", text, read_log());
        ssize_t n = read(child.out, text + len, sizeof text - 1 - len);
        if (n <= 0)
            break;
        len += (size_t)n;
        text[len] = '\0';
    }
    return text;
}

static unsigned port_behind(const char *text, const char *prefix)
{
    uint64_t port = 0;
    const char *at = strstr(text, prefix);
    if (!at) {
        fail_msg("no '%s' in:\n%s", prefix, text);
        return 0;
    }
    at += strlen(prefix);
    assert_int_equal(parse_u64(at, strspn(at, "0123456789"), 65535, &port), 0);
    return (unsigned)port;
}

static void spawn_ready(const char *line)
{
    spawn(line);
    child.port = port_behind(read_out("\n"), "listening http://127.0.0.1:");
}

static int wait_end(void)
{
    int64_t deadline_us = clock_mono_us() + PATIENCE_MS * INT64_C(1000);
    int status;
    pid_t ended;
    while ((ended = waitpid(child.pid, &status, WNOHANG)) == 0) {
        if (clock_mono_us() > deadline_us) {
            kill(child.pid, SIGKILL);
            waitpid(child.pid, &status, 0);
            fail_msg("it did not end:\n%s", read_log());
        }
        poll(NULL, 0, 5);
    }
    assert_int_equal(ended, child.pid);
    if (strstr(read_log(), "Sanitizer") || strstr(child.text, "runtime error"))
        fail_msg("%s", child.text);
    if (!WIFEXITED(status))
        fail_msg("killed by signal %d:\n%s", WTERMSIG(status), child.text);
    close(child.out);
    return WEXITSTATUS(status);
}

static int terminate(void)
{
    assert_int_equal(kill(child.pid, SIGTERM), 0);
    return wait_end();
}

/* ---- asking it ---- */

static int send_request(const char *method, const char *path)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)child.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    char text[256];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    int n = snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                     method, path);
    assert_int_equal(write(fd, text, (size_t)n), n);
    return fd;
}

/* The whole answer; "" where the connection was cut. */
static const char *read_answer(int fd)
{
    static char text[65536];
    size_t len = 0;
    ssize_t n;
    while (len < sizeof text - 1 && (n = read(fd, text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    close(fd);
    return text;
}

static const char *ask(const char *method, const char *path)
{
    return read_answer(send_request(method, path));
}

static void assert_answer(const char *method, const char *path, int status, const char *body)
{
    const char *answer = ask(method, path), *at = strstr(answer, "\r\n\r\n");
    char line[32];
    snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
    if (strncmp(answer, line, strlen(line)) != 0 || !at || strcmp(at + 4, body) != 0)
        fail_msg("%s %s: wanted %d %s, got\n%s", method, path, status, body, answer);
}

static int reset_spec(void **state)
{
    (void)state;
    tiny_spec.drain = NULL;
    tiny_spec.wants_redis = false;
    start_result = 0;
    return 0;
}

/* ---- the promises ---- */

static void test_a_process_announces_itself_answers_and_ends_in_order(void **state)
{
    (void)state;
    spawn_ready("");
    assert_answer("GET", "/healthz", 200, "{\"status\":\"ok\"}");
    assert_answer("GET", "/readyz", 200, "{\"status\":\"ready\"}");
    assert_answer("GET", "/nowhere", 404, "{\"error\":\"no such route\"}");
    assert_int_equal(terminate(), 0);
    assert_logged("\"event\":\"process.start\",\"version\":\"" CARILLON_VERSION "\"");
    assert_logged("\"event\":\"process.ready\"");
    assert_logged("\"event\":\"process.draining\"");
    assert_logged("\"event\":\"tiny.stopped\"");
    assert_logged("\"event\":\"process.stopped\",\"status\":0}");
}

static void test_metrics_hold_the_skeletons_and_the_processs(void **state)
{
    (void)state;
    spawn_ready("");
    const char *answer = ask("GET", "/metrics");
    assert_non_null(strstr(answer, "Content-Type: text/plain; version=0.0.4\r\n"));
    assert_non_null(strstr(answer, "\ncarillon_info{version=\"" CARILLON_VERSION "\"} 1\n"));
    assert_non_null(strstr(answer, "\ncarillon_draining 0\n"));
    assert_non_null(strstr(answer, "\ncarillon_tiny 7\n"));
    assert_int_equal(terminate(), 0);
}

static void test_what_the_process_says_makes_it_unready(void **state)
{
    (void)state;
    spawn_ready("");
    assert_answer("POST", "/unready", 204, "");
    assert_answer("GET", "/readyz", 503, "{\"reasons\":[\"the tiny \\\"thing\\\" rests\"],\"status\":\"unavailable\"}");
    assert_int_equal(terminate(), 0);
}

static void test_http_is_served_while_the_process_drains(void **state)
{
    (void)state;
    tiny_spec.drain = tiny_drain;
    spawn_ready("");
    assert_int_equal(kill(child.pid, SIGINT), 0);
    wait_logged("tiny.draining");
    assert_answer("GET", "/healthz", 200, "{\"status\":\"ok\"}");
    assert_answer("GET", "/readyz", 503, "{\"reasons\":[\"draining\"],\"status\":\"unavailable\"}");
    assert_non_null(strstr(ask("GET", "/metrics"), "\ncarillon_draining 1\n"));
    assert_answer("POST", "/finish", 200, "finished");
    assert_int_equal(wait_end(), 0);
}

static void test_a_request_under_way_gets_its_answer(void **state)
{
    (void)state;
    spawn_ready("");
    int fd = send_request("GET", "/slow");
    assert_answer("GET", "/healthz", 200, "{\"status\":\"ok\"}"); /* behind it, so /slow has arrived */
    assert_int_equal(terminate(), 0);
    assert_non_null(strstr(read_answer(fd), "\r\n\r\nlate"));
}

static void test_a_second_signal_ends_at_once(void **state)
{
    (void)state;
    tiny_spec.drain = tiny_drain;
    spawn_ready("");
    assert_int_equal(kill(child.pid, SIGTERM), 0);
    wait_logged("tiny.draining");
    assert_int_equal(terminate(), 1);
    assert_logged("\"event\":\"process.drain_cut\"");
    assert_logged("\"event\":\"tiny.stopped\"");
}

static void test_a_drain_has_a_deadline(void **state)
{
    (void)state;
    tiny_spec.drain = tiny_drain;
    spawn_ready("--drain-timeout-ms 50");
    assert_int_equal(terminate(), 1);
    assert_logged("\"event\":\"process.drain_timeout\",\"timeout_ms\":50");
}

static void test_a_request_that_never_ends_holds_nobody_up_for_long(void **state)
{
    (void)state;
    spawn_ready("--drain-timeout-ms 200");
    int fd = send_request("GET", "/never");
    assert_answer("GET", "/healthz", 200, "{\"status\":\"ok\"}");
    assert_int_equal(terminate(), 1);
    assert_logged("\"event\":\"process.requests_cut\",\"open_requests\":1");
    close(fd);
}

static void test_a_lost_invariant_ends_with_1(void **state)
{
    (void)state;
    spawn_ready("");
    ask("POST", "/fail");
    assert_int_equal(wait_end(), 1);
    assert_logged("\"event\":\"tiny.broken\",\"error\":\"ERR_STATE\"");
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void test_a_hangup_reads_the_options_again_unless_they_are_faulty(void **state)
{
    char path[128], line[256];
    (void)state;
    snprintf(path, sizeof path, "%s/tiny.conf", folder);
    snprintf(line, sizeof line, "--config %s", path);
    write_file(path, "log_level = info\n");
    spawn_ready(line);
    write_file(path, "log_level = loud\n");
    assert_int_equal(kill(child.pid, SIGHUP), 0);
    wait_logged("\"event\":\"process.reload_failed\"");
    assert_logged("'loud' is none of error|warn|info|debug");
    assert_null(strstr(read_log(), "tiny.reloaded"));
    write_file(path, "log_level = debug\n");
    assert_int_equal(kill(child.pid, SIGHUP), 0);
    wait_logged("\"event\":\"tiny.reloaded\"");
    assert_int_equal(terminate(), 0);
    assert_logged("\"level\":\"debug\"");
}

static void test_failures_at_start_have_their_exit_codes(void **state)
{
    static const struct {
        const char *line;
        int start_result;
        int status;
        const char *logged;
    } cases[] = {
        {"", ERR_INVALID, 3, "\"event\":\"process.start_failed\",\"error\":\"ERR_INVALID\""},
        {"", ERR_IO, 1, "\"event\":\"process.start_failed\",\"error\":\"ERR_IO\""},
        {"--listen nonsense", 0, 3, "\"event\":\"http.not_bound\",\"listen\":\"nonsense\""},
        {"--listen 192.0.2.1:80", 0, 3, "\"event\":\"http.not_bound\""},
        {"--nonsense", 0, 2, "carillon-tiny: --nonsense: no such option"},
        {"--redis-url x", 0, 2, "carillon-tiny: --redis-url: no such option"},
        {"word", 0, 2, "carillon-tiny: takes options only, and was given 'word'"},
        {"--config /nonexistent", 0, 3, "carillon-tiny: /nonexistent: No such file or directory"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        start_result = cases[i].start_result;
        spawn(cases[i].line);
        assert_int_equal(wait_end(), cases[i].status);
        assert_logged(cases[i].logged);
        assert_null(strstr(read_log(), "tiny.stopped"));
    }
}

static void test_help_names_the_options_of_all_tables(void **state)
{
    (void)state;
    spawn("--help");
    const char *out = read_out("");
    assert_non_null(strstr(out, "--listen TEXT"));
    assert_non_null(strstr(out, "[default: 127.0.0.1:0]"));
    assert_non_null(strstr(out, "--colour TEXT"));
    assert_null(strstr(out, "--redis-url"));
    assert_int_equal(wait_end(), 0);
}

static const char *key_path(void)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/key", folder);
    write_file(path, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n");
    return path;
}

static void test_options_about_redis_are_checked(void **state)
{
    static const struct {
        const char *rest;
        int status;
        const char *logged;
    } cases[] = {
        {"--redis-url unix:///x", 2, "--secrets-key-file: required"},
        {"--redis-url unix:///x --secrets-key-file /nonexistent", 3, "\"event\":\"secrets.key_unreadable\""},
        {"--redis-url unix:///x --secrets-key-file /dev/null", 3, "32 bytes"},
        {"--redis-url unix:///x --secrets-key-file KEY --cells c0,c1,c0", 2, "--cells: a cell is named twice"},
        {"--redis-url unix:///x --secrets-key-file KEY --cells=", 2, "--cells: a cell is 1 to 8 characters"},
        {"--redis-url unix:///x --secrets-key-file KEY --cells C0", 2, "--cells: a cell is 1 to 8 characters"},
        {"--redis-url unix:///x --secrets-key-file KEY --cells c0,", 2, "--cells: a cell is 1 to 8 characters"},
        {"--redis-url unix:///x --secrets-key-file KEY --cells a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", 2,
         "--cells: a process serves at most 16"},
        {"--redis-url http://x --secrets-key-file KEY", 3, "\"event\":\"redis.bad_url\""},
        {"--redis-url unix:///x --secrets-key-file KEY --redis-password-file /dev/null", 3,
         "\"event\":\"redis.password_unreadable\""},
    };
    (void)state;
    tiny_spec.wants_redis = true;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char line[512];
        const char *key = strstr(cases[i].rest, "KEY");
        int before = key ? (int)(key - cases[i].rest) : (int)strlen(cases[i].rest);
        snprintf(line, sizeof line, "%.*s%s%s", before, cases[i].rest, key ? key_path() : "", key ? key + 3 : "");
        spawn(line);
        assert_int_equal(wait_end(), cases[i].status);
        assert_logged(cases[i].logged);
    }
}

static void test_a_process_that_waits_for_redis_says_so_and_can_be_ended(void **state)
{
    char line[512];
    (void)state;
    tiny_spec.wants_redis = true;
    snprintf(line, sizeof line, "--redis-url unix://%s/none.sock --secrets-key-file %s --cells c1,c0", folder,
             key_path());
    spawn(line);
    wait_logged("\"event\":\"redis.down\",\"reason\":\"unreachable\"");
    assert_logged("\"cells\":\"c1,c0\"");
    child.port = port_behind(read_log(), "\"for\":\"redis\",\"url\":\"http://127.0.0.1:");
    assert_answer("GET", "/healthz", 200, "{\"status\":\"ok\"}");
    const char *answer = ask("GET", "/readyz");
    assert_non_null(strstr(answer, " 503 "));
    assert_non_null(strstr(answer, "\"starting\",\"redis: unreachable: "));
    answer = ask("GET", "/slow");
    assert_non_null(strstr(answer, " 503 "));
    assert_non_null(strstr(answer, "Retry-After: 1\r\n"));
    assert_non_null(strstr(ask("GET", "/metrics"), "\ncarillon_redis_ready 0\n"));
    assert_int_equal(terminate(), 0);
    assert_string_equal(read_log() + strlen(read_log()) - 1, "\n");
    assert_null(strstr(read_log(), "tiny.stopped"));
}

#define CASE(name) cmocka_unit_test_setup(name, reset_spec)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_process_announces_itself_answers_and_ends_in_order),
        CASE(test_metrics_hold_the_skeletons_and_the_processs),
        CASE(test_what_the_process_says_makes_it_unready),
        CASE(test_http_is_served_while_the_process_drains),
        CASE(test_a_request_under_way_gets_its_answer),
        CASE(test_a_second_signal_ends_at_once),
        CASE(test_a_drain_has_a_deadline),
        CASE(test_a_request_that_never_ends_holds_nobody_up_for_long),
        CASE(test_a_lost_invariant_ends_with_1),
        CASE(test_a_hangup_reads_the_options_again_unless_they_are_faulty),
        CASE(test_failures_at_start_have_their_exit_codes),
        CASE(test_help_names_the_options_of_all_tables),
        CASE(test_options_about_redis_are_checked),
        CASE(test_a_process_that_waits_for_redis_says_so_and_can_be_ended),
    };
    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char path[sizeof folder + 16];
    for (unsigned i = 0; i < 200; i++) {
        snprintf(path, sizeof path, "%s/log.%u", folder, i);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/key", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/tiny.conf", folder);
    unlink(path);
    rmdir(folder);
    return failed;
}
