/* SPDX-License-Identifier: Apache-2.0
 *
 * What a verb of the command line tool works with: its options, its loop, and one question at a time to Redis. The loop
 * runs inside each call until the answer is there; that is right for a tool and for nothing else.
 */
#ifndef CARILLON_PRODUCER_CLI_SESSION_H
#define CARILLON_PRODUCER_CLI_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/conf/conf.h"
#include "common/loop/loop.h"
#include "common/redis/redis.h"
#include "common/redis/script.h"
#include "producer/cli/exit.h"

struct session;

int session_create(const struct conf *conf, struct session **ret_session) MUST_CHECK;
/* Accepts NULL. */
void session_free(struct session *s);
const struct conf *session_conf(const struct session *s);
/* --json: answers are JSON. */
bool session_is_json(const struct session *s);
/* --cell, or the one that session_enter() chose. */
const char *session_cell(const struct session *s);
/* Another cell than --cell from now on; borrowed. */
void session_enter(struct session *s, const char *cell);

/* ---- waiting ---- */

struct loop *session_loop(struct session *s);
/* Runs the loop until `done`. ERR_TIMEOUT where the time is up before, or a signal came. */
int session_wait(struct session *s, const bool *done, int64_t timeout_ms) MUST_CHECK;
/* Lets that much time pass, or less where a signal comes. */
int session_pause(struct session *s, int64_t ms) MUST_CHECK;
/* From now on SIGINT and SIGTERM end what waits instead of the process. */
int session_catch_signals(struct session *s) MUST_CHECK;
/* The signal that came; 0 for none. */
int session_signal(const struct session *s);

/* ---- Redis ---- */

/* Connects to --redis-url, unless that is done, and looks at --cell: another schema than ours is refused
 * (CLI_CONFIGURATION). With `will_write` an empty cell is given our schema. Says on stderr what is wrong. */
enum cli_exit session_open_cell(struct session *s, bool will_write) MUST_CHECK;
/* After session_open_cell(): CLI_FAILED, with a complaint, where the cell was empty, so that a mistyped name is not
 * taken for a cell at rest. */
enum cli_exit session_need_cell(const struct session *s) MUST_CHECK;
/* Of the Redis that session_open_cell() connected to. */
const char *session_run_id(const struct session *s);

/* Takes the answer; what it returns is what the call returns. `reply` lives only inside. */
typedef int (*session_reply_fn)(const struct redisReply *reply, void *arg);

/* One command, or one script of --cell. `fn` may be NULL. An error reply is returned as its ERR_*, without a call of
 * `fn`. What goes wrong is printed on stderr, but for ERR_EXISTS, ERR_NOT_FOUND and ERR_STATE, and an error reply's
 * ERR_TOO_LARGE: these mean something to the caller. */
int session_command(struct session *s, const struct redis_arg *args, size_t n, session_reply_fn fn,
                    void *arg) MUST_CHECK;
int session_script(struct session *s, enum lua_script script, const struct redis_arg *args, size_t n,
                   session_reply_fn fn, void *arg) MUST_CHECK;
/* The connection itself, for what asks many things at once; NULL where there is none. It connects again by itself. */
struct redis *session_redis(struct session *s);
/* Ends the connection: what is under way is answered with ERR_CLOSED inside this call. */
void session_drop_redis(struct session *s);

/* The same in the directory. */
int session_script_dir(struct session *s, enum lua_script script, const struct redis_arg *args, size_t n,
                       session_reply_fn fn, void *arg) MUST_CHECK;

#endif
