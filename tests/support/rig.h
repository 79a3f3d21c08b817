/* SPDX-License-Identifier: Apache-2.0
 *
 * For unit tests with real sockets: one loop, waiting for a condition with a deadline; a peer, one end of a connection
 * that speaks raw bytes; and a listener, whose connections are peers.
 */
#ifndef CARILLON_TESTS_SUPPORT_RIG_H
#define CARILLON_TESTS_SUPPORT_RIG_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/parse.h"
#include "common/loop/loop.h"

#define RIG_PATIENCE_US INT64_C(10000000)
#define PEER_MAX_BYTES ((size_t)64 << 20)

struct rig {
    struct loop *loop;
    struct loop_timer *guard;
    bool is_late;
};

static inline void rig_on_guard(void *arg)
{
    struct rig *r = arg;
    r->is_late = true;
}

static inline void rig_open(struct rig *r)
{
    *r = (struct rig){.loop = NULL};
    assert_int_equal(loop_create(&r->loop), 0);
    assert_int_equal(loop_timer_create(r->loop, rig_on_guard, r, &r->guard), 0);
}

static inline void rig_close(struct rig *r)
{
    loop_timer_free(r->guard);
    loop_free(r->loop);
}

/* Runs the loop until `is_true`; false where that took more than `patience_us`. */
static inline bool rig_wait_us(struct rig *r, bool (*is_true)(void *), void *arg, int64_t patience_us)
{
    r->is_late = false;
    loop_timer_arm_us(r->guard, patience_us);
    while (!is_true(arg) && !r->is_late) {
        if (loop_run_once(r->loop) < 0)
            break;
    }
    loop_timer_disarm(r->guard);
    return is_true(arg);
}

static inline bool rig_wait(struct rig *r, bool (*is_true)(void *), void *arg)
{
    return rig_wait_us(r, is_true, arg, RIG_PATIENCE_US);
}

static inline bool rig_never(void *arg)
{
    (void)arg;
    return false;
}

/* Lets what is under way go on for a while: for what must NOT happen, or to see where things come to rest. */
static inline void rig_linger_us(struct rig *r, int64_t us)
{
    (void)rig_wait_us(r, rig_never, NULL, us);
}

/* The port at the end of "http://127.0.0.1:43217". */
static inline unsigned rig_port(const char *url)
{
    const char *text = strrchr(url, ':') + 1;
    uint64_t port;
    assert_int_equal(parse_u64(text, strlen(text), UINT16_MAX, &port), 0);
    return (unsigned)port;
}

struct peer {
    struct rig *rig;
    int fd;
    struct loop_fd *watch;
    struct buf in;
    struct buf out;
    size_t sent;
    bool is_closed; /* the other side closed or reset */
    int error; /* errno of a reset; 0 after an orderly close */
    bool is_deaf; /* does not read */
    void (*on_input)(struct peer *p, void *arg); /* something came, or the end; NULL: nobody asks */
    void *arg;
};

static inline void peer_watch(struct peer *p)
{
    unsigned interest = (p->is_deaf || p->is_closed ? 0 : LOOP_READ) | (buf_len(&p->out) > 0 ? LOOP_WRITE : 0);
    assert_int_equal(loop_fd_watch(p->watch, interest), 0);
}

static inline void peer_end(struct peer *p, int error)
{
    p->is_closed = true;
    p->error = error;
    buf_clear(&p->out);
}

static inline void peer_read(struct peer *p)
{
    char piece[65536];
    ssize_t n = recv(p->fd, piece, sizeof piece, 0);
    if (n > 0)
        assert_int_equal(buf_append(&p->in, piece, (size_t)n), 0);
    else if (n == 0)
        peer_end(p, 0);
    else if (errno != EAGAIN)
        peer_end(p, errno);
}

static inline void peer_write(struct peer *p)
{
    ssize_t n = send(p->fd, buf_str(&p->out), buf_len(&p->out), MSG_NOSIGNAL);
    if (n > 0) {
        p->sent += (size_t)n;
        buf_consume(&p->out, (size_t)n);
    } else if (errno != EAGAIN) {
        buf_clear(&p->out); /* what was answered before the end can still be read */
    }
}

static inline void peer_on_ready(int fd, unsigned ready, void *arg)
{
    struct peer *p = arg;
    (void)fd;
    if (ready & LOOP_READ) {
        peer_read(p);
        if (p->on_input != NULL)
            p->on_input(p, p->arg);
    }
    if ((ready & LOOP_WRITE) && buf_len(&p->out) > 0)
        peer_write(p);
    peer_watch(p);
}

