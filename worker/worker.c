/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/worker.h"

#include "common/base/clock.h"
#include "worker/dispatch.h"
#include "worker/epoch.h"
#include "worker/reap.h"
#include "worker/reassert.h"
#include "worker/settle.h"

void worker_note_redis_time(struct worker *worker, int64_t asked_us, int64_t redis_now_us)
{
    if (!redis_clock_note(&worker->redis_clock, asked_us, clock_mono_us(), redis_now_us))
        return;
    for (size_t i = 0; i < worker->n_cells; i++)
        epoch_doubt_deadlines(&worker->cells[i]);
}

int64_t worker_redis_now_ms(const struct worker *worker)
{
    if (!redis_clock_is_known(&worker->redis_clock))
        return clock_wall_ms();
    return redis_clock_wall_us(&worker->redis_clock, clock_mono_us()) / 1000;
}

int64_t worker_redis_ahead_ms(const struct worker *worker)
{
    return worker_redis_now_ms(worker) - clock_wall_ms();
}

int64_t worker_mono_us(const struct worker *worker, int64_t redis_ms)
{
    if (!redis_clock_is_known(&worker->redis_clock))
        return clock_mono_us() + (redis_ms - clock_wall_ms()) * 1000;
    return redis_clock_mono_us(&worker->redis_clock, redis_ms * 1000);
}

const char *worker_public_url(const struct worker *worker)
{
    const char *url = conf_str(daemon_conf(worker->daemon), "public-url");
    return url ? url : http_server_url(daemon_http(worker->daemon));
}

static bool cell_is_idle(const struct worker_cell *cell)
{
    return dispatch_is_idle(cell->dispatch) && settle_is_idle(cell->settle) && reap_is_idle(cell->reap) &&
           reassert_is_idle(cell->reassert);
}

void worker_check_drained(struct worker *worker)
{
    if (!worker->is_draining)
        return;
    for (size_t i = 0; i < worker->n_cells; i++)
        if (!cell_is_idle(&worker->cells[i]))
            return;
    daemon_drained(worker->daemon);
}
