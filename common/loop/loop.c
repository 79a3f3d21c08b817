/* SPDX-License-Identifier: Apache-2.0 */
#include "common/loop/loop.h"

#include <stdlib.h>

#include <event2/event.h>

#include "common/base/clock.h"
#include "common/base/limits.h"

#define FIRST_DEFERRED 64u
#define MAX_DELAY_US (INT64_C(10) * 366 * 86400 * 1000000) /* later than any deadline, far from overflow */

struct work {
    loop_fn fn;
    void *arg;
};

struct work_list {
    struct work *items;
    size_t len;
    size_t cap;
};

struct loop {
    struct event_base *base;
    struct event *deferred_event; /* never added: activated, so that it queues behind all that is ready */
    struct event *next_turn_event;
    struct work_list waiting;
    struct work_list running; /* the list being run; kept for its memory */
    bool is_running_deferred;
};

struct loop_timer {
    struct event *event;
    loop_fn fn;
    void *arg;
};

struct loop_fd {
    struct event *event;
    struct loop *loop;
    int fd;
    loop_fd_fn fn;
    void *arg;
};

struct loop_signal {
    struct event *event;
    loop_signal_fn fn;
    void *arg;
};

/* ---- deferred work ---- */

static void run_deferred(evutil_socket_t fd, short what, void *arg)
{
    struct loop *loop = arg;
    struct work_list list = loop->waiting;
    (void)fd;
    (void)what;
    loop->waiting = loop->running;
    loop->running = list;
    loop->is_running_deferred = true;
    for (size_t i = 0; i < list.len; i++)
        list.items[i].fn(list.items[i].arg);
    loop->is_running_deferred = false;
    loop->running.len = 0;
    if (loop->waiting.len > 0) {
        static const struct timeval at_once = {0, 0};
        /* Activating it here would run it before the descriptors are looked at again. Without memory for the timer
         * that is still better than forgetting the work. */
        if (event_add(loop->next_turn_event, &at_once) != 0)
            event_active(loop->deferred_event, EV_TIMEOUT, 1);
    }
}

static void on_next_turn(evutil_socket_t fd, short what, void *arg)
{
    struct loop *loop = arg;
    (void)fd;
    (void)what;
    event_active(loop->deferred_event, EV_TIMEOUT, 1);
}

static int work_push(struct work_list *list, loop_fn fn, void *arg)
{
    if (list->len == list->cap) {
        size_t cap = list->cap ? 2 * list->cap : FIRST_DEFERRED;
        if (list->len >= LIMIT_LOOP_DEFERRED)
            return ERR_NOMEM;
        struct work *items = reallocarray(list->items, cap, sizeof *items);
        if (!items)
            return ERR_NOMEM;
        list->items = items;
        list->cap = cap;
    }
    list->items[list->len++] = (struct work){fn, arg};
    return 0;
}

int loop_defer(struct loop *loop, loop_fn fn, void *arg)
{
    int err = work_push(&loop->waiting, fn, arg);
    if (err)
        return err;
    if (loop->waiting.len == 1 && !loop->is_running_deferred)
        event_active(loop->deferred_event, EV_TIMEOUT, 1);
    return 0;
}

/* ---- the loop ---- */

static struct event_base *make_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;
    /* Slots are kept to well under a millisecond, hence the precise timer; and a delay counts from now, not from when
     * the turn began, hence no cached time. */
    if (config && event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) == 0 &&
        event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME) == 0)
        base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    return base;
}

int loop_create(struct loop **ret_loop)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return ERR_NOMEM;
    loop->base = make_base();
    if (!loop->base)
        goto cleanup;
    loop->deferred_event = event_new(loop->base, -1, 0, run_deferred, loop);
    loop->next_turn_event = event_new(loop->base, -1, 0, on_next_turn, loop);
    if (!loop->deferred_event || !loop->next_turn_event)
        goto cleanup;
    *ret_loop = loop;
    return 0;
cleanup:
    loop_free(loop);
    return ERR_NOMEM;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    if (loop->deferred_event)
        event_free(loop->deferred_event);
    if (loop->next_turn_event)
        event_free(loop->next_turn_event);
    if (loop->base)
        event_base_free(loop->base);
    free(loop->waiting.items);
    free(loop->running.items);
    free(loop);
}

int loop_run(struct loop *loop)
{
    return event_base_loop(loop->base, 0) < 0 ? ERR_IO : 0;
}

int loop_run_once(struct loop *loop)
{
    int result = event_base_loop(loop->base, EVLOOP_ONCE);
    if (result < 0)
        return ERR_IO;
    return result == 1 ? ERR_NOT_FOUND : 0;
}

void loop_stop(struct loop *loop)
{
    /* Needs memory to end in order; without, it ends all the same. */
    if (event_base_loopexit(loop->base, NULL) != 0)
        event_base_loopbreak(loop->base);
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

/* ---- timers ---- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    const struct loop_timer *timer = arg;
    (void)fd;
    (void)what;
    timer->fn(timer->arg); /* may free the timer */
}

