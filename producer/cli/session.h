/* SPDX-License-Identifier: Apache-2.0
 *
 * What a verb of the command line tool works with: its options, and one question at a time to Redis or to the producer.
 * The loop runs inside each call until the answer is there; that is right for a tool and for nothing else.
 */
#ifndef CARILLON_PRODUCER_CLI_SESSION_H
#define CARILLON_PRODUCER_CLI_SESSION_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/conf/conf.h"
#include "common/redis/redis.h"
#include "common/redis/script.h"

/* Exit codes (contract: operators' scripts rely on them). */
enum cli_exit { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_CONFIGURATION = 3, CLI_NO_REDIS = 4 };

struct session;

int session_create(const struct conf *conf, struct session **ret_session) MUST_CHECK;
/* Accepts NULL. */
void session_free(struct session *s);
const struct conf *session_conf(const struct session *s);
/* --json: answers are JSON, one value. */
bool session_is_json(const struct session *s);

/* ---- Redis ---- */

/* Connects to --redis-url, once. On failure says why on stderr and returns an ERR_*; CLI_NO_REDIS is the exit code. */
int session_redis_open(struct session *s) MUST_CHECK;
const char *session_redis_run_id(const struct session *s);

/* Takes the answer; what it returns is what the call returns. `reply` lives only inside. */
typedef int (*session_reply_fn)(const struct redisReply *reply, void *arg);

/* One command, or one script of a cell. An error reply is printed on stderr and returned as its ERR_*, without a call
 * of `fn` (may be NULL). */
int session_command(struct session *s, const struct redis_arg *args, size_t n, session_reply_fn fn,
                    void *arg) MUST_CHECK;
int session_script(struct session *s, enum lua_script script, const char *cell, const struct redis_arg *args, size_t n,
                   session_reply_fn fn, void *arg) MUST_CHECK;

/* ---- the producer ---- */

/* An answer; freed by session_answer_clear(). */
struct session_answer {
    int status;
    cJSON *body; /* NULL where it was not JSON */
};

/* One request to --url with the key of --api-key-file. `body` NULL: none. 0 where an answer came, whatever its status;
 * otherwise the reason is printed on stderr. */
int session_http(struct session *s, const char *method, const char *path, const char *body, size_t len,
                 struct session_answer *ret_answer) MUST_CHECK;
void session_answer_clear(struct session_answer *answer);
/* Prints an error answer for people: its message and each field's faults. */
void session_print_error(const struct session_answer *answer);
/* Prints a JSON value on stdout, one line. */
void session_print_json(const cJSON *value);

/* Waits; the loop goes on. */
int session_pause(struct session *s, int64_t ms) MUST_CHECK;

#endif
