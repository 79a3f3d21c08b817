/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of a connection, shared by the files that make it: redis.c (replies, deadlines, the end), redis_command.c
 * (a command as callers give it), redis_connect.c (the states, the way to a connection and its loss), redis_sentinel.c,
 * redis_tls.c, redis_handshake.c (from connected to ready), redis_subscribe.c and script.c.
 */
#ifndef CARILLON_REDIS_REDIS_PRIVATE_H
#define CARILLON_REDIS_REDIS_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/bufferevent.h>
#include <event2/dns.h>
#include <hiredis/hiredis.h>

#include "common/base/heap.h"
#include "common/base/limits.h"
#include "common/loop/loop.h"
#include "common/redis/redis.h"
#include "common/redis/redis_sentinel.h"
#include "common/redis/redis_tls.h"
#include "common/redis/redis_url.h"
#include "common/redis/script.h"

/* In the order in which a connection walks through them; what a state has nothing to ask for is passed at once. */
enum redis_state {
    REDIS_STATE_WAITING, /* for the next attempt: the pause is its timer */
    REDIS_STATE_SENTINEL, /* who is the primary, for sentinel:// */
    REDIS_STATE_LOOKUP, /* of the host's name; its end pulls the timer, see redis_connect.c */
    REDIS_STATE_CONNECTING, /* TCP or Unix socket */
    REDIS_STATE_TLS, /* its handshake, for rediss:// */
    REDIS_STATE_AUTH, /* AUTH, before anything else */
    REDIS_STATE_SESSION, /* CLIENT SETNAME, SELECT */
    REDIS_STATE_ROLE, /* must be a primary */
    REDIS_STATE_POLICY, /* INFO memory: maxmemory-policy */
    REDIS_STATE_RUN_ID, /* INFO server */
    REDIS_STATE_SCRIPTS, /* SCRIPT LOAD of every script */
    REDIS_STATE_CHANNELS, /* SUBSCRIBE, of a listener */
    REDIS_STATE_READY,
    REDIS_STATE_FREED, /* redis_free() was called; the memory goes when no callback stands on it */
};
#define REDIS_STATE_COUNT (REDIS_STATE_FREED + 1)

#define REDIS_BACKOFF_MIN_US 50000
/* However long Redis was away: what waits for it shall not wait for us. A cell is closed for 14 s from the first
 * process that finds another Redis on, and shall be open 16 s after that Redis was ready (docs/failure-model.md). */
#define REDIS_BACKOFF_MAX_US 1000000
/* With Sentinel sooner: it names a promoted primary up to a second late. */
#define REDIS_BACKOFF_SENTINEL_MAX_US 500000
/* While ready, Sentinel is asked again after 1 to 2 s. Whoever stays with the old one for so long, and the second that
 * Sentinel is late, writes no longer a tail than is asked about (TAIL_MS of common/lua/lib/epoch.lua), and has left it
 * well within the 14 s in which a promoted primary lets nothing begin (docs/failure-model.md). */
#define REDIS_RECHECK_MIN_US 1000000
#define REDIS_RECHECK_MAX_US 2000000
#define REDIS_BACKOFF_RESET_US 10000000 /* ready for this long: the next loss begins with the shortest pause */
#define REDIS_RUN_ID_LEN 40
#define REDIS_SHA_LEN 40
#define REDIS_DETAIL_LEN 256
#define REDIS_NEVER_US INT64_MAX

/* A command under way. Replies come in the order of the queue; deadlines need not. */
struct redis_pending {
    STAILQ_ENTRY(redis_pending) next;
    int64_t deadline_us; /* clock_mono_us() */
    size_t place; /* in the heap of deadlines */
    redis_reply_fn fn; /* NULL: nobody wants to know */
    void *arg;
};

struct redis_channel {
    STAILQ_ENTRY(redis_channel) next;
    char *name;
    size_t name_len;
    redis_message_fn fn;
    void *arg;
};

struct redis_script {
    char sha[REDIS_SHA_LEN + 1]; /* "" before the first load */
    bool is_loading; /* a SCRIPT LOAD is under way on this connection */
};

struct redis_lookup;

struct redis {
    /* as configured, owned */
    struct redis_url url;
    struct redis_tls *tls; /* NULL: not over TLS */
    struct redis_sentinel *sentinel; /* NULL: not sentinel://; with it, url's address is what it told last */
    char *user;
    char *password;
    char *name;
    bool skip_checks;
    bool skip_scripts;
    int64_t connect_timeout_us;

    /* borrowed */
    struct loop *loop;
    redis_ready_fn on_ready;
    redis_down_fn on_down;
    void *arg;

    /* where it stands: `state` is written by redis_set_state() alone */
    enum redis_state state;
    struct loop_timer *timer; /* the only one: the pause, the handshake's end, the earliest deadline of a command */
    int64_t timer_at_us; /* what it is armed for, REDIS_NEVER_US where it is not */
    int64_t wake_us; /* when the pause ends, or the lookup did, or patience does */
    int64_t recheck_us; /* when Sentinel is asked again; REDIS_NEVER_US: not by Sentinel, or it is being asked */
    int64_t give_up_us; /* when this attempt must be ready */
    int64_t ready_since_us;
    unsigned attempts; /* since it was last ready for long: the length of the next pause, the address to try */
    size_t step_sent; /* commands that the present state of the handshake sent */
    size_t step_answered;
    enum redis_refusal reported; /* what on_down said last; NONE since it was ready */
    char detail[REDIS_DETAIL_LEN];
    char run_id[REDIS_RUN_ID_LEN + 1];

