/* SPDX-License-Identifier: Apache-2.0 */
#include "common/loop/loop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/limits.h"

/* What happened, in order, as letters. */
struct trace {
    struct loop *loop;
    char text[64];
    int64_t at_us;
    unsigned count;
    struct loop_timer *timer;
    struct loop_fd *fd;
};

static void note(struct trace *t, char what)
{
    size_t len = strlen(t->text);
    assert_true(len + 1 < sizeof t->text);
    t->text[len] = what;
    t->text[len + 1] = '\0';
}

static int make_trace(void **state)
{
    struct trace *t = calloc(1, sizeof *t);
    if (!t || loop_create(&t->loop))
        return -1;
    *state = t;
    return 0;
}

static int free_trace(void **state)
{
    struct trace *t = *state;
    loop_free(t->loop);
    free(t);
    return 0;
}

static void spin_us(int64_t duration_us)
{
    int64_t end_us = clock_mono_us() + duration_us;
    while (clock_mono_us() < end_us)
        continue;
}

static void on_fire(void *arg)
{
    struct trace *t = arg;
    t->at_us = clock_mono_us();
    t->count++;
}

static void test_an_idle_loop_ends_by_itself(void **state)
{
    struct trace *t = *state;
    assert_int_equal(loop_run(t->loop), 0);
    assert_int_equal(loop_run_once(t->loop), ERR_NOT_FOUND);
    loop_free(NULL);
}

static void test_a_timer_never_fires_early_and_is_not_held_to_milliseconds(void **state)
{
    struct trace *t = *state;
    int64_t least_late_us = INT64_MAX;
    assert_int_equal(loop_timer_create(t->loop, on_fire, t, &t->timer), 0);
    for (int i = 0; i < 50; i++) {
        int64_t due_us = clock_mono_us() + 300;
        assert_int_equal(loop_timer_arm_at_us(t->timer, due_us), 0);
        assert_int_equal(loop_run(t->loop), 0);
        assert_true(t->at_us >= due_us);
        if (t->at_us - due_us < least_late_us)
            least_late_us = t->at_us - due_us;
    }
    assert_int_equal(t->count, 50);
    assert_true(least_late_us < 500); /* a loop that waits in whole milliseconds is 700 late */
    loop_timer_free(t->timer);
}

static void arm_after_long_work(void *arg)
{
    struct trace *t = arg;
    spin_us(20000);
    t->at_us = clock_mono_us();
    assert_int_equal(loop_timer_arm_us(t->timer, 5000), 0);
}

static void test_a_delay_counts_from_now_not_from_when_the_turn_began(void **state)
{
    struct trace *t = *state;
    assert_int_equal(loop_timer_create(t->loop, on_fire, t, &t->timer), 0);
    assert_int_equal(loop_defer(t->loop, arm_after_long_work, t), 0);
    assert_int_equal(loop_run_once(t->loop), 0);
    int64_t armed_us = t->at_us;
    assert_int_equal(loop_run(t->loop), 0);
    assert_int_equal(t->count, 1);
    assert_true(t->at_us - armed_us >= 5000);
    loop_timer_free(t->timer);
}

static void test_a_timer_knows_whether_it_is_armed(void **state)
{
    struct trace *t = *state;
    assert_int_equal(loop_timer_create(t->loop, on_fire, t, &t->timer), 0);
    assert_false(loop_timer_is_armed(t->timer));
    assert_int_equal(loop_timer_arm_us(t->timer, INT64_MAX), 0);
    assert_true(loop_timer_is_armed(t->timer));
    loop_timer_disarm(t->timer);
    assert_false(loop_timer_is_armed(t->timer));
    assert_int_equal(loop_run(t->loop), 0);
    assert_int_equal(t->count, 0);
    assert_int_equal(loop_timer_arm_us(t->timer, INT64_MAX), 0);
    assert_int_equal(loop_timer_arm_us(t->timer, INT64_MIN), 0); /* arming again replaces */
    assert_int_equal(loop_run(t->loop), 0);
    assert_int_equal(t->count, 1);
    assert_false(loop_timer_is_armed(t->timer));
    assert_int_equal(loop_timer_arm_at_us(t->timer, INT64_MIN), 0);
    assert_int_equal(loop_run(t->loop), 0);
    assert_int_equal(t->count, 2);
    assert_int_equal(loop_timer_arm_us(t->timer, 0), 0);
    loop_timer_free(t->timer);
    assert_int_equal(loop_run(t->loop), 0);
    assert_int_equal(t->count, 2);
    loop_timer_free(NULL);
}

