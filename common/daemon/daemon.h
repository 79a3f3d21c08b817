/* SPDX-License-Identifier: Apache-2.0
 *
 * The skeleton that every process fills in. It reads the options, sets up logs, loop, signals, secrets, Redis and HTTP,
 * answers /healthz, /readyz and /metrics, prints "listening http://..." on stdout once ready, drains at SIGTERM (a
 * second one ends at once), reloads at SIGHUP, and turns failures into exit codes: 0 done, 1 failed, 2 usage,
 * 3 configuration (a permission that Redis's user lacks is one), 4 Redis unreachable at start (or not fit: a replica, a
 * policy that evicts, a certificate that does not hold, a wrong password). Until start() has run, every route but those
 * three answers 503.
 */
#ifndef CARILLON_DAEMON_DAEMON_H
#define CARILLON_DAEMON_DAEMON_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/seal.h"
#include "common/conf/conf.h"
#include "common/http/server.h"
#include "common/loop/loop.h"
#include "common/metrics/metrics.h"
#include "common/redis/keys.h"
#include "common/redis/redis.h"

struct daemon;

/* What a process supplies. All pointers are borrowed for the process's life. Optional members may be NULL. */
struct daemon_spec {
    const char *name; /* "carillon-worker": in logs and --help */
    const char *id_prefix; /* of daemon_id(), where it wants Redis */
    const struct conf_option *options;
    size_t n_options;
    const char *default_listen;
    bool wants_redis; /* adds the Redis, cells and secrets options and waits for Redis before start */
    /* The channel of a cell on which hints for this process are published (key_wake_channel,
     * key_wake_events_channel): a second connection listens there. NULL: none. */
    struct key (*wake_channel)(const char *cell);

    /* Redis is ready (where wanted), HTTP is bound but not yet announced. Makes the process's state; routes are
     * added here with http_server_add_routes(). A failure ends the process: an ERR_* is logged; exit 3 for
     * ERR_INVALID, 1 otherwise. */
    int (*start)(struct daemon *d, void **ret_state);
    /* Redis is ready: once behind start(), and whenever it became so again. And: it went away. */
    void (*on_redis_ready)(void *state);
    void (*on_redis_down)(void *state);
    /* A hint that work may have come to `cell`. Also given for every cell when the listening connection is there
     * (again), since what was published meanwhile is lost. */
    void (*on_wake)(void *state, const char *cell);
    /* Begin to drain: take no new work, and call daemon_drained() when nothing is left. HTTP is served meanwhile, so
     * that callbacks are still heard. NULL: drained at once. */
    void (*drain)(void *state);
    /* SIGHUP, after the options were read again without a fault. */
    void (*reload)(void *state);
    /* Beyond Redis: false with a reason appended makes /readyz answer 503. */
    bool (*is_ready)(void *state, struct buf *why);
    /* /metrics is about to be written: set the gauges that are looked up rather than kept. */
    void (*collect)(void *state);
    /* Frees the state; the loop no longer runs. The HTTP server and the Redis connections have been freed just before:
     * each request under way got its on_gone and each command its ERR_CLOSED, and neither may be used here. */
    void (*stop)(void *state);
};

/* The whole main(): returns the exit code. */
int daemon_main(const struct daemon_spec *spec, int argc, char **argv);

/* Random, of this start: how Redis knows the process. */
const char *daemon_id(const struct daemon *d);
struct loop *daemon_loop(struct daemon *d);
const struct conf *daemon_conf(struct daemon *d);
struct redis *daemon_redis(struct daemon *d);
struct metrics *daemon_metrics(struct daemon *d);
struct http_server *daemon_http(struct daemon *d);
const struct seal_keys *daemon_keys(struct daemon *d);
/* The cells this process serves: at least one where it wants Redis. */
size_t daemon_cell_count(const struct daemon *d);
const char *daemon_cell(const struct daemon *d, size_t index);
/* The schema that the cell speaks, as it was last heard of; it only ever rises. 0 for a cell that is not served. */
int64_t daemon_cell_schema(const struct daemon *d, const char *cell);
/* Tells the skeleton that draining is complete: it stops accepting connections, gives the requests under way five
 * seconds, and ends with 0. Nothing happens where it is not draining. */
void daemon_drained(struct daemon *d);
/* An impossible state or a lost invariant of the process: log it, end with 1. */
void daemon_fail(struct daemon *d, const char *event, int err);

#endif
