/* SPDX-License-Identifier: Apache-2.0
 *
 * How far Redis's clock is ahead of our monotonic one, as near as answers tell. Redis reads its clock for a command
 * somewhere between asking and answer, so an answer shows that it is ahead by at least one amount and at most another.
 * One that was long on its way, or whose script ran long, shows little; the best of the last seconds counts.
 */
#ifndef CARILLON_WORKER_REDIS_CLOCK_H
#define CARILLON_WORKER_REDIS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct redis_clock {
    int64_t ahead_us; /* at least; microseconds, as all here. The best of this period and the one before, */
    int64_t now_ahead_us; /* and of this one alone */
    int64_t period_from_us; /* monotonic; 0: nothing is known yet */
};

/* Takes note of an answer: asked for at `asked_us`, read at `answered_us` (both monotonic). Where Redis's clock turns
 * out to be farther back than what was known, it was set back, and all of that is forgotten. True where it may have
 * been set forward: it is farther ahead than was known by more than LIMIT_CLOCK_STEP_MS, as also behind an answer that
 * was long on its way when little else was noted. */
bool redis_clock_note(struct redis_clock *clock, int64_t asked_us, int64_t answered_us, int64_t redis_now_us);

/* Whether anything was noted. */
bool redis_clock_is_known(const struct redis_clock *clock);

/* What Redis's clock says at `mono_us`, at least: but for what the clocks drift apart within two seconds. Something
 * must have been noted before. */
int64_t redis_clock_wall_us(const struct redis_clock *clock, int64_t mono_us);

/* Our monotonic time when Redis's clock has reached `redis_us`: not earlier, but for what the clocks drift apart within
 * two seconds. Something must have been noted before. */
int64_t redis_clock_mono_us(const struct redis_clock *clock, int64_t redis_us);

#endif