static void free_own_timer(void *arg)
{
    struct trace *t = arg;
    loop_timer_free(t->timer);
    note(t, 'f');
}

static void test_a_timer_may_be_freed_in_its_own_callback(void **state)
{
    struct trace *t = *state;
    assert_int_equal(loop_timer_create(t->loop, free_own_timer, t, &t->timer), 0);
    assert_int_equal(loop_timer_arm_us(t->timer, 0), 0);
    assert_int_equal(loop_run(t->loop), 0);
    assert_string_equal(t->text, "f");
}

static void note_deferred(void *arg)
{
    note(arg, 'd');
}

static void on_readable_defer(int fd, unsigned ready, void *arg)
{
    struct trace *t = arg;
    char c;
    assert_int_equal(ready, LOOP_READ);
    assert_int_equal(read(fd, &c, 1), 1);
    note(t, c);
    assert_int_equal(loop_defer(t->loop, note_deferred, t), 0);
}

static void note_timer(void *arg)
{
    note(arg, 't');
}

static void test_deferred_work_runs_behind_everything_that_is_ready(void **state)
{
    struct trace *t = *state;
    int pipes[3][2];
    struct loop_fd *fds[3];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pipe(pipes[i]), 0);
        assert_int_equal(write(pipes[i][1], "r", 1), 1);
        assert_int_equal(loop_fd_create(t->loop, pipes[i][0], LOOP_READ, on_readable_defer, t, &fds[i]), 0);
    }
    assert_int_equal(loop_timer_create(t->loop, note_timer, t, &t->timer), 0);
    assert_int_equal(loop_timer_arm_us(t->timer, 0), 0);
    assert_int_equal(loop_run_once(t->loop), 0);
    assert_string_equal(t->text, "rrrtddd");
    for (int i = 0; i < 3; i++) {
        loop_fd_free(fds[i]);
        close(pipes[i][0]);
        close(pipes[i][1]);
    }
    loop_timer_free(t->timer);
}

static void defer_again(void *arg)
{
    struct trace *t = arg;
    assert_true(++t->count < 100);
    assert_int_equal(loop_defer(t->loop, defer_again, t), 0);
}

static void on_readable_stop(int fd, unsigned ready, void *arg)
{
    struct trace *t = arg;
    (void)fd;
    (void)ready;
    note(t, 'r');
    loop_stop(t->loop);
}

static void test_work_that_defers_itself_starves_nobody(void **state)
{
    struct trace *t = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(loop_fd_create(t->loop, ends[0], LOOP_READ, on_readable_stop, t, &t->fd), 0);
    assert_int_equal(loop_defer(t->loop, defer_again, t), 0);
    assert_int_equal(loop_run_once(t->loop), 0);
    assert_int_equal(loop_run_once(t->loop), 0);
    assert_int_equal(loop_run_once(t->loop), 0);
    assert_true(t->count >= 2);
    assert_int_equal(write(ends[1], "r", 1), 1);
    assert_int_equal(loop_run(t->loop), 0);
    assert_string_equal(t->text, "r");
    loop_fd_free(t->fd);
    close(ends[0]);
    close(ends[1]);
}

static void test_deferred_work_has_a_bound(void **state)
{
    struct trace *t = *state;
    for (unsigned i = 0; i < LIMIT_LOOP_DEFERRED; i++)
        assert_int_equal(loop_defer(t->loop, on_fire, t), 0);
    assert_int_equal(loop_defer(t->loop, on_fire, t), ERR_NOMEM);
    assert_int_equal(loop_run(t->loop), 0);
    assert_int_equal(t->count, LIMIT_LOOP_DEFERRED);
    assert_int_equal(loop_defer(t->loop, on_fire, t), 0); /* dropped by loop_free() */
}

