/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection to Redis: hiredis formats and parses, a libevent bufferevent carries. Commands are pipelined and
 * answered in order; each has a deadline of its own. A connection that breaks is made again with growing, jittered
 * pauses; commands that were under way then get NULL for a reply: what became of them is not known. Commands given
 * while it is not ready are refused at once with ERR_UNAVAILABLE (fail closed: nothing is queued for later).
 *
 * With sentinel:// every attempt begins by asking who the primary is (redis_sentinel.h): the first, and each after a
 * loss. A replica, which elsewhere is the wrong server, is a failover under way then, and is asked about again within
 * half a second. While ready, it is left as soon as a Sentinel, asked every second or two, names another.
 *
 * Before it says ready it makes sure, over TLS, whom it speaks to (redis_tls.h), authenticates, selects the
 * database, checks ROLE (must be a primary) and maxmemory-policy (must be noeviction), reads the run id and loads the
 * scripts.
 */
#ifndef CARILLON_REDIS_REDIS_H
#define CARILLON_REDIS_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/encode.h"
#include "common/base/err.h"
#include "common/loop/loop.h"
#include "common/redis/redis_counts.h"
#include "common/redis/reply.h"

struct redis;

struct redis_config {
    const char *url; /* redis_url.h; copied */
    const char *user; /* NULL: the default user; copied */
    const char *password; /* NULL: none; copied, wiped at free */
    const char *sentinel_password; /* for the Sentinels of the URL; NULL: none; copied, wiped at free */
    const char *name; /* CLIENT SETNAME; NULL: none; copied */
    /* PEM files for TLS, refused with any other URL; copied, read again at each connection. */
    const char *ca_file; /* whose word the server's certificate must have; NULL: whom the system believes */
    const char *cert_file; /* our own certificate; NULL: none */
    const char *key_file; /* its key */
    bool skip_checks; /* tools and the tests' own servers: no ROLE and policy checks */
    bool skip_scripts; /* a connection that only listens or administers */
    int64_t connect_timeout_ms; /* 0: 5000 */
};

/* Why a connection is not ready, for readiness answers and for the exit code at start. */
enum redis_refusal {
    REDIS_REFUSAL_NONE,
    REDIS_REFUSAL_UNREACHABLE,
    REDIS_REFUSAL_TLS, /* the server cannot prove who it is, does not believe us, or speaks no TLS */
    REDIS_REFUSAL_AUTH,
    REDIS_REFUSAL_PERMISSION, /* the user lacks a command, a key or a channel (NOPERM) */
    REDIS_REFUSAL_REPLICA,
    REDIS_REFUSAL_POLICY, /* maxmemory-policy is not noeviction */
    REDIS_REFUSAL_SCRIPTS, /* a script does not load */
    REDIS_REFUSAL_LOADING, /* still reading its data */
};

/* Called when the connection became ready (again). A listener is subscribed then. Never from inside a redis_* call. */
typedef void (*redis_ready_fn)(void *arg);
/* Called when it ceased to be ready, after the commands under way have had their answers; and, while it is not, when an
 * attempt fails for another `why` than the one told last. `detail` is for people, holds no secret, may quote the
 * server, and is borrowed for the call. Never from inside a redis_* call. */
typedef void (*redis_down_fn)(enum redis_refusal why, const char *detail, void *arg);

/* A command's answer. `reply` is NULL where the connection went away or the deadline passed (`err` is ERR_CLOSED or
 * ERR_TIMEOUT: the outcome is unknown); otherwise `err` is 0, also for an error reply, which reply_error() tells. The
 * reply lives only inside the call. Never called from inside redis_command(), and from no other redis_* call but
 * redis_free(). Every callback of a connection may send commands on it and may free it. */
typedef void (*redis_reply_fn)(const struct redisReply *reply, int err, void *arg);

/* A published message. Borrowed for the call. */
typedef void (*redis_message_fn)(const char *channel, size_t channel_len, const char *payload, size_t payload_len,
                                 void *arg);

struct redis_arg {
    const char *data;
    size_t len;
};

/* Checks the URL (ERR_INVALID) and the files, and starts connecting, from the loop. `ret_why`, a borrowed static text,
 * is written on failure only. `on_ready` and `on_down` may be NULL. */
int redis_create(struct loop *loop, const struct redis_config *config, redis_ready_fn on_ready, redis_down_fn on_down,
                 void *arg, struct redis **ret_redis, const char **ret_why) MUST_CHECK;
/* Answers every command under way with ERR_CLOSED from inside this call, then frees; on_down is not called. Inside a
 * callback of this connection too: `r` is not to be used any more, its memory goes when the callback has returned.
 * Accepts NULL. */
void redis_free(struct redis *r);

bool redis_is_ready(const struct redis *r);
/* Redis's run id as of the last connect ("" before). */
const char *redis_run_id(const struct redis *r);
size_t redis_pending(const struct redis *r);
/* The commands sent so far, those of the handshakes included: for /metrics. */
uint64_t redis_commands_sent(const struct redis *r);
/* What it has met with so far. Borrowed from the connection. */
const struct redis_counts *redis_counts(const struct redis *r);

/* Sends a command. The arguments are copied before it returns. `deadline_ms` counts from now, 1 to 86,400,000.
 * ERR_UNAVAILABLE while not ready or while too much is under way (LIMIT_REDIS_PENDING, LIMIT_REDIS_OUT_BYTES),
 * ERR_TOO_LARGE over LIMIT_REDIS_ARGS or where it could never be sent, ERR_RANGE for the deadline, ERR_STATE on a
 * listener; then `fn` is not called. `fn` may be NULL. A deadline that passes closes the connection, because replies
 * come in order: everything under way is unknown then. So does a READONLY reply, once handed on: the primary has become
 * a replica. A permission that the user lacks is logged as well, at most once a second. */
int redis_command(struct redis *r, const struct redis_arg *args, size_t n_args, int64_t deadline_ms, redis_reply_fn fn,
                  void *arg) MUST_CHECK;

/* Turns this connection into a listener: subscribes now and after each reconnect, to at most LIMIT_REDIS_CHANNELS
 * channels, one call each (ERR_TOO_LARGE). Only for connections that send nothing else: ERR_STATE while commands are
 * under way. The channel is copied. What is published while the connection is away is lost. */
int redis_subscribe(struct redis *r, const char *channel, redis_message_fn fn, void *arg) MUST_CHECK;

/* Arguments. The pointers are borrowed until redis_command() returns. */
struct redis_arg redis_arg_str(const char *text);
struct redis_arg redis_arg_mem(const void *data, size_t len);
#define REDIS_I64_LEN (ENCODE_I64_LEN + 1)
/* Formats into `space`, which must live until redis_command() returns. */
struct redis_arg redis_arg_i64(int64_t value, char space[REDIS_I64_LEN]);

#endif
