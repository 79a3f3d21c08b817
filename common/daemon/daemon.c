/* SPDX-License-Identifier: Apache-2.0 */
#include "common/daemon/daemon_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/ident.h"
#include "common/base/log.h"
#include "version.h"

#define CLOSE_LEAST_US 5000000 /* for requests under way once nothing else is, and for leaving the cells */
#define ID_RANDOM 12 /* characters */
#define CLOSE_LOOK_US 10000 /* how often we look whether they are gone, in that time only */

/* ---- phases ---- */

static const char *const phase_names[DAEMON_PHASES] = {"starting", "running", "draining", "closing", "ended"};

/* Each phase may be followed by those whose bit is set. */
static const unsigned phase_next[DAEMON_PHASES] = {
    [DAEMON_STARTING] = 1u << DAEMON_RUNNING | 1u << DAEMON_ENDED,
    [DAEMON_RUNNING] = 1u << DAEMON_DRAINING | 1u << DAEMON_ENDED,
    [DAEMON_DRAINING] = 1u << DAEMON_CLOSING | 1u << DAEMON_ENDED,
    [DAEMON_CLOSING] = 1u << DAEMON_ENDED,
    [DAEMON_ENDED] = 0,
};

static void set_phase(struct daemon *d, enum daemon_phase to)
{
    if (!(phase_next[d->phase] & 1u << to))
        abort();
    log_debug("process.phase", log_str("from", phase_names[d->phase]), log_str("to", phase_names[to]));
    d->phase = to;
}

void daemon_end(struct daemon *d, enum daemon_exit status)
{
    if (d->phase == DAEMON_ENDED)
        return;
    set_phase(d, DAEMON_ENDED);
    d->status = status;
    loop_stop(d->loop);
}

void daemon_fail(struct daemon *d, const char *event, int err)
{
    log_error(event, log_err(err));
    daemon_end(d, DAEMON_EXIT_FAILED);
}

/* ---- starting ---- */

void daemon_serve(struct daemon *d)
{
    int err = d->spec->start(d, &d->state);
    if (err) {
        log_error("process.start_failed", log_err(err));
        daemon_end(d, err == ERR_INVALID ? DAEMON_EXIT_CONFIGURATION : DAEMON_EXIT_FAILED);
        return;
    }
    d->is_started = true;
    if (d->phase == DAEMON_ENDED)
        return;
    set_phase(d, DAEMON_RUNNING);
    if (printf("listening %s\n", http_server_url(d->http)) < 0 || fflush(stdout) != 0)
        log_warn("process.stdout_closed", log_str("detail", strerror(errno)));
    log_info("process.ready", log_str("url", http_server_url(d->http)));
    if (d->redis && d->spec->on_redis_ready)
        d->spec->on_redis_ready(d->state);
}

static void serve_later(void *arg)
{
    daemon_serve(arg);
}

/* ---- draining ---- */

static void on_drain_timeout(void *arg)
{
    struct daemon *d = arg;
    log_error("process.drain_timeout", log_i64("timeout_ms", conf_i64(d->conf, "drain-timeout-ms")),
              log_i64("open_requests", (int64_t)http_server_open_requests(d->http)));
    daemon_end(d, DAEMON_EXIT_FAILED);
}

static void on_close_look(void *arg)
{
    struct daemon *d = arg;
    size_t open = http_server_open_requests(d->http);
    int64_t now_us = clock_mono_us();
    if ((open > 0 && now_us < d->requests_deadline_us) || (d->n_leaving > 0 && now_us < d->leave_deadline_us)) {
        loop_timer_arm_us(d->close_timer, CLOSE_LOOK_US);
        return;
    }
    if (open > 0)
        log_warn("process.requests_cut", log_i64("open_requests", (int64_t)open));
    daemon_end(d, open > 0 ? DAEMON_EXIT_FAILED : DAEMON_EXIT_DONE);
}

void daemon_drained(struct daemon *d)
{
    if (d->phase != DAEMON_DRAINING)
        return;
    set_phase(d, DAEMON_CLOSING);
    loop_timer_disarm(d->drain_timer);
    http_server_quiesce(d->http);
    daemon_leave_cells(d);
    d->leave_deadline_us = clock_mono_us() + CLOSE_LEAST_US;
    if (d->requests_deadline_us < d->leave_deadline_us)
        d->requests_deadline_us = d->leave_deadline_us;
    on_close_look(d);
}

static void start_drain(struct daemon *d)
{
    set_phase(d, DAEMON_DRAINING);
    log_info("process.draining", log_i64("open_requests", (int64_t)http_server_open_requests(d->http)));
    int64_t timeout_us = conf_i64(d->conf, "drain-timeout-ms") * 1000;
    d->requests_deadline_us = clock_mono_us() + timeout_us;
    loop_timer_arm_us(d->drain_timer, timeout_us);
    if (d->spec->drain)
        d->spec->drain(d->state);
    else
        daemon_drained(d);
}

/* ---- signals ---- */

static void on_terminate(int signo, void *arg)
{
    struct daemon *d = arg;
    log_info("process.signal", log_str("signal", strsignal(signo)));
    switch (d->phase) {
    case DAEMON_STARTING:
        daemon_end(d, DAEMON_EXIT_DONE);
        break;
    case DAEMON_RUNNING:
        start_drain(d);
        break;
    case DAEMON_DRAINING:
    case DAEMON_CLOSING:
        log_warn("process.drain_cut", log_str("signal", strsignal(signo)));
        daemon_end(d, DAEMON_EXIT_FAILED);
        break;
    case DAEMON_ENDED:
        break;
    }
}

