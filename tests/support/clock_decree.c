/* SPDX-License-Identifier: Apache-2.0
 *
 * Wall time as a test decrees it. Preloaded into redis-server by tests/support/redis_server.py: TIME, the expiry of
 * keys and TIME inside scripts follow the decree. Monotonic clocks, by which Redis runs its timers, stay as they are.
 *
 * The file named by CARILLON_CLOCK_DECREE holds a struct decree, and is changed while the process runs. Time is asked
 * of the kernel directly: the C library's own functions may be called before a preloaded library could find them.
 */
#include <fcntl.h>
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

static void obey(struct timespec *now)
{
    if (!decree)
        return;
    int64_t now_us = decree->standing_us;
    if (now_us == 0) {
        if (decree->shift_us == 0)
            return;
        now_us = (int64_t)now->tv_sec * SECOND_US + now->tv_nsec / 1000 + decree->shift_us;
    }
    now->tv_sec = now_us / SECOND_US;
    now->tv_nsec = now_us % SECOND_US * 1000;
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    int rc = (int)syscall(SYS_clock_gettime, id, now);
    if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        obey(now);
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
