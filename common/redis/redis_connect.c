/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/util.h>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/redis/redis_private.h"

/* A dead peer is noticed after 15 + 3 * 5 s also where nothing is sent, as on a listener's connection. */
#define KEEPALIVE_IDLE_S 15
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_PROBES 3

/* What one turn of the loop reads and writes at most; libevent's own 16 KiB cost a batch's chunk many turns. */
#define BYTES_PER_TURN ((size_t)256 * 1024)

/* One name lookup. evdns may call back after the connection that asked has gone, so it has a life of its own: `r` is
 * NULL from then on, and the callback frees it. */
struct redis_lookup {
    struct redis *r;
    bool is_done;
    int error; /* EVUTIL_EAI_* */
    struct sockaddr_storage addr;
    socklen_t addr_len;
};

#define TO(state) (1u << (state))
#define LOST_OR_FREED (TO(REDIS_STATE_WAITING) | TO(REDIS_STATE_FREED))

static const unsigned transitions[REDIS_STATE_COUNT] = {
    [REDIS_STATE_WAITING] = TO(REDIS_STATE_SENTINEL) | TO(REDIS_STATE_LOOKUP) | TO(REDIS_STATE_FREED),
    [REDIS_STATE_SENTINEL] = TO(REDIS_STATE_LOOKUP) | LOST_OR_FREED,
    [REDIS_STATE_LOOKUP] = TO(REDIS_STATE_CONNECTING) | LOST_OR_FREED,
    [REDIS_STATE_CONNECTING] = TO(REDIS_STATE_TLS) | LOST_OR_FREED,
    [REDIS_STATE_TLS] = TO(REDIS_STATE_AUTH) | LOST_OR_FREED,
    [REDIS_STATE_AUTH] = TO(REDIS_STATE_SESSION) | LOST_OR_FREED,
    [REDIS_STATE_SESSION] = TO(REDIS_STATE_ROLE) | LOST_OR_FREED,
    [REDIS_STATE_ROLE] = TO(REDIS_STATE_POLICY) | LOST_OR_FREED,
    [REDIS_STATE_POLICY] = TO(REDIS_STATE_RUN_ID) | LOST_OR_FREED,
    [REDIS_STATE_RUN_ID] = TO(REDIS_STATE_SCRIPTS) | LOST_OR_FREED,
    [REDIS_STATE_SCRIPTS] = TO(REDIS_STATE_CHANNELS) | LOST_OR_FREED,
    [REDIS_STATE_CHANNELS] = TO(REDIS_STATE_READY) | LOST_OR_FREED,
    [REDIS_STATE_READY] = LOST_OR_FREED,
    [REDIS_STATE_FREED] = 0,
};

void redis_set_state(struct redis *r, enum redis_state to)
{
    if (!(transitions[r->state] & TO(to)))
        abort();
    r->state = to;
    loop_timer_disarm(r->timer);
    r->timer_at_us = REDIS_NEVER_US;
    redis_timer_update(r);
}

int64_t redis_backoff_us(unsigned attempts)
{
    int64_t us = REDIS_BACKOFF_MIN_US;
    while (attempts-- > 0 && us < REDIS_BACKOFF_MAX_US)
        us *= 2;
    return us < REDIS_BACKOFF_MAX_US ? us : REDIS_BACKOFF_MAX_US;
}

void redis_explain(struct redis *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(r->detail, sizeof r->detail, format, args); /* a cut detail is good enough */
    va_end(args);
}

void redis_disconnect(struct redis *r)
{
    redis_sentinel_cancel(r->sentinel);
    if (r->lookup && r->lookup->is_done)
        free(r->lookup);
    else if (r->lookup)
        r->lookup->r = NULL;
    r->lookup = NULL;
    if (r->dns) {
        evdns_base_free(r->dns, 1);
        r->dns = NULL;
    }
    if (r->bev) {
        bufferevent_free(r->bev);
        r->bev = NULL;
    }
    if (r->reader) {
        redisReaderFree(r->reader);
        r->reader = NULL;
    }
}

static int64_t pause_us(const struct redis *r)
{
    int64_t longest_us = redis_backoff_us(r->attempts);
    if (r->sentinel && longest_us > REDIS_BACKOFF_SENTINEL_MAX_US)
        longest_us = REDIS_BACKOFF_SENTINEL_MAX_US;
    /* Full jitter: a fleet that lost Redis at one instant does not come back at one instant. */
    return (int64_t)random_below((uint64_t)longest_us + 1);
}

