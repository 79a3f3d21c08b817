/* SPDX-License-Identifier: Apache-2.0
 *
 * The event loop of a process (libevent underneath): timers, descriptors, signals, and work deferred to the end of the
 * turn. One loop a process, one thread; nothing here may be called from another thread. Callbacks run from
 * loop_run() only, never from inside the call that armed them.
 */
#ifndef CARILLON_LOOP_LOOP_H
#define CARILLON_LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

struct event_base;
struct loop;
struct loop_timer;
struct loop_fd;
struct loop_signal;

typedef void (*loop_fn)(void *arg);
typedef void (*loop_fd_fn)(int fd, unsigned ready, void *arg);
typedef void (*loop_signal_fn)(int signo, void *arg);

#define LOOP_READ 1u
#define LOOP_WRITE 2u

int loop_create(struct loop **ret_loop) MUST_CHECK;
/* Accepts NULL. Everything made on the loop must have been freed before. Deferred work that has not run is dropped. */
void loop_free(struct loop *loop);

/* Runs until loop_stop(), or until nothing is left to wait for. */
int loop_run(struct loop *loop) MUST_CHECK;
/* Ends loop_run() after the callbacks that are ready now. */
void loop_stop(struct loop *loop);
/* Runs one turn: waits for something to be ready, runs it. For command-line tools and tests. ERR_NOT_FOUND where there
 * is nothing to wait for. */
int loop_run_once(struct loop *loop) MUST_CHECK;

/* libevent's own base, for bufferevents and libcurl; borrowed. */
struct event_base *loop_base(struct loop *loop);

/* Calls `fn` once, after every callback that is ready in this turn: grouping of commands, and freeing of objects whose
 * callbacks are still on the stack. Deferring the same (fn, arg) twice calls it twice, in order. What deferred work
 * defers runs at the end of the next turn, so that long work may defer its own continuation without starving anyone.
 * ERR_NOMEM beyond LIMIT_LOOP_DEFERRED. */
int loop_defer(struct loop *loop, loop_fn fn, void *arg) MUST_CHECK;

/* A one-shot timer, disarmed at first. Free it before its arg goes; freeing disarms. */
int loop_timer_create(struct loop *loop, loop_fn fn, void *arg, struct loop_timer **ret_timer) MUST_CHECK;
void loop_timer_free(struct loop_timer *timer);
/* Arms it (again) for `delay_us` from now; a negative delay counts as 0. It never fires early, and as soon after its
 * instant as the loop gets to it: the resolution is a microsecond. ERR_NOMEM, and it stays disarmed. */
int loop_timer_arm_us(struct loop_timer *timer, int64_t delay_us);
/* Arms it for an instant of clock_mono_us(). */
int loop_timer_arm_at_us(struct loop_timer *timer, int64_t mono_us);
void loop_timer_disarm(struct loop_timer *timer);
bool loop_timer_is_armed(const struct loop_timer *timer);

/* Watches a descriptor (borrowed) for the LOOP_* bits in `interest`, level-triggered, until freed. */
int loop_fd_create(struct loop *loop, int fd, unsigned interest, loop_fd_fn fn, void *arg,
                   struct loop_fd **ret_fd) MUST_CHECK;
int loop_fd_watch(struct loop_fd *fd, unsigned interest) MUST_CHECK;
void loop_fd_free(struct loop_fd *fd);

/* Calls `fn` from the loop for each signal. */
int loop_signal_create(struct loop *loop, int signo, loop_signal_fn fn, void *arg,
                       struct loop_signal **ret_signal) MUST_CHECK;
void loop_signal_free(struct loop_signal *signal);

/* libevent's own complaints, which would otherwise go to stderr as they are: for the process's log. One for the
 * process, NULL for none; `severity` LOOP_COMPLAINT_DEBUG is chatter, anything above it matters; `message` is borrowed.
 */
#define LOOP_COMPLAINT_DEBUG 0
typedef void (*loop_complaint_fn)(int severity, const char *message);
void loop_on_complaint(loop_complaint_fn fn);

#endif