/* Takes `fd`. */
static inline void peer_adopt(struct peer *p, struct rig *rig, int fd)
{
    *p = (struct peer){.rig = rig, .fd = fd};
    buf_init(&p->in, PEER_MAX_BYTES);
    buf_init(&p->out, PEER_MAX_BYTES);
    int one = 1;
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), 0);
    assert_int_equal(loop_fd_create(rig->loop, fd, LOOP_READ, peer_on_ready, p, &p->watch), 0);
}

/* Connects to 127.0.0.1:port. */
static inline void peer_open(struct peer *p, struct rig *rig, unsigned port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(connect(fd, (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS);
    peer_adopt(p, rig, fd);
}

static inline void peer_close(struct peer *p)
{
    loop_fd_free(p->watch);
    close(p->fd);
    buf_free(&p->in);
    buf_free(&p->out);
}

/* Ends the connection with a TCP reset, now. */
static inline void peer_reset(struct peer *p)
{
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    peer_end(p, 0);
    peer_watch(p);
    assert_int_equal(connect(p->fd, &nobody, sizeof nobody), 0);
}

/* Ends it in order, behind what was sent so far. */
static inline void peer_hang_up(struct peer *p)
{
    shutdown(p->fd, SHUT_WR);
}

static inline void peer_send_mem(struct peer *p, const void *data, size_t len)
{
    assert_int_equal(buf_append(&p->out, data, len), 0);
    peer_watch(p);
}

static inline void peer_send(struct peer *p, const char *text)
{
    peer_send_mem(p, text, strlen(text));
}

static inline void peer_be_deaf(struct peer *p, bool is_deaf)
{
    p->is_deaf = is_deaf;
    peer_watch(p);
}

static inline bool peer_is_closed(void *arg)
{
    const struct peer *p = arg;
    return p->is_closed;
}

static inline bool peer_waits_for_close(struct peer *p)
{
    return rig_wait(p->rig, peer_is_closed, p);
}

struct peer_expectation {
    const struct peer *peer;
    const char *text;
};

static inline bool peer_has_text(void *arg)
{
    const struct peer_expectation *e = arg;
    return memmem(buf_str(&e->peer->in), buf_len(&e->peer->in), e->text, strlen(e->text)) != NULL;
}

static inline bool peer_has(const struct peer *p, const char *text)
{
    struct peer_expectation e = {p, text};
    return peer_has_text(&e);
}

/* Waits until `text` has come. */
static inline bool peer_gets(struct peer *p, const char *text)
{
    struct peer_expectation e = {p, text};
    return rig_wait(p->rig, peer_has_text, &e);
}

/* Forgets what has come so far. */
static inline void peer_forget(struct peer *p)
{
    buf_clear(&p->in);
}

#define LISTENER_PEERS 16

struct listener {
    struct rig *rig;
    int fd;
    unsigned port;
    struct loop_fd *watch;
    struct peer peers[LISTENER_PEERS]; /* in the order of their coming */
    size_t n_peers;
    void (*on_input)(struct peer *p, void *arg);
    void *arg;
};

static inline void listener_on_ready(int fd, unsigned ready, void *arg)
{
    struct listener *l = arg;
    (void)ready;
    int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0)
        return;
    assert_true(l->n_peers < LISTENER_PEERS);
    struct peer *p = &l->peers[l->n_peers++];
    peer_adopt(p, l->rig, accepted);
    p->on_input = l->on_input;
    p->arg = l->arg;
}

/* Listens on a port of 127.0.0.1 that the system chooses. */
static inline void listener_open(struct listener *l, struct rig *rig, void (*on_input)(struct peer *, void *),
                                 void *arg)
{
    *l = (struct listener){.rig = rig, .on_input = on_input, .arg = arg};
    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(l->fd >= 0);
    struct sockaddr_in own = {.sin_family = AF_INET};
    socklen_t len = sizeof own;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(l->fd, (struct sockaddr *)&own, len), 0);
    assert_int_equal(listen(l->fd, LISTENER_PEERS), 0);
    assert_int_equal(getsockname(l->fd, (struct sockaddr *)&own, &len), 0);
    l->port = ntohs(own.sin_port);
    assert_int_equal(loop_fd_create(rig->loop, l->fd, LOOP_READ, listener_on_ready, l, &l->watch), 0);
}

static inline void listener_close(struct listener *l)
{
    loop_fd_free(l->watch);
    close(l->fd);
    for (size_t i = 0; i < l->n_peers; i++)
        peer_close(&l->peers[i]);
}

#endif
