/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/resolver.h"

#include <ares.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/base/parse.h"

#define TRY_MS 2000
#define TRIES 2
#define SECOND_US INT64_C(1000000)
#define KEEP_LEAST_US (5 * SECOND_US)
#define KEEP_MOST_US (300 * SECOND_US)
#define KEEP_NO_NAME_US (10 * SECOND_US)
#define KEEP_NO_ANSWER_US (5 * SECOND_US)
/* Ailing: of at least so many names asked for in a window, or the one before, so few had any answer. */
#define WINDOW_US (15 * SECOND_US)
#define WINDOW_LEAST 10u
#define ANSWERED_LEAST_PERCENT 10u

struct resolver_query {
    TAILQ_ENTRY(resolver_query) link;
    struct resolver *resolver;
    struct name *name; /* whose answer it waits for */
    resolver_fn fn;
    void *arg;
};
TAILQ_HEAD(query_list, resolver_query);

/* A name that is asked for, or known. */
struct name {
    TAILQ_ENTRY(name) link; /* among the ready ones */
    struct resolver *resolver;
    char *host;
    bool is_asked;
    bool is_ready; /* the answer has come, and those who wait have yet to be told */
    int64_t until_us; /* known until then, of clock_mono_us() */
    struct resolver_answer answer;
    struct query_list waiting;
};

TAILQ_HEAD(name_list, name);

struct tally {
    unsigned asked;
    unsigned answered;
};

struct resolver {
    struct loop *loop;
    ares_channel channel;
    bool has_channel;
    bool is_closing;
    GHashTable *names; /* of struct name, by host */
    struct name_list ready;
    GHashTable *sockets; /* of struct loop_fd, by descriptor */
    struct loop_timer *timer; /* c-ares' next timeout */
    struct loop_timer *tell_timer; /* answers that have come */
    size_t n_queries;
    struct tally now, before;
    int64_t window_us; /* when `now` began */
};

/* ---- what is known ---- */

static void name_free(void *arg)
{
    struct name *n = arg;
    free(n->host);
    free(n);
}

static bool is_idle(const struct name *n, int64_t now_us)
{
    return !n->is_asked && !n->is_ready && TAILQ_EMPTY(&n->waiting) && n->until_us <= now_us;
}

static gboolean is_stale(void *key, void *value, void *arg)
{
    (void)key;
    return is_idle(value, *(int64_t *)arg);
}

static struct name *name_get(struct resolver *r, const char *host)
{
    struct name *n = g_hash_table_lookup(r->names, host);
    int64_t now_us = clock_mono_us();
    if (n)
        return n;
    if (g_hash_table_size(r->names) >= LIMIT_RESOLVER_NAMES)
        g_hash_table_foreach_remove(r->names, is_stale, &now_us);
    if (g_hash_table_size(r->names) >= LIMIT_RESOLVER_NAMES)
        return NULL;
    n = calloc(1, sizeof *n);
    char *copy = n ? strdup(host) : NULL;
    if (!copy) {
        free(n);
        return NULL;
    }
    n->resolver = r;
    n->host = copy;
    TAILQ_INIT(&n->waiting);
    g_hash_table_insert(r->names, n->host, n);
    return n;
}

const struct resolver_answer *resolver_known(struct resolver *r, const char *host)
{
    const struct name *n = g_hash_table_lookup(r->names, host);
    return n && !n->is_asked && n->until_us > clock_mono_us() ? &n->answer : NULL;
}

/* ---- how the resolver is ---- */

static void count(struct resolver *r, bool is_answered)
{
    int64_t now_us = clock_mono_us();
    if (now_us - r->window_us > WINDOW_US) {
        static const struct tally none = {.asked = 0};
        r->before = now_us - r->window_us > 2 * WINDOW_US ? none : r->now;
        r->now = none;
        r->window_us = now_us;
    }
    r->now.asked++;
    r->now.answered += is_answered;
}

bool resolver_is_ailing(const struct resolver *r)
{
    unsigned asked = r->now.asked + r->before.asked, answered = r->now.answered + r->before.answered;
    return asked >= WINDOW_LEAST && answered * 100 < asked * ANSWERED_LEAST_PERCENT;
}

/* ---- telling ---- */

static void make_ready(struct name *n)
{
    n->is_ready = true;
    TAILQ_INSERT_TAIL(&n->resolver->ready, n, link);
    loop_timer_arm_us(n->resolver->tell_timer, 0);
}

/* The first who waits, who waits no more; NULL for none. The caller frees it. */
static struct resolver_query *take_query(struct name *n)
{
    struct resolver_query *q = TAILQ_FIRST(&n->waiting);
    if (!q)
        return NULL;
    TAILQ_REMOVE(&n->waiting, q, link);
    n->resolver->n_queries--;
    return q;
}

