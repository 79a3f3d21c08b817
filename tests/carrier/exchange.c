/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/exchange.h"

#include <stdbool.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/heap.h"
#include "tests/carrier/calls.h"
#include "tests/carrier/fault.h"

#define US_PER_MS 1000
/* Steps taken in one go, so that requests get their turn in between. */
#define STEPS_PER_TURN 256

struct exchange {
    struct exchange_timing timing;
    const struct exchange_listener *listener;
    void *arg;
    struct heap *deadlines; /* of calls, in clock_mono_us() */
    struct loop_timer *timer;
    size_t open_calls;
};

static void on_timer(void *arg);

int exchange_create(struct loop *loop, const struct exchange_timing *timing, size_t max_calls,
                    const struct exchange_listener *listener, void *arg, struct exchange **ret_exchange)
{
    struct exchange *x = calloc(1, sizeof *x);
    if (!x)
        return ERR_NOMEM;
    x->timing = *timing;
    x->listener = listener;
    x->arg = arg;
    int err = ERR_NOMEM;
    x->deadlines = heap_create(max_calls);
    if (x->deadlines)
        err = loop_timer_create(loop, on_timer, x, &x->timer);
    if (err) {
        exchange_free(x);
        return err;
    }
    *ret_exchange = x;
    return 0;
}

void exchange_free(struct exchange *x)
{
    if (!x)
        return;
    loop_timer_free(x->timer);
    heap_free(x->deadlines);
    free(x);
}

static int timer_rearm(struct exchange *x)
{
    int64_t next_us;
    if (heap_peek(x->deadlines, &next_us))
        return loop_timer_arm_at_us(x->timer, next_us);
    loop_timer_disarm(x->timer);
    return 0;
}

/* The next thing happens to `call` in `delay_us`. Its place in the heap is free: it left it, or was never there. */
static int deadline_set_us(struct exchange *x, struct call *call, int64_t delay_us)
{
    return heap_push(x->deadlines, clock_mono_us() + delay_us, call, &call->deadline_place);
}

static int deadline_set(struct exchange *x, struct call *call, int64_t delay_ms)
{
    return deadline_set_us(x, call, delay_ms * US_PER_MS);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t ring_ms(const struct exchange *x, const struct call *call)
{
    return least(x->timing.ring_ms, call->order.ring_ms);
}

static int64_t analysis_ms(const struct exchange *x, const struct call *call)
{
    return fault_is_in(call->faults, FAULT_SUMMARY_LATE) ? x->timing.late_analysis_ms : x->timing.analysis_ms;
}

/* ---- the steps ---- */

static void call_ring(struct call *call)
{
    call_set_phase(call, CALL_RINGING);
    call->rang_ms = clock_wall_ms();
}

static void call_answer(struct exchange *x, struct call *call)
{
    call_set_phase(call, CALL_TALKING);
    call->answered_ms = clock_wall_ms();
    x->listener->on_answered(call, x->arg);
}

static void call_hang_up(struct exchange *x, struct call *call, enum call_end end)
{
    call_set_phase(call, CALL_ENDED);
    call->end = end;
    call->ended_ms = clock_wall_ms();
    x->open_calls--;
    x->listener->on_ended(call, x->arg);
}

static void call_close(struct exchange *x, struct call *call)
{
    call_set_phase(call, CALL_ANALYZED);
    x->listener->on_analyzed(call, x->arg);
    calls_release(call);
}

/* What ends a call that nobody picked up. */
static enum call_end unanswered_end(enum fate fate)
{
    switch (fate) {
    case FATE_BUSY:
        return CALL_END_BUSY;
    case FATE_NO_ANSWER:
        return CALL_END_NO_ANSWER;
    case FATE_FAILED:
        return CALL_END_FAILED;
    case FATE_BLOCKED:
        return CALL_END_BLOCKED;
    case FATE_INVALID_NUMBER:
        return CALL_END_INVALID_NUMBER;
    case FATE_COMPLETED:
    case FATE_VOICEMAIL:
        break;
    }
    abort();
}

/* What ends a call that was picked up and ran its time. */
static enum call_end talk_end(const struct exchange *x, const struct call *call)
{
    if (call->fate == FATE_VOICEMAIL)
        return CALL_END_VOICEMAIL;
    if (call->order.max_talk_ms < x->timing.talk_ms)
        return CALL_END_MAX_DURATION;
    return call->agent_hangs_up ? CALL_END_AGENT_HUNG_UP : CALL_END_CALLEE_HUNG_UP;
}

/* The call's deadline has come. The heap had room for the call before this step, so it has room after. */
static int call_step(struct exchange *x, struct call *call)
{
    switch (call->phase) {
    case CALL_QUEUED:
        if (call->is_turned_away) {
            call_hang_up(x, call, CALL_END_CONCURRENCY);
            return deadline_set(x, call, analysis_ms(x, call));
        }
        call_ring(call);
        x->listener->on_ringing(call, x->arg);
        return deadline_set(x, call, ring_ms(x, call));
    case CALL_RINGING:
        if (fate_is_connected(call->fate)) {
            call_answer(x, call);
            return deadline_set(x, call, least(x->timing.talk_ms, call->order.max_talk_ms));
        }
        call_hang_up(x, call, unanswered_end(call->fate));
        return deadline_set(x, call, analysis_ms(x, call));
    case CALL_TALKING:
        call_hang_up(x, call, talk_end(x, call));
        return deadline_set(x, call, analysis_ms(x, call));
    case CALL_ENDED:
        call_close(x, call);
        return 0;
    case CALL_ANALYZED:
        break;
    }
    abort();
}

static void on_timer(void *arg)
{
    struct exchange *x = arg;
    int64_t now_us = clock_mono_us();
    int64_t due_us;
    int err = 0;
    for (int steps = 0; !err && steps < STEPS_PER_TURN; steps++) {
        if (!heap_peek(x->deadlines, &due_us) || due_us > now_us)
            break;
        err = call_step(x, heap_pop(x->deadlines));
    }
    if (!err)
        err = timer_rearm(x);
    /* A call that lost its deadline would ring for ever, and the log, the tests' witness, would lie. */
    if (err)
        abort();
}

int exchange_place(struct exchange *x, struct call *call, int64_t queue_us)
{
    bool rings_now = queue_us == 0 && !call->is_turned_away;
    int err = rings_now ? deadline_set(x, call, ring_ms(x, call)) : deadline_set_us(x, call, queue_us);
    if (err)
        return err;
    err = timer_rearm(x);
    if (err) {
        heap_remove(x->deadlines, &call->deadline_place);
        return err;
    }
    call->accepted_ms = clock_wall_ms();
    if (rings_now)
        call_ring(call);
    x->open_calls++;
    calls_hold(call);
    return 0;
}

int exchange_stop(struct exchange *x, struct call *call)
{
    if (call->end != CALL_END_NONE)
        return ERR_STATE;
    heap_remove(x->deadlines, &call->deadline_place);
    call_hang_up(x, call, CALL_END_STOPPED);
    int err = deadline_set(x, call, analysis_ms(x, call));
    return err ? err : timer_rearm(x);
}

size_t exchange_open_calls(const struct exchange *x)
{
    return x->open_calls;
}
