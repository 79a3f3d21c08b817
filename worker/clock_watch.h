/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether Redis's clock was set forward, and never wrongly so: what a jump of it costs is the cell closed (epoch.h).
 * When Redis read its clock lies between asking and answer, so a slow answer, or a process that stood still, never
 * looks like a jump.
 */
#ifndef CARILLON_WORKER_CLOCK_WATCH_H
#define CARILLON_WORKER_CLOCK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

/* What Redis's clock was, and by how much at most it was ahead of our monotonic one. */
struct clock_watch {
    int64_t redis_us; /* 0: not known yet */
    int64_t most_ahead_us;
};

/* Takes note of an answer, asked for at `asked_us` and read at `answered_us` (both monotonic): whether the clock jumped
 * by more than LIMIT_CLOCK_STEP_MS since the last. */
bool clock_watch_note(struct clock_watch *watch, int64_t asked_us, int64_t answered_us, int64_t redis_now_us);

#endif