void redis_lose(struct redis *r, enum redis_refusal why)
{
    bool was_ready = r->state == REDIS_STATE_READY;
    int64_t now_us = clock_mono_us();
    redis_enter(r);
    /* What was named is not to be had: another Sentinel may know better. */
    if (r->sentinel && r->state > REDIS_STATE_SENTINEL && !was_ready)
        redis_sentinel_distrust(r->sentinel);
    /* A failover that is under way, and not, as elsewhere, a URL that names the wrong server. */
    if (r->sentinel && why == REDIS_REFUSAL_REPLICA)
        why = REDIS_REFUSAL_UNREACHABLE;
    if (was_ready && now_us - r->ready_since_us >= REDIS_BACKOFF_RESET_US)
        r->attempts = 0;
    r->wake_us = now_us + pause_us(r);
    r->attempts++;
    redis_set_state(r, REDIS_STATE_WAITING);
    redis_disconnect(r);
    redis_fail_pending(r, now_us);
    if (r->state == REDIS_STATE_WAITING && (was_ready || why != r->reported)) {
        r->reported = why;
        if (r->on_down)
            r->on_down(why, r->detail, r->arg);
    }
    redis_leave(r);
}

/* ---- the connection ---- */

static void connected(struct redis *r, struct bufferevent *bev)
{
    bool is_secured = !r->tls || r->state == REDIS_STATE_TLS;
    r->wake_us = r->give_up_us;
    if (is_secured && bufferevent_enable(bev, EV_READ) < 0) {
        redis_explain(r, "out of memory");
        redis_lose(r, REDIS_REFUSAL_UNREACHABLE);
    }
    /* Enabling reads at once what TLS has received already; the connection may be lost over it. */
    if (r->bev == bev)
        redis_handshake_walk(r);
}

/* For those who mix up redis:// and rediss://: neither server says so, they only hang up. */
static const char *hint(const struct redis *r)
{
    if (r->state == REDIS_STATE_TLS)
        return " in the TLS handshake; does the server speak TLS?";
    if (!r->tls && r->state > REDIS_STATE_TLS && r->state < REDIS_STATE_READY && !r->has_answered)
        return " before any reply; does the server want rediss://?";
    return "";
}

static void broke(struct redis *r, struct bufferevent *bev, bool is_closed, int error)
{
    enum redis_refusal why = REDIS_REFUSAL_UNREACHABLE;
    bool is_secured = r->tls && r->state >= REDIS_STATE_TLS;
    if (is_secured && redis_tls_explain(r->tls, bev, r->detail, sizeof r->detail))
        why = REDIS_REFUSAL_TLS;
    else if (r->state == REDIS_STATE_CONNECTING)
        redis_explain(r, "connect: %s", evutil_socket_error_to_string(error));
    else if (is_closed)
        redis_explain(r, "closed by the server%s", hint(r));
    else
        redis_explain(r, "connection lost: %s%s", evutil_socket_error_to_string(error), hint(r));
    redis_lose(r, why);
}

static void connection_event(struct bufferevent *bev, short what, void *arg)
{
    struct redis *r = arg;
    int error = EVUTIL_SOCKET_ERROR();
    redis_enter(r);
    if (what & BEV_EVENT_CONNECTED)
        connected(r, bev);
    else
        broke(r, bev, what & BEV_EVENT_EOF, error);
    redis_leave(r);
}

static int set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value);
}

static int tune_tcp(int fd)
{
    if (set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) < 0 || set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1) < 0 ||
        set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S) < 0 ||
        set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S) < 0 ||
        set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES) < 0)
        return ERR_IO;
    return 0;
}

static void carry(struct redis *r, struct bufferevent *bev)
{
    r->bev = bev;
    bufferevent_setcb(bev, redis_read, NULL, connection_event, r);
    (void)bufferevent_set_max_single_read(bev, BYTES_PER_TURN);
    (void)bufferevent_set_max_single_write(bev, BYTES_PER_TURN);
}

int redis_secure(struct redis *r)
{
    int fd = bufferevent_getfd(r->bev);
    const char *why = "";
    (void)bufferevent_setfd(r->bev, -1); /* keeps it open */
    bufferevent_free(r->bev);
    r->bev = NULL;
    struct bufferevent *bev = redis_tls_open(r->tls, loop_base(r->loop), fd, &why);
    if (!bev) {
        close(fd);
        redis_explain(r, "TLS: %s", why);
        return ERR_INVALID;
    }
    carry(r, bev);
    return 0;
}

