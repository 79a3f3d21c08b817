/* SPDX-License-Identifier: Apache-2.0
 *
 * When each create request reached the stand-in platform. Preloaded into carillon-carrier by bench_pacing.py: the
 * kernel stamps what comes in (SO_TIMESTAMPNS, by the clock that Redis reads), so a receiver that is slow to look
 * changes nothing. A line "<Unix us> <token>" for each goes to the file named by CARILLON_ARRIVALS.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 4096 /* descriptors that are watched */
#define TOKEN_MOST 128

static const char create_line[] = "POST /v2/create-phone-call ";
static const char token_name[] = "\"carillon_token\":\"";

static int arrivals_fd = -1;
static int64_t first_byte_us[CONNECTIONS]; /* of a request whose token has not come yet; 0: none */

__attribute__((constructor)) static void arrivals_open(void)
{
    const char *path = getenv("CARILLON_ARRIVALS");
    if (path)
        arrivals_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* Those that it accepts inherit it. From then on the kernel stamps all that comes in, also before it is accepted. */
int listen(int fd, int backlog)
{
    static const int yes = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes) != 0)
        return -1;
    return (int)syscall(SYS_listen, fd, backlog);
}

static void note_token(int fd, const char *data, size_t len)
{
    const char *token = memmem(data, len, token_name, sizeof token_name - 1);
    if (!token)
        return;
    token += sizeof token_name - 1;
    const char *end = memchr(token, '"', (size_t)(data + len - token));
    if (!end || end - token > TOKEN_MOST)
        return;
    char line[TOKEN_MOST + 32];
    int n = snprintf(line, sizeof line, "%lld %.*s\n", (long long)first_byte_us[fd], (int)(end - token), token);
    first_byte_us[fd] = 0;
    if (write(arrivals_fd, line, (size_t)n) != n)
        abort(); /* who loses arrivals looks punctual */
}

static int64_t stamp_of(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        struct timespec at;
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        memcpy(&at, CMSG_DATA(c), sizeof at);
        return (int64_t)at.tv_sec * 1000000 + at.tv_nsec / 1000;
    }
    abort(); /* as above */
}

ssize_t recv(int fd, void *data, size_t size, int flags)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct timespec))];
    struct iovec space = {.iov_base = data, .iov_len = size};
    struct msghdr message = {
        .msg_iov = &space, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(fd, &message, flags);
    if (n <= 0 || fd >= CONNECTIONS || arrivals_fd < 0)
        return n;
    if ((size_t)n >= sizeof create_line - 1 && memcmp(data, create_line, sizeof create_line - 1) == 0)
        first_byte_us[fd] = stamp_of(&message);
    if (first_byte_us[fd] != 0)
        note_token(fd, data, (size_t)n);
    return n;
}
