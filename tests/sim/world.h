/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated world: one virtual time, and all that is to happen at some instant of it, in order. Time does not pass:
 * when what was due has happened, it jumps to the next instant. Beside it the trace, a digest of everything that
 * happened: the same seed must give the same one.
 *
 * There is one world at a time, as there is one kernel: the substitutes of clock.h and loop.h stand on it.
 */
#ifndef CARILLON_SIM_WORLD_H
#define CARILLON_SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/heap.h"
#include "common/loop/loop.h"
#include "tests/sim/dice.h"

typedef void (*world_fn)(void *arg);

/* Something that happens once, at an instant: in a process, from its loop, or (loop NULL) to nobody in particular.
 * Embedded in what it is about; whoever owns that disarms it before it goes. */
struct world_event {
    struct loop *loop;
    world_fn fn;
    void *arg;
    size_t place; /* in the world's order of events */
    int64_t key;
    bool is_background; /* goes on for ever by itself: nobody waits for it */
};

/* Begins a world at `start_us` (Unix), whatever was before. */
void world_begin(uint64_t seed, int64_t start_us);
void world_end(void);

/* The true time, which Redis's clock shows. */
int64_t world_now_us(void);
uint64_t world_seed(void);
/* For latencies and everything else that belongs to nobody. */
struct dice *world_dice(void);

void world_event_init(struct world_event *e, struct loop *loop, world_fn fn, void *arg);
/* Arms it, or arms it anew; an instant that has passed is now. Events of one instant happen in the order in which they
 * were armed. */
void world_event_at(struct world_event *e, int64_t at_us);
void world_event_disarm(struct world_event *e);
/* Where it would happen before `until_us`, it happens then. */
void world_event_hold(struct world_event *e, int64_t until_us);
bool world_event_is_armed(const struct world_event *e);

/* Lets the next thing happen. False where nothing is to come. */
bool world_step(void);
/* When the next thing happens that is not in the background. INT64_MAX: never. */
int64_t world_next_us(void);

/* Runs `fn` as if in the process whose loop it is, with the end of its turn. */
void world_run_in(struct loop *loop, world_fn fn, void *arg);
/* The same for the last time: what it defers is dropped with the loop. */
void world_run_last(struct loop *loop, world_fn fn, void *arg);

/* ---- processes, by their loops ---- */

/* How its clocks differ from true time. */
void loop_set_clocks(struct loop *loop, int64_t mono_origin_us, int64_t wall_ahead_us);
/* Somebody sets its wall clock. */
void loop_set_wall_ahead(struct loop *loop, int64_t wall_ahead_us);
/* A process that stands still: nothing of it happens before, and then all that was due, in order. */
void loop_stall_until(struct loop *loop, int64_t until_us);
int64_t loop_stalled_until_us(const struct loop *loop);
/* A process of the fleet, which goes on for ever by itself. Before anything is made on its loop. */
void loop_set_background(struct loop *loop);

/* ---- inside of the world's substitutes ---- */
struct loop *world_current(void);
int64_t loop_mono_us(const struct loop *loop, int64_t now_us);
int64_t loop_wall_us(const struct loop *loop, int64_t now_us);
void loop_end_turn(struct loop *loop);
bool loop_is_background(const struct loop *loop);

/* ---- the trace ---- */
void world_trace(const char *what, const void *data, size_t len);
void world_trace_text(const char *what, const char *text);
void world_trace_i64(const char *what, int64_t value);
uint64_t world_digest(void);
/* Writes every line of the trace to stderr. */
void world_set_verbose(bool is_verbose);

#endif
