/* SPDX-License-Identifier: Apache-2.0
 *
 * How late this machine's timers are for a process that does nothing else: the yardstick of bench_pacing.py.
 *
 *     bare_timer MEAN_US      prints, until its stdin ends, how late each of its timers was, in ns, a line each
 *
 * Its instants lie between none and twice the mean apart, so that they meet every phase of whatever is periodic.
 */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

int main(int argc, char **argv)
{
    int64_t mean_us = argc == 2 ? strtoll(argv[1], NULL, 10) : 0;
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (mean_us <= 0 || timer < 0)
        return 2;
    struct pollfd ready[] = {{.fd = timer, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    unsigned seed = 1;
    int64_t at_ns = now_ns();
    for (;;) {
        uint64_t expirations;
        at_ns += (int64_t)rand_r(&seed) % (2 * mean_us) * 1000 + 1000;
        const struct itimerspec at = {.it_value = {.tv_sec = at_ns / SECOND_NS, .tv_nsec = at_ns % SECOND_NS}};
        if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL) != 0 || poll(ready, 2, -1) < 0)
            return 1;
        int64_t late_ns = now_ns() - at_ns;
        if (ready[1].revents != 0)
            return fflush(stdout) == 0 ? 0 : 1;
        if (read(timer, &expirations, sizeof expirations) > 0)
            printf("%lld\n", (long long)late_ns);
    }
}
