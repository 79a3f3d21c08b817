/* SPDX-License-Identifier: Apache-2.0
 *
 * carillon-worker: claims due calls, places them through a provider profile, receives the provider's callbacks, looks
 * up what stays silent, records outcomes. Stateless: any worker can settle any call.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/http/client.h"
#include "common/redis/keys.h"
#include "worker/callback.h"
#include "worker/dispatch.h"
#include "worker/place.h"
#include "worker/reap.h"
#include "worker/reassert.h"
#include "worker/replicas.h"
#include "worker/settings.h"
#include "worker/settle.h"
#include "worker/tick.h"
#include "worker/worker.h"

#define PULSE_US 1000000 /* an idle worker sends one command a second */
#define CLAIM_TURNS 5 /* in ten pulses */
#define READY_CLAIM_US INT64_C(10000000)

static const struct conf_option options[] = {
    {.name = "public-url",
     .kind = CONF_STR,
     .help = "where platforms reach this fleet's callbacks, such as https://callbacks.example (default: own address)"},
    {.name = "redis-wait-replicas",
     .kind = CONF_I64,
     .default_text = "0",
     .min = 0,
     .max = LIMIT_WAIT_REPLICAS,
     .help =
         "replicas of Redis that must have a begin before its call is placed; with fewer in reach nothing is dialed"},
    {.name = "redis-wait-ms",
     .kind = CONF_I64,
     .default_text = "50",
     .min = 1,
     .max = LIMIT_WAIT_MS,
     .help = "how long those replicas have to answer"},
};

/* Redis hears every ten seconds that this process is there (common/daemon/daemon_cells.c): that takes the place of a
 * claim, of each cell in its turn. */
static bool is_presence_turn(const struct worker *w)
{
    return w->pulse_turn / 2 / w->n_cells % CLAIM_TURNS == CLAIM_TURNS - 1;
}

/* The pulse: every second one command, in turn a tick and a claim of each cell, so that an idle worker stays quiet
 * however many cells it serves, and hears of lost wakes all the same. */
static void on_pulse(void *arg)
{
    struct worker *w = arg;
    struct worker_cell *cell = &w->cells[w->pulse_turn / 2 % w->n_cells];
    bool is_tick_turn = w->pulse_turn % 2 == 0;
    if (is_tick_turn || w->is_draining || (!is_presence_turn(w) && !dispatch_pulse(cell->dispatch)))
        tick_pulse(cell->tick);
    w->pulse_turn++;
    loop_timer_arm_us(w->pulse, PULSE_US);
}

static int make_cell(struct worker *w, struct worker_cell *cell, const char *id)
{
    cell->worker = w;
    cell->id = id;
    struct key prefix = key_cell_prefix(id);
    memcpy(cell->prefix, prefix.text, prefix.len + 1);
    int rc = settings_create(w->redis, w->keys, id, worker_public_url(w), &cell->settings);
    if (rc == 0)
        rc = settle_create(cell, &cell->settle);
    if (rc == 0)
        rc = reap_create(cell, &cell->reap);
    if (rc == 0)
        rc = tick_create(cell, &cell->tick);
    if (rc == 0)
        rc = reassert_create(cell, &cell->reassert);
    if (rc == 0)
        rc = dispatch_create(cell, &cell->dispatch);
    return rc;
}

static void on_enough_replicas(struct worker *w)
{
    for (size_t i = 0; i < w->n_cells; i++)
        dispatch_wake(w->cells[i].dispatch);
}

static int make_replicas(struct worker *w)
{
    static const struct replicas_owner owner = {.on_answer = place_replicated, .on_enough = on_enough_replicas};
    const struct conf *conf = daemon_conf(w->daemon);
    return replicas_create(w, conf_i64(conf, "redis-wait-replicas"), conf_i64(conf, "redis-wait-ms"), &owner,
                           &w->replicas);
}

static void worker_stop(void *state);

static int worker_start(struct daemon *d, void **ret_state)
{
    struct worker *w = calloc(1, sizeof *w);
    if (!w)
        return ERR_NOMEM;
    w->daemon = d;
    w->loop = daemon_loop(d);
    w->redis = daemon_redis(d);
    w->keys = daemon_keys(d);
    w->id = daemon_id(d);
    w->started_us = clock_mono_us();
    worker_metrics_init(&w->metrics, daemon_metrics(d));
    int rc = http_client_create(w->loop, LIMIT_PROVIDER_REQUESTS, &w->http);
    if (rc == 0)
        rc = provider_http_create(w->http, &w->provider);
    if (rc == 0)
        rc = make_replicas(w);
    for (size_t i = 0; rc == 0 && i < daemon_cell_count(d); i++) {
        w->n_cells++;
        rc = make_cell(w, &w->cells[i], daemon_cell(d, i));
    }
    if (rc == 0)
        rc = callbacks_create(w, &w->callbacks);
    if (rc == 0)
        rc = loop_timer_create(w->loop, on_pulse, w, &w->pulse);
    if (rc != 0) {
        worker_stop(w);
        return rc;
    }
    log_info("worker.started", log_str("worker", w->id), log_str("public_url", worker_public_url(w)));
    *ret_state = w;
    return 0;
}

