/* SPDX-License-Identifier: Apache-2.0
 *
 * Time as a test decrees it. Preloaded into redis-server by tests/support/redis_server.py: TIME, the expiry of keys and
 * TIME inside scripts follow the decree of wall time. Monotonic clocks, by which processes run their timers, stay as
 * they are but for what was slept: that passes on all clocks, as it does for a process that stands still.
 *
 * The file named by CARILLON_CLOCK_DECREE holds a struct decree, and is changed while the process runs. Time is asked
 * of the kernel directly: the C library's own functions may be called before a preloaded library could find them.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND_US 1000000

struct decree {
    int64_t standing_us; /* the instant at which wall time stands still; 0: it runs */
    int64_t shift_us; /* added to it while it runs */
    int64_t slept_us; /* added to every clock that runs */
};

static const volatile struct decree *decree;

__attribute__((constructor)) static void decree_open(void)
{
    const char *path = getenv("CARILLON_CLOCK_DECREE");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *mapped = mmap(NULL, sizeof *decree, PROT_READ, MAP_SHARED, fd, 0);
    if (mapped != MAP_FAILED)
        decree = mapped;
    close(fd);
}

static void set(struct timespec *to, int64_t us)
{
    to->tv_sec = us / SECOND_US;
    to->tv_nsec = us % SECOND_US * 1000;
}

static void obey(bool is_wall, struct timespec *now)
{
    if (!decree)
        return;
    int64_t ahead_us = decree->slept_us + (is_wall ? decree->shift_us : 0);
    if (is_wall && decree->standing_us != 0)
        set(now, decree->standing_us);
    else if (ahead_us != 0)
        set(now, (int64_t)now->tv_sec * SECOND_US + now->tv_nsec / 1000 + ahead_us);
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    int rc = (int)syscall(SYS_clock_gettime, id, now);
    bool is_wall = id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
    if (rc == 0 && (is_wall || id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE))
        obey(is_wall, now);
    return rc;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    (void)zone; /* obsolete: nobody asks for it */
    struct timespec exact = {0};
    int rc = clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return rc;
}

time_t time(time_t *ret_now)
{
    struct timespec exact = {0};
    (void)clock_gettime(CLOCK_REALTIME, &exact);
    if (ret_now)
        *ret_now = exact.tv_sec;
    return exact.tv_sec;
}
