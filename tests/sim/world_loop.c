/* SPDX-License-Identifier: Apache-2.0
 *
 * In place of common/loop/loop.c and common/base/clock.c: a process's loop and clocks in the world's time. A timer
 * fires late by a little, and now and then by more, as under a scheduler; never early.
 */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "tests/sim/world.h"

#define USUAL_LAG_US 60
#define LONG_LAG_PERCENT 0.5
#define LONG_LAG_US 40000

struct work {
    loop_fn fn;
    void *arg;
};

struct loop {
    int64_t mono_origin_us; /* true time at which its monotonic clock showed 0 */
    int64_t wall_ahead_us;
    int64_t stalled_until_us;
    bool is_background;
    struct work *waiting; /* deferred */
    size_t n_waiting, cap;
    struct world_event next_turn;
};

struct loop_timer {
    struct world_event event;
    loop_fn fn;
    void *arg;
};

/* ---- clocks ---- */

int64_t loop_mono_us(const struct loop *loop, int64_t now_us)
{
    return now_us - loop->mono_origin_us;
}

int64_t loop_wall_us(const struct loop *loop, int64_t now_us)
{
    return now_us + loop->wall_ahead_us;
}

int64_t clock_mono_us(void)
{
    const struct loop *loop = world_current();
    return loop ? loop_mono_us(loop, world_now_us()) : world_now_us();
}

int64_t clock_wall_us(void)
{
    const struct loop *loop = world_current();
    return loop ? loop_wall_us(loop, world_now_us()) : world_now_us();
}

int64_t clock_wall_ms(void)
{
    return clock_wall_us() / 1000;
}

void loop_set_clocks(struct loop *loop, int64_t mono_origin_us, int64_t wall_ahead_us)
{
    loop->mono_origin_us = mono_origin_us;
    loop->wall_ahead_us = wall_ahead_us;
}

void loop_set_wall_ahead(struct loop *loop, int64_t wall_ahead_us)
{
    loop->wall_ahead_us = wall_ahead_us;
}

/* ---- the loop ---- */

static void on_next_turn(void *arg)
{
    (void)arg; /* the turn's end does the work */
}

int loop_create(struct loop **ret_loop)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return ERR_NOMEM;
    world_event_init(&loop->next_turn, loop, on_next_turn, loop);
    *ret_loop = loop;
    return 0;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    world_event_disarm(&loop->next_turn);
    free(loop->waiting);
    free(loop);
}

void loop_stall_until(struct loop *loop, int64_t until_us)
{
    loop->stalled_until_us = until_us;
}

int64_t loop_stalled_until_us(const struct loop *loop)
{
    return loop->stalled_until_us;
}

void loop_set_background(struct loop *loop)
{
    loop->is_background = true;
}

bool loop_is_background(const struct loop *loop)
{
    return loop->is_background;
}

/* ---- deferred work ---- */

int loop_defer(struct loop *loop, loop_fn fn, void *arg)
{
    if (loop->n_waiting == loop->cap) {
        size_t cap = loop->cap ? 2 * loop->cap : 64;
        struct work *waiting =
            loop->n_waiting < LIMIT_LOOP_DEFERRED ? reallocarray(loop->waiting, cap, sizeof *waiting) : NULL;
        if (!waiting)
            return ERR_NOMEM;
        loop->waiting = waiting;
        loop->cap = cap;
    }
    loop->waiting[loop->n_waiting++] = (struct work){fn, arg};
    if (world_current() != loop)
        world_event_at(&loop->next_turn, world_now_us());
    return 0;
}

void loop_end_turn(struct loop *loop)
{
    struct work *running = loop->waiting;
    size_t n = loop->n_waiting;
    loop->waiting = NULL;
    loop->n_waiting = loop->cap = 0;
    for (size_t i = 0; i < n; i++)
        running[i].fn(running[i].arg);
    free(running);
    if (loop->n_waiting > 0) /* what deferred work defers: at the end of the next turn */
        world_event_at(&loop->next_turn, world_now_us());
}

/* ---- timers ---- */

static void on_timer(void *arg)
{
    const struct loop_timer *timer = arg;
    timer->fn(timer->arg); /* may free the timer */
}

int loop_timer_create(struct loop *loop, loop_fn fn, void *arg, struct loop_timer **ret_timer)
{
    struct loop_timer *timer = calloc(1, sizeof *timer);
    if (!timer)
        return ERR_NOMEM;
    timer->fn = fn;
    timer->arg = arg;
    world_event_init(&timer->event, loop, on_timer, timer);
    *ret_timer = timer;
    return 0;
}

void loop_timer_free(struct loop_timer *timer)
{
    if (!timer)
        return;
    world_event_disarm(&timer->event);
    free(timer);
}

int loop_timer_arm_us(struct loop_timer *timer, int64_t delay_us)
{
    struct dice *dice = world_dice();
    int64_t lag_us = dice_range(dice, 0, dice_chance(dice, LONG_LAG_PERCENT) ? LONG_LAG_US : USUAL_LAG_US);
    world_event_at(&timer->event, world_now_us() + (delay_us > 0 ? delay_us : 0) + lag_us);
    return 0;
}

int loop_timer_arm_at_us(struct loop_timer *timer, int64_t mono_us)
{
    return loop_timer_arm_us(timer, mono_us - loop_mono_us(timer->event.loop, world_now_us()));
}

void loop_timer_disarm(struct loop_timer *timer)
{
    world_event_disarm(&timer->event);
}

bool loop_timer_is_armed(const struct loop_timer *timer)
{
    return world_event_is_armed(&timer->event);
}