    /* the connection; all NULL or empty without one */
    struct evdns_base *dns;
    struct redis_lookup *lookup;
    struct bufferevent *bev;
    redisReader *reader;
    redisReplyObjectFunctions reader_fns;
    void *(*reader_create_array)(const redisReadTask *, int);
    int64_t tell_denied_us; /* before that, a permission that is lacking is not told again */
    bool has_answered; /* something came over this connection */
    size_t reply_bytes; /* fed to the reader since the last whole reply */
    STAILQ_HEAD(redis_queue, redis_pending) queue;
    struct heap *deadlines;

    /* kept over reconnects */
    STAILQ_HEAD(redis_channels, redis_channel) channels;
    size_t n_channels;
    struct redis_script scripts[LUA_SCRIPT_COUNT + 1]; /* one spare: there may be none */
    uint64_t commands_sent;
    struct redis_counts counts;
    script_time_fn script_time; /* NULL: nobody wants to know */
    void *script_time_arg;

    unsigned depth; /* callbacks of ours on the stack */
};

/* ---- redis.c ---- */

/* Callbacks run between these two: redis_free() inside them leaves the memory to the outermost redis_leave(), after
 * which `r` may be gone. */
void redis_enter(struct redis *r);
void redis_leave(struct redis *r);

/* Whether a caller's command of `len` bytes may be sent now. */
int redis_admit(const struct redis *r, size_t len) MUST_CHECK;
/* Sends a formatted command, whatever the state, and queues it. */
int redis_send(struct redis *r, const char *command, size_t len, int64_t deadline_us, redis_reply_fn fn,
               void *arg) MUST_CHECK;

/* Makes the reader of a new connection. */
int redis_reader_create(struct redis *r) MUST_CHECK;
/* What has arrived: replies to their commands, messages to their channels. */
void redis_read(struct bufferevent *bev, void *arg);
/* Answers everything under way: ERR_TIMEOUT where the deadline lies at or before `now_us`, ERR_CLOSED elsewhere. */
void redis_fail_pending(struct redis *r, int64_t now_us);
/* Makes sure that the timer fires when something is due in the present state; it may fire earlier. */
void redis_timer_update(struct redis *r);

/* ---- redis_command.c ---- */

/* `head` and `args`, one after the other, as one command in Redis's protocol, for the caller to free(). ERR_INVALID
 * without arguments, ERR_TOO_LARGE over LIMIT_REDIS_ARGS or LIMIT_REDIS_OUT_BYTES. */
int redis_format(const struct redis_arg *head, size_t n_head, const struct redis_arg *args, size_t n_args,
                 char **ret_command, size_t *ret_len) MUST_CHECK;
/* Formats and sends. */
int redis_send_args(struct redis *r, const struct redis_arg *args, size_t n_args, int64_t deadline_us,
                    redis_reply_fn fn, void *arg) MUST_CHECK;
/* The instant behind a caller's deadline_ms. ERR_RANGE. */
int redis_deadline(int64_t deadline_ms, int64_t *ret_deadline_us) MUST_CHECK;

/* ---- redis_connect.c ---- */

/* The only writer of `state`. Aborts on a transition that the table does not know: that is a fault of ours. */
void redis_set_state(struct redis *r, enum redis_state to);
/* What the timer stands for in the states before ready has come: the pause ended, the lookup ended, time ran out. */
void redis_wake(struct redis *r);
/* Asks Sentinel whether the primary that we are connected to still is the one. */
void redis_recheck(struct redis *r);
/* When to do so next: some time from now, or never. */
int64_t redis_next_recheck_us(const struct redis *r);
/* How a round of asking Sentinels ended: a redis_sentinel_fn, whose `arg` is the connection. */
void redis_sentinel_told(const struct redis_place *primary, void *arg);
/* Closes what there is of a connection; nothing is called back. */
void redis_disconnect(struct redis *r);
/* Gives the connection up, answers what was under way and waits for the next attempt. redis_explain() said why. */
void redis_lose(struct redis *r, enum redis_refusal why);
void redis_explain(struct redis *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The longest pause before attempt number `attempts` (from 0); the pause itself is a random part of it. */
int64_t redis_backoff_us(unsigned attempts);

/* Puts TLS between the socket and us; its end is an event of the connection. Explains a failure. */
int redis_secure(struct redis *r) MUST_CHECK;

/* ---- redis_handshake.c ---- */

/* Goes on to the next state that has something to ask, or to ready. */
void redis_handshake_walk(struct redis *r);
/* Explains an error reply to `what`, and tells what it means for the connection. */
enum redis_refusal redis_refuse(struct redis *r, const redisReply *reply, const char *what,
                                enum redis_refusal otherwise);

/* ---- redis_subscribe.c ---- */

int redis_channel_send(struct redis *r, const struct redis_channel *channel, int64_t deadline_us, redis_reply_fn fn,
                       void *arg) MUST_CHECK;
/* True where `reply` is a published message; it was handed on then. */
bool redis_channel_take(struct redis *r, const redisReply *reply);
void redis_channels_free(struct redis *r);

#endif
