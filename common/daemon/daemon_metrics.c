/* SPDX-License-Identifier: Apache-2.0 */
#include "common/daemon/daemon_internal.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/redis/script.h"
#include "version.h"

/* What every process tells of its connections to Redis. */
struct daemon_metrics {
    struct metric *ready, *draining, *open_requests;
    struct metric *redis_ready, *pending, *commands;
    struct metric *faults[REDIS_FAULT_COUNT];
    struct metric *reconnects, *wake_reconnects;
    struct metric *script_seconds[LUA_SCRIPT_COUNT + 1]; /* one spare: there may be none */
};

static struct metric *gauge(struct daemon *d, const char *name, const char *help)
{
    return metrics_gauge(d->metrics, name, help, NULL, NULL);
}

static void make_redis_metrics(struct daemon *d, struct daemon_metrics *to)
{
    static const double bounds[] = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1};
    static const char reconnects[] = "carillon_redis_reconnects_total";
    static const char reconnects_help[] = "Times that a connection to Redis was made again";
    to->redis_ready = gauge(d, "carillon_redis_ready", "1 while Redis is ready");
    to->pending = gauge(d, "carillon_redis_pending_commands", "Commands waiting for Redis's reply");
    to->commands = metrics_counter(d->metrics, "carillon_redis_commands_total", "Commands sent to Redis", NULL, NULL);
    for (size_t i = 0; i < REDIS_FAULT_COUNT; i++)
        to->faults[i] =
            metrics_counter(d->metrics, "carillon_redis_errors_total", "Commands that Redis refused or left unanswered",
                            "kind", redis_fault_name((enum redis_fault)i));
    to->reconnects = metrics_counter(d->metrics, reconnects, reconnects_help, "connection", "commands");
    to->wake_reconnects = metrics_counter(d->metrics, reconnects, reconnects_help, "connection", "wakes");
    for (size_t i = 0; i < LUA_SCRIPT_COUNT; i++)
        to->script_seconds[i] = metrics_labelled_histogram(
            d->metrics, "carillon_redis_script_seconds", "From asking for a script to its answer",
            &(struct metric_label){"script", lua_scripts[i].name}, bounds, sizeof bounds / sizeof bounds[0]);
}

int daemon_make_metrics(struct daemon *d)
{
    struct daemon_metrics *to = calloc(1, sizeof *to);
    if (!to)
        return ERR_NOMEM;
    d->own_metrics = to;
    metric_set(metrics_gauge(d->metrics, "carillon_info", "Always 1", "version", CARILLON_VERSION), 1);
    metric_set(gauge(d, "carillon_start_time_seconds", "When the process started, in seconds of Unix time"),
               (double)clock_wall_ms() / 1000);
    to->ready = gauge(d, "carillon_ready", "1 while /readyz says so");
    to->draining = gauge(d, "carillon_draining", "1 while the process drains");
    to->open_requests = gauge(d, "carillon_http_open_requests", "HTTP requests under way");
    if (d->spec->wants_redis)
        make_redis_metrics(d, to);
    return 0;
}

void daemon_free_metrics(struct daemon *d)
{
    free(d->own_metrics);
    metrics_free(d->metrics);
}

static void on_script_answer(enum lua_script script, int64_t took_us, void *arg)
{
    const struct daemon *d = arg;
    metric_observe(d->own_metrics->script_seconds[script], (double)took_us / 1e6);
}

void daemon_time_scripts(struct daemon *d)
{
    script_on_answer(d->redis, on_script_answer, d);
}

static double reconnects_of(const struct redis *redis)
{
    uint64_t ready = redis_counts(redis)->ready;
    return ready > 1 ? (double)(ready - 1) : 0;
}

static void collect_redis(const struct daemon *d)
{
    const struct daemon_metrics *to = d->own_metrics;
    const struct redis_counts *counts = redis_counts(d->redis);
    metric_set(to->redis_ready, redis_is_ready(d->redis));
    metric_set(to->pending, (double)redis_pending(d->redis));
    metric_set(to->commands, (double)redis_commands_sent(d->redis));
    for (size_t i = 0; i < REDIS_FAULT_COUNT; i++)
        metric_set(to->faults[i], (double)counts->faults[i]);
    metric_set(to->reconnects, reconnects_of(d->redis));
    if (d->wake)
        metric_set(to->wake_reconnects, reconnects_of(d->wake));
}

void daemon_collect(struct daemon *d)
{
    const struct daemon_metrics *to = d->own_metrics;
    metric_set(to->ready, daemon_is_ready(d));
    metric_set(to->draining, d->phase > DAEMON_RUNNING);
    metric_set(to->open_requests, (double)http_server_open_requests(d->http));
    if (d->redis)
        collect_redis(d);
    if (d->is_started && d->spec->collect)
        d->spec->collect(d->state);
}