/* The socket is ours and not bufferevent_socket_connect()'s own, so that it is closed on exec, tuned before its first
 * byte, and tells why it was refused. */
static int open_connection(struct redis *r, const struct sockaddr_storage *addr, socklen_t addr_len)
{
    int rc = ERR_IO;
    int fd = socket(addr->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || (addr->ss_family != AF_UNIX && tune_tcp(fd) < 0)) {
        redis_explain(r, "socket: %s", evutil_socket_error_to_string(errno));
        goto cleanup;
    }
    if (connect(fd, (const struct sockaddr *)addr, addr_len) < 0 && errno != EINPROGRESS) {
        redis_explain(r, "connect: %s", evutil_socket_error_to_string(errno));
        goto cleanup;
    }
    redis_explain(r, "out of memory");
    rc = redis_reader_create(r);
    if (rc < 0)
        goto cleanup;
    struct bufferevent *bev = bufferevent_socket_new(loop_base(r->loop), fd, BEV_OPT_CLOSE_ON_FREE);
    if (!bev) {
        rc = ERR_NOMEM;
        goto cleanup;
    }
    fd = -1;
    carry(r, bev);
    rc = bufferevent_socket_connect(r->bev, NULL, 0) < 0 ? ERR_NOMEM : 0;

cleanup:
    if (fd >= 0)
        close(fd);
    return rc;
}

/* How long a connection may be under way. A primary whose machine is gone answers nothing at all, and Sentinel may name
 * another by now. */
static int64_t connecting_timeout_us(const struct redis *r)
{
    int64_t sentinel_us = (int64_t)1000 * LIMIT_SENTINEL_MS;
    return r->sentinel && sentinel_us < r->connect_timeout_us ? sentinel_us : r->connect_timeout_us;
}

static void connect_to(struct redis *r, const struct sockaddr_storage *addr, socklen_t addr_len)
{
    if (r->sentinel)
        r->wake_us = clock_mono_us() + connecting_timeout_us(r);
    redis_set_state(r, REDIS_STATE_CONNECTING);
    if (open_connection(r, addr, addr_len) < 0)
        redis_lose(r, REDIS_REFUSAL_UNREACHABLE);
}

/* ---- the name ---- */

/* Every attempt tries another of the name's addresses. */
static const struct evutil_addrinfo *choose_address(const struct evutil_addrinfo *list, unsigned attempts)
{
    unsigned n = 0;
    for (const struct evutil_addrinfo *ai = list; ai; ai = ai->ai_next)
        n++;
    for (unsigned skip = n ? attempts % n : 0; skip > 0; skip--)
        list = list->ai_next;
    return list;
}

/* Only keeps the result and pulls the timer: evdns may call this from inside evdns_getaddrinfo(), and its base is not
 * to be freed while one of its callbacks runs. */
static void lookup_done(int error, struct evutil_addrinfo *list, void *arg)
{
    struct redis_lookup *lookup = arg;
    struct redis *r = lookup->r;
    if (!r) {
        free(lookup);
    } else {
        const struct evutil_addrinfo *ai = choose_address(list, r->attempts);
        lookup->is_done = true;
        lookup->error = error;
        if (ai && ai->ai_addrlen <= sizeof lookup->addr) {
            memcpy(&lookup->addr, ai->ai_addr, ai->ai_addrlen);
            lookup->addr_len = (socklen_t)ai->ai_addrlen;
        } else if (!error) {
            lookup->error = EVUTIL_EAI_NODATA;
        }
        r->wake_us = clock_mono_us();
        redis_timer_update(r);
    }
    if (list)
        evutil_freeaddrinfo(list);
}

/* evdns_getaddrinfo() rather than bufferevent_socket_connect_hostname(): in libevent 2.1.12 the latter tries the first
 * address only, and crashes on a name that /etc/hosts holds with another address family than the one asked for. */
static int lookup_start(struct redis *r)
{
    const struct evutil_addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
    char port[8];
    (void)snprintf(port, sizeof port, "%d", r->url.port);
    /* A base for each attempt reads /etc/resolv.conf and /etc/hosts afresh. */
    r->dns = evdns_base_new(loop_base(r->loop), 0);
    r->lookup = calloc(1, sizeof *r->lookup);
    if (!r->dns || !r->lookup)
        return ERR_NOMEM;
    r->lookup->r = r;
    /* Without such a file it asks 127.0.0.1, as the resolver of libc does. */
    (void)evdns_base_resolv_conf_parse(r->dns, DNS_OPTIONS_ALL, "/etc/resolv.conf");
    (void)evdns_getaddrinfo(r->dns, r->url.host, port, &hints, lookup_done, r->lookup);
    return 0;
}

