/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker's own context: what its modules share. One `struct worker` a process, one `struct worker_cell` for each
 * cell that it serves. Owned by main.c; everyone else borrows.
 */
#ifndef CARILLON_WORKER_WORKER_H
#define CARILLON_WORKER_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "common/base/seal.h"
#include "common/daemon/daemon.h"
#include "common/provider/provider.h"
#include "worker/provider_http.h"
#include "worker/redis_clock.h"
#include "worker/worker_metrics.h"

struct callbacks;
struct dispatch;
struct reap;
struct reassert;
struct replicas;
struct settings;
struct settle;

struct worker_cell {
    struct worker *worker;
    const char *id;
    char prefix[sizeof "carillon:{}:" + LIMIT_CELL_ID_LEN];
    struct settings *settings;
    struct settle *settle;
    struct dispatch *dispatch;
    struct reap *reap;
    struct reassert *reassert;
    int64_t epoch; /* as Redis told it last; 0: not yet */
    int64_t clock_offset_us; /* Redis's wall clock less our monotonic one, as of its last answer */
    int64_t
        deadlines_from_us; /* monotonic: before that no call's deadline counts, since Redis's clock jumped (epoch.h) */
};

/* What Redis's clock was, and by how much at most it was ahead of our monotonic one. */
struct clock_watch {
    int64_t redis_us; /* 0: not known yet */
    int64_t most_ahead_us;
};

struct worker {
    struct daemon *daemon;
    struct loop *loop;
    struct redis *redis;
    const struct seal_keys *keys;
    struct http_client *http;
    struct provider_http *provider;
    const char *id; /* borrowed from the daemon */
    struct worker_cell cells[LIMIT_CELLS];
    size_t n_cells;
    struct replicas *replicas;
    struct callbacks *callbacks;
    struct loop_timer *pulse; /* the heartbeat of an idle worker */
    size_t pulse_turn;
    struct clock_watch clock_watch;
    struct redis_clock redis_clock; /* as the claims and begins of all cells tell it */
    bool is_draining;
    int64_t started_us; /* monotonic */
    struct worker_metrics metrics;
};

/* Takes note of Redis's time in an answer that has just come (its microseconds). */
void worker_cell_note_time(struct worker_cell *cell, int64_t redis_now_us);
/* Redis's wall clock, now, in Unix ms: what instants that go into scripts are reckoned by. */
int64_t worker_cell_now_ms(const struct worker_cell *cell);

/* Where platforms reach this fleet: --public-url, or this process's own address. Borrowed. */
const char *worker_public_url(const struct worker *worker);

/* While draining: tells the skeleton when the last dial is over. */
void worker_check_drained(struct worker *worker);

#endif
