/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ident.h"
#include "common/daemon/daemon_internal.h"
#include "tests/sim/wire_http.h"
#include "tests/sim/wire_redis.h"
#include "tests/sim/world.h"

int worker_main(int argc, char **argv); /* worker/main.c, built under this name */

struct process {
    struct daemon daemon;
    struct world_event wake;
    bool has_ended;
};

static const struct daemon_spec *worker_spec;

/* worker/main.c hands its spec over. */
int daemon_main(const struct daemon_spec *spec, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    worker_spec = spec;
    return 0;
}

static struct process *process_of(struct daemon *d)
{
    return (struct process *)d;
}

/* ---- what the worker tells its skeleton ---- */

void daemon_drained(struct daemon *d)
{
    if (d->phase != DAEMON_DRAINING)
        return;
    d->phase = DAEMON_CLOSING;
    daemon_leave_cells(d);
    world_trace_text("worker", "drained");
    process_of(d)->has_ended = true;
}

void daemon_end(struct daemon *d, enum daemon_exit status)
{
    d->status = status;
    world_trace_i64("worker ends", status);
    process_of(d)->has_ended = true;
}

bool daemon_refuse(struct daemon *d, enum redis_refusal why, const char *detail)
{
    (void)d;
    (void)why;
    (void)detail;
    return false;
}

void daemon_usable(struct daemon *d)
{
    d->is_redis_usable = true;
    if (!d->is_started) {
        if (d->spec->start(d, &d->state) != 0)
            abort();
        d->is_started = true;
        d->phase = DAEMON_RUNNING;
    }
    d->spec->on_redis_ready(d->state);
}

static void on_ready(void *arg)
{
    daemon_open_cells(arg);
}

static void on_down(enum redis_refusal why, const char *detail, void *arg)
{
    struct daemon *d = arg;
    (void)why;
    (void)detail;
    bool was_usable = d->is_redis_usable;
    d->is_redis_usable = false;
    if (was_usable && d->is_started && d->spec->on_redis_down)
        d->spec->on_redis_down(d->state);
}

/* ---- its life ---- */

static void on_wake(void *arg)
{
    struct process *p = arg;
    if (p->daemon.is_started)
        p->daemon.spec->on_wake(p->daemon.state, "c0");
}

static void read_options(struct daemon *d)
{
    static const char *const argv[] = {"carillon-worker", "--public-url", WIRE_FLEET_URL};
    const struct conf_option *const tables[] = {d->spec->options};
    const size_t lens[] = {d->spec->n_options};
    enum conf_next next;
    int status;
    if (conf_load("carillon-worker", tables, lens, 1, 3, (char **)argv, &d->conf, &next, &status) != 0 ||
        next != CONF_RUN)
        abort();
}

struct process *process_start(const struct seal_keys *keys, int64_t wall_ahead_us)
{
    struct process *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    if (!worker_spec)
        (void)worker_main(0, NULL);
    struct daemon *d = &p->daemon;
    d->spec = worker_spec;
    d->keys = (struct seal_keys *)keys;
    memcpy(d->cells[0], "c0", sizeof "c0");
    d->n_cells = 1;
    read_options(d);
    if (ident_make_random(d->spec->id_prefix, 12, d->id, sizeof d->id) != 0)
        abort();
    if (loop_create(&d->loop) != 0 || metrics_create(&d->metrics) != 0)
        abort();
    loop_set_background(d->loop);
    loop_set_clocks(d->loop, world_now_us() - dice_range(world_dice(), 1000000, INT64_C(86400000000)), wall_ahead_us);
    world_trace_text("worker born", d->id);
    if (http_server_create(d->loop, d->id, NULL, 0, NULL, &d->http) != 0 || !daemon_make_cells_timer(d))
        abort();
    wire_http_join_fleet(d->http);
    world_event_init(&p->wake, d->loop, on_wake, p);
    d->redis = wire_redis_create(d->loop, on_ready, on_down, d);
    return p;
}

static void end(void *arg)
{
    struct daemon *d = arg;
    http_server_free(d->http);
    d->http = NULL;
    redis_free(d->redis);
    if (d->is_started)
        d->spec->stop(d->state);
    loop_timer_free(d->cells_timer);
}

void process_kill(struct process *p)
{
    struct daemon *d = &p->daemon;
    world_trace_text("worker dies", "");
    world_run_last(d->loop, end, d);
    world_event_disarm(&p->wake);
    metrics_free(d->metrics);
    loop_free(d->loop);
    conf_free(d->conf);
    free(p);
}

static void drain(void *arg)
{
    struct daemon *d = arg;
    d->phase = DAEMON_DRAINING;
    d->spec->drain(d->state);
}

void process_drain(struct process *p)
{
    if (!p->daemon.is_started) {
        p->has_ended = true;
        return;
    }
    world_trace_text("worker", "drains");
    world_run_in(p->daemon.loop, drain, &p->daemon);
}

bool process_is_draining(const struct process *p)
{
    return p->daemon.phase == DAEMON_DRAINING;
}

bool process_has_ended(const struct process *p)
{
    return p->has_ended;
}

void process_wake(struct process *p)
{
    world_event_at(&p->wake, world_now_us() + dice_range(world_dice(), 50, 2000));
}

struct redis *process_redis(struct process *p)
{
    return p->daemon.redis;
}

struct loop *process_loop(struct process *p)
{
    return p->daemon.loop;
}