int loop_timer_create(struct loop *loop, loop_fn fn, void *arg, struct loop_timer **ret_timer)
{
    struct loop_timer *timer = calloc(1, sizeof *timer);
    if (!timer)
        return ERR_NOMEM;
    timer->fn = fn;
    timer->arg = arg;
    timer->event = evtimer_new(loop->base, on_timer, timer);
    if (!timer->event) {
        free(timer);
        return ERR_NOMEM;
    }
    *ret_timer = timer;
    return 0;
}

void loop_timer_free(struct loop_timer *timer)
{
    if (!timer)
        return;
    event_free(timer->event);
    free(timer);
}

int loop_timer_arm_us(struct loop_timer *timer, int64_t delay_us)
{
    if (delay_us < 0)
        delay_us = 0;
    if (delay_us > MAX_DELAY_US)
        delay_us = MAX_DELAY_US;
    const struct timeval delay = {.tv_sec = delay_us / 1000000, .tv_usec = delay_us % 1000000};
    event_del(timer->event); /* one that has come due but not run yet must not run twice */
    return event_add(timer->event, &delay) == 0 ? 0 : ERR_NOMEM;
}

int loop_timer_arm_at_us(struct loop_timer *timer, int64_t mono_us)
{
    /* libevent reads the same clock a moment later and adds: never early. */
    int64_t now_us = clock_mono_us();
    return loop_timer_arm_us(timer, mono_us > now_us ? mono_us - now_us : 0);
}

void loop_timer_disarm(struct loop_timer *timer)
{
    event_del(timer->event);
}

bool loop_timer_is_armed(const struct loop_timer *timer)
{
    return event_pending(timer->event, EV_TIMEOUT, NULL) != 0;
}

/* ---- descriptors ---- */

static void on_fd(evutil_socket_t fd, short what, void *arg)
{
    const struct loop_fd *watch = arg;
    unsigned ready = (what & EV_READ ? LOOP_READ : 0) | (what & EV_WRITE ? LOOP_WRITE : 0);
    watch->fn(fd, ready, watch->arg); /* may free the watch */
}

int loop_fd_create(struct loop *loop, int fd, unsigned interest, loop_fd_fn fn, void *arg, struct loop_fd **ret_fd)
{
    struct loop_fd *watch = calloc(1, sizeof *watch);
    if (!watch)
        return ERR_NOMEM;
    *watch = (struct loop_fd){.loop = loop, .fd = fd, .fn = fn, .arg = arg};
    watch->event = event_new(loop->base, fd, EV_PERSIST, on_fd, watch);
    int err = watch->event ? loop_fd_watch(watch, interest) : ERR_NOMEM;
    if (err) {
        loop_fd_free(watch);
        return err;
    }
    *ret_fd = watch;
    return 0;
}

int loop_fd_watch(struct loop_fd *fd, unsigned interest)
{
    short events = (interest & LOOP_READ ? EV_READ : 0) | (interest & LOOP_WRITE ? EV_WRITE : 0);
    if (event_get_events(fd->event) == (events | EV_PERSIST) && event_pending(fd->event, events, NULL) == events)
        return 0;
    event_del(fd->event);
    if (event_assign(fd->event, fd->loop->base, fd->fd, (short)(events | EV_PERSIST), on_fd, fd) != 0)
        return ERR_INVALID;
    if (!events)
        return 0;
    return event_add(fd->event, NULL) == 0 ? 0 : ERR_IO;
}

void loop_fd_free(struct loop_fd *fd)
{
    if (!fd)
        return;
    if (fd->event)
        event_free(fd->event);
    free(fd);
}

/* ---- signals ---- */

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
    const struct loop_signal *watch = arg;
    (void)what;
    watch->fn(signo, watch->arg);
}

int loop_signal_create(struct loop *loop, int signo, loop_signal_fn fn, void *arg, struct loop_signal **ret_signal)
{
    struct loop_signal *watch = calloc(1, sizeof *watch);
    if (!watch)
        return ERR_NOMEM;
    *watch = (struct loop_signal){.fn = fn, .arg = arg};
    watch->event = evsignal_new(loop->base, signo, on_signal, watch);
    if (!watch->event || event_add(watch->event, NULL) != 0) {
        loop_signal_free(watch);
        return ERR_NOMEM;
    }
    *ret_signal = watch;
    return 0;
}

void loop_signal_free(struct loop_signal *signal)
{
    if (!signal)
        return;
    if (signal->event)
        event_free(signal->event);
    free(signal);
}

void loop_on_complaint(loop_complaint_fn fn)
{
    _Static_assert(EVENT_LOG_DEBUG == LOOP_COMPLAINT_DEBUG, "libevent's severities");
    event_set_log_callback(fn);
}
