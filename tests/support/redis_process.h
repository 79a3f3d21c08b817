/* SPDX-License-Identifier: Apache-2.0
 *
 * A redis-server of one C test: a Unix socket and its data in a temporary directory. It dies with the test program.
 * To be included after cmocka.h; whatever goes wrong fails the test.
 */
#ifndef CARILLON_TESTS_SUPPORT_REDIS_PROCESS_H
#define CARILLON_TESTS_SUPPORT_REDIS_PROCESS_H

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"

#define REDIS_PROCESS_DEADLINE_US 10000000
#define REDIS_PROCESS_ARGS 32

struct redis_process {
    pid_t pid; /* 0: not running */
    char dir[32];
    char socket[64];
    char log[64];
    char url[80];
};

static inline void redis_process_init(struct redis_process *p)
{
    p->pid = 0;
    (void)snprintf(p->dir, sizeof p->dir, "/tmp/carillon-redis-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    (void)snprintf(p->socket, sizeof p->socket, "%s/redis.sock", p->dir);
    (void)snprintf(p->log, sizeof p->log, "%s/redis.log", p->dir);
    (void)snprintf(p->url, sizeof p->url, "unix://%s", p->socket);
}

static inline void redis_process_exec(const struct redis_process *p, const char *const *options)
{
    const char *argv[REDIS_PROCESS_ARGS] = {
        "redis-server", "--unixsocket", p->socket, "--port", "0", "--dir",
        p->dir,         "--logfile",    p->log,    "--save", "",  "--enable-debug-command",
        "local"};
    size_t n = 13;
    while (options && *options && n < REDIS_PROCESS_ARGS - 1)
        argv[n++] = *options++;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
        execvp(argv[0], (char *const *)argv);
    _exit(127);
}

static inline bool redis_process_listens(const struct redis_process *p)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    memcpy(sun.sun_path, p->socket, sizeof p->socket);
    bool connected = connect(fd, (const struct sockaddr *)&sun, sizeof sun) == 0;
    close(fd);
    return connected;
}

/* `options`: further ones, ended by NULL; or NULL. Returns when it listens. */
static inline void redis_process_start(struct redis_process *p, const char *const *options)
{
    int64_t give_up_us = clock_mono_us() + REDIS_PROCESS_DEADLINE_US;
    (void)unlink(p->socket);
    p->pid = fork();
    assert_true(p->pid >= 0);
    if (p->pid == 0)
        redis_process_exec(p, options);
    while (!redis_process_listens(p)) {
        if (clock_mono_us() > give_up_us || waitpid(p->pid, NULL, WNOHANG) != 0)
            fail_msg("redis-server did not start; see %s", p->log);
        (void)poll(NULL, 0, 5);
    }
}

static inline void redis_process_signal(const struct redis_process *p, int signo)
{
    assert_int_equal(kill(p->pid, signo), 0);
}

static inline void redis_process_kill(struct redis_process *p)
{
    if (p->pid > 0) {
        redis_process_signal(p, SIGKILL);
        assert_int_equal(waitpid(p->pid, NULL, 0), p->pid);
        p->pid = 0;
    }
}

static inline int redis_process_unlink(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

static inline void redis_process_end(struct redis_process *p)
{
    redis_process_kill(p);
    assert_int_equal(nftw(p->dir, redis_process_unlink, 8, FTW_DEPTH | FTW_PHYS), 0);
}

#endif