static void worker_stop(void *state)
{
    struct worker *w = state;
    loop_timer_free(w->pulse);
    provider_http_free(w->provider);
    http_client_free(w->http);
    for (size_t i = 0; i < w->n_cells; i++) {
        dispatch_free(w->cells[i].dispatch);
        tick_free(w->cells[i].tick);
        reap_free(w->cells[i].reap);
        reassert_free(w->cells[i].reassert);
        settle_free(w->cells[i].settle);
        settings_free(w->cells[i].settings);
    }
    replicas_free(w->replicas);
    callbacks_free(w->callbacks);
    free(w);
}

static void on_redis_ready(void *state)
{
    struct worker *w = state;
    replicas_on_ready(w->replicas);
    for (size_t i = 0; i < w->n_cells; i++) {
        settle_flush(w->cells[i].settle);
        reassert_flush(w->cells[i].reassert);
        reap_flush(w->cells[i].reap);
        tick_on_ready(w->cells[i].tick);
        dispatch_on_ready(w->cells[i].dispatch);
    }
    loop_timer_arm_us(w->pulse, PULSE_US);
}

static void on_wake(void *state, const char *cell)
{
    struct worker *w = state;
    for (size_t i = 0; i < w->n_cells; i++)
        if (strcmp(w->cells[i].id, cell) == 0)
            dispatch_wake(w->cells[i].dispatch);
}

static void drain(void *state)
{
    struct worker *w = state;
    w->is_draining = true;
    for (size_t i = 0; i < w->n_cells; i++)
        dispatch_drain(w->cells[i].dispatch);
    worker_check_drained(w);
}

/* How long ago a claim of the cell was answered; since the start, where none was yet. */
static int64_t claim_age_us(const struct worker *w, const struct worker_cell *cell)
{
    int64_t last_us = dispatch_last_claim_us(cell->dispatch);
    return clock_mono_us() - (last_us != 0 ? last_us : w->started_us);
}

static bool is_ready(void *state, struct buf *why)
{
    const struct worker *w = state;
    if (!replicas_are_enough(w->replicas, why))
        return false;
    for (size_t i = 0; i < w->n_cells; i++) {
        const struct worker_cell *cell = &w->cells[i];
        bool was_answered = dispatch_last_claim_us(cell->dispatch) != 0;
        if (was_answered && claim_age_us(w, cell) <= READY_CLAIM_US * (int64_t)w->n_cells)
            continue;
        (void)!buf_printf(why, "no claim of cell %s was answered lately", cell->id);
        return false;
    }
    return true;
}

static void collect(void *state)
{
    struct worker *w = state;
    size_t phases[DIAL_STATE_COUNT] = {0}, checking = 0, settling = 0;
    int64_t oldest_us = 0, lag_us = 0;
    for (size_t i = 0; i < w->n_cells; i++) {
        const struct worker_cell *cell = &w->cells[i];
        int64_t age_us = claim_age_us(w, cell);
        dispatch_count_phases(cell->dispatch, phases);
        checking += reap_checks(cell->reap);
        settling += settle_reports(cell->settle);
        if (age_us > oldest_us)
            oldest_us = age_us;
        if (dispatch_lag_us(cell->dispatch) > lag_us)
            lag_us = dispatch_lag_us(cell->dispatch);
    }
    for (size_t i = 0; i < DIAL_OVER; i++)
        metric_set(w->metrics.phases[i], (double)phases[i]);
    metric_set(w->metrics.checking, (double)checking);
    metric_set(w->metrics.settling, (double)settling);
    metric_set(w->metrics.claim_age_seconds, (double)oldest_us / 1e6);
    metric_set(w->metrics.lag_seconds, (double)lag_us / 1e6);
}

int main(int argc, char **argv)
{
    static const struct daemon_spec spec = {
        .name = "carillon-worker",
        .id_prefix = "w_",
        .options = options,
        .n_options = sizeof options / sizeof options[0],
        .default_listen = "127.0.0.1:8081",
        .wants_redis = true,
        .wake_channel = key_wake_channel,
        .start = worker_start,
        .on_redis_ready = on_redis_ready,
        .on_wake = on_wake,
        .drain = drain,
        .is_ready = is_ready,
        .collect = collect,
        .stop = worker_stop,
    };
    return daemon_main(&spec, argc, argv);
}
