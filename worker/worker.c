/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/worker.h"

#include "common/base/clock.h"
#include "worker/dispatch.h"
#include "worker/epoch.h"
#include "worker/reap.h"
#include "worker/reassert.h"
#include "worker/settle.h"

void worker_cell_note_time(struct worker_cell *cell, int64_t redis_now_us)
{
    int64_t offset_us = redis_now_us - clock_mono_us();
    if (cell->clock_offset_us != 0 && offset_us - cell->clock_offset_us > LIMIT_CLOCK_STEP_MS * INT64_C(1000))
        epoch_doubt_deadlines(cell);
    cell->clock_offset_us = offset_us;
}

int64_t worker_cell_now_ms(const struct worker_cell *cell)
{
    if (cell->clock_offset_us == 0)
        return clock_wall_ms();
    return (clock_mono_us() + cell->clock_offset_us) / 1000;
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