static void lookup_end(struct redis *r)
{
    struct redis_lookup lookup = *r->lookup;
    redis_disconnect(r);
    if (lookup.error) {
        redis_explain(r, "the name %s: %s", r->url.host, evutil_gai_strerror(lookup.error));
        redis_lose(r, REDIS_REFUSAL_UNREACHABLE);
        return;
    }
    r->wake_us = r->give_up_us;
    connect_to(r, &lookup.addr, lookup.addr_len);
}

static void connect_to_url(struct redis *r)
{
    r->give_up_us = clock_mono_us() + r->connect_timeout_us;
    r->wake_us = r->give_up_us;
    redis_set_state(r, REDIS_STATE_LOOKUP);
    if (r->url.addr_len > 0) {
        connect_to(r, &r->url.addr, r->url.addr_len);
    } else if (lookup_start(r) < 0) {
        redis_explain(r, "out of memory");
        redis_lose(r, REDIS_REFUSAL_UNREACHABLE);
    }
}

/* ---- the primary, by Sentinel ---- */

/* Turns the URL to it, and TLS to its name. */
static int aim(struct redis *r, const struct redis_place *primary)
{
    int rc = redis_url_set_place(&r->url, primary->host, strlen(primary->host), primary->port);
    if (rc == 0 && r->tls)
        rc = redis_tls_set_host(r->tls, r->url.host, r->url.addr_len > 0);
    return rc;
}

int64_t redis_next_recheck_us(const struct redis *r)
{
    if (!r->sentinel)
        return REDIS_NEVER_US;
    return clock_mono_us() + REDIS_RECHECK_MIN_US +
           (int64_t)random_below(REDIS_RECHECK_MAX_US - REDIS_RECHECK_MIN_US + 1);
}

void redis_recheck(struct redis *r)
{
    r->recheck_us = REDIS_NEVER_US;
    if (redis_sentinel_ask(r->sentinel) < 0)
        r->recheck_us = redis_next_recheck_us(r);
    redis_timer_update(r);
}

/* Sentinels that tell nothing are no reason to leave a primary that answers. */
static void rechecked(struct redis *r, const struct redis_place *primary)
{
    r->recheck_us = redis_next_recheck_us(r);
    redis_timer_update(r);
    if (primary && (strcmp(primary->host, r->url.host) != 0 || primary->port != r->url.port)) {
        redis_explain(r, "Sentinel names another primary: %s port %d", primary->host, primary->port);
        redis_lose(r, REDIS_REFUSAL_UNREACHABLE);
    }
}

void redis_sentinel_told(const struct redis_place *primary, void *arg)
{
    struct redis *r = arg;
    redis_enter(r);
    if (r->state == REDIS_STATE_READY) {
        rechecked(r, primary);
    } else if (!primary) {
        redis_explain(r, "%s", redis_sentinel_detail(r->sentinel));
        redis_lose(r, redis_sentinel_refusal(r->sentinel));
    } else if (aim(r, primary) < 0) {
        redis_explain(r, "out of memory");
        redis_lose(r, REDIS_REFUSAL_UNREACHABLE);
    } else {
        connect_to_url(r);
    }
    redis_leave(r);
}

static void attempt(struct redis *r)
{
    if (!r->sentinel) {
        connect_to_url(r);
        return;
    }
    redis_set_state(r, REDIS_STATE_SENTINEL);
    int rc = redis_sentinel_ask(r->sentinel);
    if (rc < 0) {
        redis_explain(r, "no Sentinel can be asked: %s", err_name(rc));
        redis_lose(r, REDIS_REFUSAL_UNREACHABLE);
    }
}

void redis_wake(struct redis *r)
{
    if (r->state == REDIS_STATE_WAITING) {
        attempt(r);
    } else if (r->lookup && r->lookup->is_done) {
        lookup_end(r);
    } else {
        bool is_tls = r->state == REDIS_STATE_TLS;
        int64_t timeout_us = r->state == REDIS_STATE_CONNECTING ? connecting_timeout_us(r) : r->connect_timeout_us;
        redis_explain(r, "no %s within %lld ms%s", is_tls ? "TLS handshake" : "connection",
                      (long long)(timeout_us / 1000), is_tls ? "; does the server speak TLS?" : "");
        redis_lose(r, REDIS_REFUSAL_UNREACHABLE);
    }
}