static void tell(struct name *n)
{
    struct resolver_answer answer = n->answer;
    for (struct resolver_query *q = take_query(n); q; q = take_query(n)) {
        resolver_fn fn = q->fn;
        void *arg = q->arg;
        free(q);
        fn(&answer, arg);
    }
    n->is_ready = false;
}

/* The callbacks may ask and cancel; who asks meanwhile for a name that is being told is told too. */
static void tell_all(void *arg)
{
    struct resolver *r = arg;
    struct name *n;
    while ((n = TAILQ_FIRST(&r->ready))) {
        TAILQ_REMOVE(&r->ready, n, link);
        tell(n);
    }
}

/* ---- c-ares ---- */

static void arm(struct resolver *r)
{
    struct timeval tv;
    if (ares_timeout(r->channel, NULL, &tv))
        loop_timer_arm_us(r->timer, (int64_t)tv.tv_sec * SECOND_US + tv.tv_usec);
    else
        loop_timer_disarm(r->timer);
}

static void on_timer(void *arg)
{
    struct resolver *r = arg;
    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm(r);
}

static void on_socket(int fd, unsigned ready, void *arg)
{
    struct resolver *r = arg;
    ares_process_fd(r->channel, ready & LOOP_READ ? fd : ARES_SOCKET_BAD, ready & LOOP_WRITE ? fd : ARES_SOCKET_BAD);
    arm(r);
}

static void watch_free(void *watch)
{
    loop_fd_free(watch);
}

static void want_socket(void *arg, ares_socket_t fd, int reads, int writes)
{
    struct resolver *r = arg;
    unsigned interest = (reads ? LOOP_READ : 0) | (writes ? LOOP_WRITE : 0);
    struct loop_fd *watch = g_hash_table_lookup(r->sockets, GINT_TO_POINTER(fd));
    if (!interest) {
        g_hash_table_remove(r->sockets, GINT_TO_POINTER(fd));
    } else if (watch) {
        (void)!loop_fd_watch(watch, interest); /* what it misses, its timeout ends */
    } else if (loop_fd_create(r->loop, fd, interest, on_socket, r, &watch) == 0) {
        g_hash_table_insert(r->sockets, GINT_TO_POINTER(fd), watch);
    }
}

static void take_addresses(struct resolver_answer *answer, const struct ares_addrinfo *info, int64_t *ret_ttl_s)
{
    *ret_ttl_s = INT32_MAX;
    for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next) {
        union resolver_address *to = &answer->addresses[answer->n];
        bool is_v4 = node->ai_family == AF_INET && node->ai_addrlen == sizeof to->v4;
        bool is_v6 = node->ai_family == AF_INET6 && node->ai_addrlen == sizeof to->v6;
        if (!is_v4 && !is_v6)
            continue;
        if (answer->n == RESOLVER_ADDRESSES) {
            answer->is_cut = true;
            break;
        }
        memcpy(to, node->ai_addr, node->ai_addrlen);
        answer->n++;
        *ret_ttl_s = node->ai_ttl < *ret_ttl_s ? node->ai_ttl : *ret_ttl_s;
    }
}

static enum resolver_result result_of(int status, size_t n)
{
    switch (status) {
    case ARES_SUCCESS:
        return n > 0 ? RESOLVER_OK : RESOLVER_NO_NAME;
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_EBADNAME:
        return RESOLVER_NO_NAME;
    case ARES_ENOMEM:
        return RESOLVER_OURS;
    default:
        return RESOLVER_NO_ANSWER;
    }
}

static int64_t keep_us(enum resolver_result result, int64_t ttl_s)
{
    switch (result) {
    case RESOLVER_OK:
        if (ttl_s > KEEP_MOST_US / SECOND_US)
            return KEEP_MOST_US;
        return ttl_s * SECOND_US > KEEP_LEAST_US ? ttl_s * SECOND_US : KEEP_LEAST_US;
    case RESOLVER_NO_NAME:
        return KEEP_NO_NAME_US;
    case RESOLVER_NO_ANSWER:
        return KEEP_NO_ANSWER_US;
    case RESOLVER_OURS:
        break;
    }
    return 0;
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct name *n = arg;
    struct resolver *r = n->resolver;
    int64_t ttl_s = 0;
    (void)timeouts;
    if (!r->is_closing) {
        n->answer = (struct resolver_answer){.n = 0};
        if (status == ARES_SUCCESS)
            take_addresses(&n->answer, info, &ttl_s);
        n->answer.result = result_of(status, n->answer.n);
        n->is_asked = false;
        n->until_us = clock_mono_us() + keep_us(n->answer.result, ttl_s);
        count(r, n->answer.result == RESOLVER_OK || n->answer.result == RESOLVER_NO_NAME);
        make_ready(n);
    }
    ares_freeaddrinfo(info);
}

/* RFC 6761 section 6.3: "localhost", and what ends with it, is this machine, and nobody is asked. */
static bool is_localhost(const char *host)
{
    static const char name[] = "localhost";
    size_t len = strlen(host), name_len = sizeof name - 1;
    return len >= name_len && strcasecmp(host + len - name_len, name) == 0 &&
           (len == name_len || host[len - name_len - 1] == '.');
}

