/* SPDX-License-Identifier: Apache-2.0 */
#include "common/daemon/daemon_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/redis/redis_options.h"

#define SCHEMA_RAISED "schema" /* what cell_upgrade.lua publishes */
#define START_DEADLINE_US 10000000 /* a Redis that starts at the same time as we do has this long */

const char *daemon_refusal_name(enum redis_refusal refusal)
{
    switch (refusal) {
    case REDIS_REFUSAL_NONE:
        return "cells"; /* connected, but a cell was not opened */
    case REDIS_REFUSAL_UNREACHABLE:
        return "unreachable";
    case REDIS_REFUSAL_TLS:
        return "tls";
    case REDIS_REFUSAL_AUTH:
        return "auth";
    case REDIS_REFUSAL_PERMISSION:
        return "permission";
    case REDIS_REFUSAL_REPLICA:
        return "replica";
    case REDIS_REFUSAL_POLICY:
        return "policy";
    case REDIS_REFUSAL_SCRIPTS:
        return "scripts";
    case REDIS_REFUSAL_LOADING:
        return "loading";
    }
    return "unknown";
}

/* True for what another second of waiting does not change. */
static bool is_final(enum redis_refusal refusal)
{
    return refusal == REDIS_REFUSAL_TLS || refusal == REDIS_REFUSAL_AUTH || refusal == REDIS_REFUSAL_PERMISSION ||
           refusal == REDIS_REFUSAL_REPLICA || refusal == REDIS_REFUSAL_POLICY || refusal == REDIS_REFUSAL_SCRIPTS;
}

static void give_up(struct daemon *d)
{
    log_error("redis.unusable", log_str("reason", daemon_refusal_name(d->refusal)),
              log_str("detail", d->refusal_detail));
    /* What a user may do is a setting like any other; all else is about the Redis that was met. */
    daemon_end(d, d->refusal == REDIS_REFUSAL_PERMISSION ? DAEMON_EXIT_CONFIGURATION : DAEMON_EXIT_REDIS);
}

static void on_start_deadline(void *arg)
{
    give_up(arg);
}

static void on_ready(void *arg)
{
    struct daemon *d = arg;
    d->refusal = REDIS_REFUSAL_NONE;
    snprintf(d->refusal_detail, sizeof d->refusal_detail, "not opened yet");
    log_info("redis.ready", log_str("run_id", redis_run_id(d->redis)));
    daemon_open_cells(d);
}

/* The commands' connection is usable, and of the listening one it is known whether it may listen. */
static void start_when_known(struct daemon *d)
{
    if (d->phase != DAEMON_STARTING || !d->is_redis_usable || (d->wake && !d->is_wake_known))
        return;
    loop_timer_disarm(d->start_timer);
    daemon_serve(d);
}

void daemon_usable(struct daemon *d)
{
    d->is_redis_usable = true;
    if (d->phase == DAEMON_STARTING)
        start_when_known(d);
    else if (d->is_started && d->spec->on_redis_ready)
        d->spec->on_redis_ready(d->state);
}

bool daemon_refuse(struct daemon *d, enum redis_refusal why, const char *detail)
{
    d->refusal = why;
    snprintf(d->refusal_detail, sizeof d->refusal_detail, "%s", detail ? detail : "");
    if (d->phase != DAEMON_STARTING || !is_final(why))
        return false;
    give_up(d);
    return true;
}

static void on_down(enum redis_refusal why, const char *detail, void *arg)
{
    struct daemon *d = arg;
    bool was_usable = d->is_redis_usable;
    d->is_redis_usable = false;
    if (daemon_refuse(d, why, detail))
        return;
    log_warn("redis.down", log_str("reason", daemon_refusal_name(why)), log_str("detail", d->refusal_detail));
    if (was_usable && d->is_started && d->spec->on_redis_down)
        d->spec->on_redis_down(d->state);
}

/* ---- wake hints ---- */

static void wake(const struct daemon *d, size_t cell)
{
    if (d->is_started && d->spec->on_wake)
        d->spec->on_wake(d->state, d->cells[cell]);
}

static void on_wake_message(const char *channel, size_t channel_len, const char *payload, size_t payload_len, void *arg)
{
    struct daemon *d = arg;
    if (d->is_redis_usable && payload_len == sizeof SCHEMA_RAISED - 1 &&
        memcmp(payload, SCHEMA_RAISED, payload_len) == 0)
        daemon_look_at_cells(d);
    for (size_t i = 0; i < d->n_cells; i++) {
        struct key key = d->spec->wake_channel(d->cells[i]);
        if (key.len == channel_len && memcmp(key.text, channel, channel_len) == 0)
            wake(d, i);
    }
}

static void on_wake_ready(void *arg)
{
    struct daemon *d = arg;
    d->is_wake_known = true;
    start_when_known(d);
    for (size_t i = 0; i < d->n_cells; i++)
        wake(d, i);
}

static void on_wake_down(enum redis_refusal why, const char *detail, void *arg)
{
    struct daemon *d = arg;
    /* Without hints a process works, only later; but it shall not come to that by a forgotten permission. */
    if (why == REDIS_REFUSAL_PERMISSION && d->phase == DAEMON_STARTING && daemon_refuse(d, why, detail))
        return;
    log_warn("redis.wake_down", log_str("reason", daemon_refusal_name(why)), log_str("detail", detail));
    d->is_wake_known = true;
    start_when_known(d);
}

static bool listen_for_wakes(struct daemon *d, struct redis_config config)
{
    const char *why = "";
    config.skip_checks = true;
    config.skip_scripts = true;
    int err = redis_create(d->loop, &config, on_wake_ready, on_wake_down, d, &d->wake, &why);
    for (size_t i = 0; i < d->n_cells && !err; i++) {
        struct key key = d->spec->wake_channel(d->cells[i]);
        err = redis_subscribe(d->wake, key.text, on_wake_message, d);
    }
    if (err)
        log_error("redis.wake_failed", log_err(err), log_str("detail", why));
    return !err;
}

/* ---- connecting ---- */

static bool connect_with(struct daemon *d, const struct redis_config *config)
{
    const char *why = "";
    int err = redis_create(d->loop, config, on_ready, on_down, d, &d->redis, &why);
    if (err) {
        log_error("redis.bad_url", log_err(err), log_str("detail", why));
        return false;
    }
    daemon_time_scripts(d);
    return !d->spec->wake_channel || listen_for_wakes(d, *config);
}

bool daemon_connect(struct daemon *d)
{
    struct redis_config config;
    struct redis_secrets secrets;
    const char *option;
    int err = redis_options_read(d->conf, &config, &secrets, &option);
    if (err) {
        log_error("redis.password_unreadable", log_str("path", conf_str(d->conf, option)), log_err(err),
                  log_str("detail", err == ERR_IO ? strerror(errno) : "the file must hold one line"));
        redis_secrets_free(&secrets);
        return false;
    }
    config.name = d->spec->name;
    bool is_connecting = connect_with(d, &config);
    redis_secrets_free(&secrets);
    if (!is_connecting)
        return false;
    log_info("process.waiting", log_str("for", "redis"), log_str("url", http_server_url(d->http)));
    d->refusal = REDIS_REFUSAL_UNREACHABLE;
    snprintf(d->refusal_detail, sizeof d->refusal_detail, "no answer yet");
    return loop_timer_create(d->loop, on_start_deadline, d, &d->start_timer) == 0 && daemon_make_cells_timer(d) &&
           loop_timer_arm_us(d->start_timer, START_DEADLINE_US) == 0;
}
