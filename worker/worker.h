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
#include "worker/clock_watch.h"
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
struct tick;

/* How long Redis may take, beyond what a caller says otherwise. */
#define WORKER_SCRIPT_DEADLINE_MS 3000
#define WORKER_READ_DEADLINE_MS 2000

struct worker_cell {
    struct worker *worker;
    const char *id;
    char prefix[sizeof "carillon:{}:" + LIMIT_CELL_ID_LEN];
    struct settings *settings;
    struct settle *settle;
    struct dispatch *dispatch;
    struct reap *reap;
    struct tick *tick;
    struct reassert *reassert;
    int64_t epoch; /* as Redis told it last; 0: not yet */
    /* Monotonic: before that no call's deadline counts, since Redis's clock jumped (epoch.h). */
    int64_t deadlines_from_us;
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
    struct clock_watch clock_watch; /* by the ticks of all cells */
    struct redis_clock redis_clock; /* as the claims, begins, checks and ticks of all cells tell it */
    bool is_draining;
    int64_t started_us; /* monotonic */
    struct worker_metrics metrics;
};

/* Takes note of Redis's time (its microseconds) in an answer that has just come, asked for at `asked_us` (monotonic).
 */
void worker_note_redis_time(struct worker *worker, int64_t asked_us, int64_t redis_now_us);
/* Redis's wall clock, now, in Unix ms: what instants that go into scripts are reckoned by. */
int64_t worker_redis_now_ms(const struct worker *worker);
/* How far that is ahead of this process's wall clock, in ms. */
int64_t worker_redis_ahead_ms(const struct worker *worker);
/* Our monotonic time when Redis's clock says `redis_ms`. */
int64_t worker_mono_us(const struct worker *worker, int64_t redis_ms);

/* Where platforms reach this fleet: --public-url, or this process's own address. Borrowed. */
const char *worker_public_url(const struct worker *worker);

/* While draining: tells the skeleton when the last dial is over. */
void worker_check_drained(struct worker *worker);

#endif