static void stop_now(void *arg)
{
    struct trace *t = arg;
    note(t, 's');
    loop_stop(t->loop);
    assert_int_equal(loop_defer(t->loop, note_deferred, t), 0);
}

static void test_stop_lets_what_is_ready_finish(void **state)
{
    struct trace *t = *state;
    struct loop_timer *forever;
    assert_int_equal(loop_timer_create(t->loop, note_timer, t, &forever), 0);
    assert_int_equal(loop_timer_arm_us(forever, INT64_MAX), 0);
    assert_int_equal(loop_defer(t->loop, stop_now, t), 0);
    assert_int_equal(loop_defer(t->loop, note_deferred, t), 0);
    assert_int_equal(loop_run(t->loop), 0);
    assert_string_equal(t->text, "sd");
    loop_timer_free(forever);
}

static void on_any(int fd, unsigned ready, void *arg)
{
    struct trace *t = arg;
    (void)fd;
    note(t, (char)('0' + ready));
}

static void free_own_fd(int fd, unsigned ready, void *arg)
{
    struct trace *t = arg;
    (void)fd;
    (void)ready;
    loop_fd_free(t->fd);
    note(t, 'f');
}

static void test_a_descriptor_is_watched_for_what_is_asked_while_it_is_so(void **state)
{
    struct trace *t = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(loop_fd_create(t->loop, ends[1], 0, on_any, t, &t->fd), 0);
    assert_int_equal(loop_run(t->loop), 0); /* nothing is asked for */
    assert_int_equal(loop_fd_watch(t->fd, LOOP_WRITE), 0);
    assert_int_equal(loop_fd_watch(t->fd, LOOP_WRITE), 0);
    assert_int_equal(loop_run_once(t->loop), 0);
    assert_int_equal(loop_run_once(t->loop), 0); /* still writable: level-triggered */
    assert_string_equal(t->text, "22");
    assert_int_equal(loop_fd_watch(t->fd, 0), 0);
    assert_int_equal(loop_run(t->loop), 0);
    loop_fd_free(t->fd);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(loop_fd_create(t->loop, ends[0], LOOP_READ, free_own_fd, t, &t->fd), 0);
    assert_int_equal(loop_run(t->loop), 0);
    assert_string_equal(t->text, "22f");
    loop_fd_free(NULL);
    close(ends[0]);
    close(ends[1]);
}

static void on_usr1(int signo, void *arg)
{
    struct trace *t = arg;
    assert_int_equal(signo, SIGUSR1);
    note(t, 'u');
    loop_stop(t->loop);
}

static void test_a_signal_is_handled_in_the_loop(void **state)
{
    struct trace *t = *state;
    struct loop_signal *usr1;
    assert_int_equal(loop_signal_create(t->loop, SIGUSR1, on_usr1, t, &usr1), 0);
    assert_int_equal(raise(SIGUSR1), 0);
    assert_string_equal(t->text, "");
    assert_int_equal(loop_run(t->loop), 0);
    assert_string_equal(t->text, "u");
    loop_signal_free(usr1);
    loop_signal_free(NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_trace, free_trace)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_an_idle_loop_ends_by_itself),
        CASE(test_a_timer_never_fires_early_and_is_not_held_to_milliseconds),
        CASE(test_a_delay_counts_from_now_not_from_when_the_turn_began),
        CASE(test_a_timer_knows_whether_it_is_armed),
        CASE(test_a_timer_may_be_freed_in_its_own_callback),
        CASE(test_deferred_work_runs_behind_everything_that_is_ready),
        CASE(test_work_that_defers_itself_starves_nobody),
        CASE(test_deferred_work_has_a_bound),
        CASE(test_stop_lets_what_is_ready_finish),
        CASE(test_a_descriptor_is_watched_for_what_is_asked_while_it_is_so),
        CASE(test_a_signal_is_handled_in_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