static void on_hangup(int signo, void *arg)
{
    struct daemon *d = arg;
    struct buf why;
    (void)signo;
    buf_init(&why, LIMIT_LOG_LINE_BYTES);
    int err = conf_reload(d->conf, &why);
    if (err) {
        log_error("process.reload_failed", log_err(err), log_str("detail", buf_str(&why)));
    } else {
        daemon_configure_log(d);
        log_info("process.reloaded", log_str("log_level", conf_str(d->conf, "log-level")));
        if (d->is_started && d->spec->reload)
            d->spec->reload(d->state);
    }
    buf_free(&why);
}

static bool watch_signals(struct daemon *d)
{
    static const struct {
        int signo;
        loop_signal_fn fn;
    } watched[DAEMON_SIGNALS] = {{SIGTERM, on_terminate}, {SIGINT, on_terminate}, {SIGHUP, on_hangup}};
    for (size_t i = 0; i < DAEMON_SIGNALS; i++) {
        if (loop_signal_create(d->loop, watched[i].signo, watched[i].fn, d, &d->signals[i]))
            return false;
    }
    return signal(SIGPIPE, SIG_IGN) != SIG_ERR;
}

/* ---- from start to end ---- */

static void on_libevent_log(int severity, const char *message)
{
    if (severity == LOOP_COMPLAINT_DEBUG)
        log_debug("libevent.says", log_str("message", message));
    else
        log_warn("libevent.says", log_str("message", message));
}

/* The soft limit of descriptors is low for the sake of select(), which nothing here uses. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_warn("process.descriptor_limit", log_str("detail", strerror(errno)));
}

static void log_start(const struct daemon *d)
{
    struct buf cells;
    buf_init(&cells, sizeof d->cells);
    int err = 0;
    for (size_t i = 0; i < d->n_cells && !err; i++)
        err = buf_printf(&cells, "%s%s", i ? "," : "", d->cells[i]);
    log_info("process.start", log_str("version", CARILLON_VERSION), log_i64("pid", getpid()),
             log_str("cells", buf_str(&cells)));
    buf_free(&cells);
}

static bool load_keys(struct daemon *d)
{
    const char *path = conf_str(d->conf, "secrets-key-file");
    int err = seal_keys_load(path, &d->keys);
    if (err)
        log_error("secrets.key_unreadable", log_str("path", path), log_err(err),
                  log_str("detail", err == ERR_IO ? strerror(errno) : "32 bytes as hexadecimal or base64 are wanted"));
    return !err;
}

static bool make_loop(struct daemon *d)
{
    int err = d->spec->wants_redis ? ident_make_random(d->spec->id_prefix, ID_RANDOM, d->id, sizeof d->id) : 0;
    if (!err)
        err = loop_create(&d->loop);
    if (!err)
        err = metrics_create(&d->metrics);
    if (!err)
        err = daemon_make_metrics(d);
    if (!err)
        err = loop_timer_create(d->loop, on_drain_timeout, d, &d->drain_timer);
    if (!err)
        err = loop_timer_create(d->loop, on_close_look, d, &d->close_timer);
    if (!err && !watch_signals(d))
        err = ERR_NOMEM;
    if (err)
        log_error("process.start_failed", log_err(err));
    return !err;
}

/* Everything up to the loop. False, and told, with d->status. */
static bool prepare(struct daemon *d)
{
    loop_on_complaint(on_libevent_log);
    raise_descriptor_limit();
    log_start(d);
    d->status = DAEMON_EXIT_FAILED;
    if (!make_loop(d))
        return false;
    d->status = DAEMON_EXIT_CONFIGURATION;
    if (d->spec->wants_redis && !load_keys(d))
        return false;
    if (!daemon_bind(d))
        return false;
    if (d->spec->wants_redis)
        return daemon_connect(d);
    return loop_defer(d->loop, serve_later, d) == 0;
}

static void tear_down(struct daemon *d)
{
    http_server_free(d->http);
    d->http = NULL;
    redis_free(d->wake);
    d->wake = NULL;
    redis_free(d->redis);
    d->redis = NULL;
    if (d->is_started && d->spec->stop)
        d->spec->stop(d->state);
    loop_timer_free(d->start_timer);
    loop_timer_free(d->cells_timer);
    loop_timer_free(d->drain_timer);
    loop_timer_free(d->close_timer);
    for (size_t i = 0; i < DAEMON_SIGNALS; i++)
        loop_signal_free(d->signals[i]);
    daemon_free_metrics(d);
    seal_keys_free(d->keys);
    loop_free(d->loop);
    conf_free(d->conf);
    loop_on_complaint(NULL);
}

int daemon_main(const struct daemon_spec *spec, int argc, char **argv)
{
    struct daemon d = {.spec = spec};
    if (!daemon_read_options(&d, argc, argv)) {
        conf_free(d.conf);
        return (int)d.status;
    }
    if (prepare(&d)) {
        int err = loop_run(d.loop);
        if (err || d.phase != DAEMON_ENDED) {
            log_error("process.loop_failed", log_err(err));
            d.status = DAEMON_EXIT_FAILED;
        }
    }
    tear_down(&d);
    log_info("process.stopped", log_i64("status", d.status));
    return (int)d.status;
}