static void answer_localhost(struct name *n)
{
    n->answer = (struct resolver_answer){.result = RESOLVER_OK, .n = 2};
    n->answer.addresses[0].v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    n->answer.addresses[1].v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    n->until_us = clock_mono_us() + KEEP_MOST_US;
    make_ready(n);
}

static void ask(struct resolver *r, struct name *n)
{
    if (is_localhost(n->host)) {
        answer_localhost(n);
        return;
    }
    static const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_flags = ARES_AI_NOSORT};
    n->is_asked = true;
    ares_getaddrinfo(r->channel, n->host, NULL, &hints, on_answer, n);
    arm(r);
}

/* ---- asking ---- */

int resolver_ask(struct resolver *r, const char *host, resolver_fn fn, void *arg, struct resolver_query **ret_query)
{
    if (r->n_queries >= LIMIT_RESOLVER_QUERIES)
        return ERR_UNAVAILABLE;
    struct name *n = name_get(r, host);
    struct resolver_query *q = n ? calloc(1, sizeof *q) : NULL;
    if (!q)
        return n ? ERR_NOMEM : ERR_UNAVAILABLE;
    *q = (struct resolver_query){.resolver = r, .name = n, .fn = fn, .arg = arg};
    TAILQ_INSERT_TAIL(&n->waiting, q, link);
    r->n_queries++;
    *ret_query = q;
    if (n->is_asked || n->is_ready)
        return 0;
    if (n->until_us > clock_mono_us())
        make_ready(n);
    else
        ask(r, n);
    return 0;
}

void resolver_cancel(struct resolver_query *q)
{
    TAILQ_REMOVE(&q->name->waiting, q, link);
    q->resolver->n_queries--;
    free(q);
}

/* ---- the resolver ---- */

static int set_server(ares_channel channel, const char *server)
{
    const char *host_end = server[0] == '[' ? strchr(server, ']') : server + strcspn(server, ":");
    uint64_t port;
    if (strchr(server, ',') || !host_end)
        return ERR_INVALID;
    host_end += *host_end == ']';
    if (*host_end != ':' || parse_u64(host_end + 1, strlen(host_end + 1), UINT16_MAX, &port) != 0 || port == 0)
        return ERR_INVALID;
    return ares_set_servers_ports_csv(channel, server) == ARES_SUCCESS ? 0 : ERR_INVALID;
}

static int open_channel(struct resolver *r, const char *server)
{
    static char from_dns[] = "b", from_files_and_dns[] = "fb"; /* c-ares does not write to them */
    struct ares_options options = {
        .flags = ARES_FLAG_NOSEARCH,
        .timeout = TRY_MS,
        .tries = TRIES,
        .lookups = server ? from_dns : from_files_and_dns,
        .sock_state_cb = want_socket,
        .sock_state_cb_data = r,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
    int status = ares_init_options(&r->channel, &options, mask);
    if (status != ARES_SUCCESS)
        return status == ARES_ENOMEM ? ERR_NOMEM : ERR_IO;
    r->has_channel = true;
    return server ? set_server(r->channel, server) : 0;
}

int resolver_create(struct loop *loop, const char *server, struct resolver **ret_resolver)
{
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        return ERR_NOMEM;
    struct resolver *r = calloc(1, sizeof *r);
    if (!r) {
        ares_library_cleanup();
        return ERR_NOMEM;
    }
    r->loop = loop;
    TAILQ_INIT(&r->ready);
    r->names = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, name_free);
    r->sockets = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, watch_free);
    int err = loop_timer_create(loop, on_timer, r, &r->timer);
    if (!err)
        err = loop_timer_create(loop, tell_all, r, &r->tell_timer);
    if (!err)
        err = open_channel(r, server);
    if (err) {
        resolver_free(r);
        return err;
    }
    *ret_resolver = r;
    return 0;
}

static void drop_queries(void *key, void *value, void *arg)
{
    (void)key;
    (void)arg;
    for (struct resolver_query *q = take_query(value); q; q = take_query(value))
        free(q);
}

void resolver_free(struct resolver *r)
{
    if (!r)
        return;
    r->is_closing = true;
    g_hash_table_foreach(r->names, drop_queries, NULL);
    if (r->has_channel)
        ares_destroy(r->channel); /* calls back for what it was asked */
    g_hash_table_destroy(r->names);
    g_hash_table_destroy(r->sockets);
    loop_timer_free(r->timer);
    loop_timer_free(r->tell_timer);
    free(r);
    ares_library_cleanup();
}

int resolver_check_server(const char *server)
{
    ares_channel channel;
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        return ERR_NOMEM;
    int err = ERR_IO;
    if (ares_init(&channel) == ARES_SUCCESS) {
        err = set_server(channel, server);
        ares_destroy(channel);
    }
    ares_library_cleanup();
    return err;
}
