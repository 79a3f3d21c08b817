/* SPDX-License-Identifier: Apache-2.0
 *
 * One request, from its authorization to its answer, and the Redis replies that it waits for. An exchange outlives its
 * HTTP request where replies are still to come; those are then dropped. Handlers are continuations: each function sends
 * commands, or answers, and returns.
 */
#ifndef CARILLON_PRODUCER_EXCHANGE_H
#define CARILLON_PRODUCER_EXCHANGE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/domain/faults.h"
#include "common/http/server.h"
#include "common/redis/script.h"
#include "producer/api.h"
#include "producer/identity.h"

struct exchange;

/* What a route does with what is a tenant's. _ANY: an operator is admitted too, whose identity names no tenant, and the
 * first cell that this process serves. _OPERATOR: nobody else is. */
enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_READ_ANY, ACCESS_WRITE_ANY, ACCESS_OPERATOR };

typedef void (*exchange_fn)(struct exchange *x);

/* Begins an exchange for `req` and attaches it, so that exchange_gone() must be the route's on_gone. Reads the API key,
 * or the dashboard's session, asks Redis about it where needed, checks role, cell and the query's userId, and calls
 * `run`, at once or later; or answers 401, 403 or 503 itself. `run` is never called for a request that is over. Returns
 * NULL where memory ran out, which it has answered too. */
struct exchange *exchange_begin(struct api *api, struct http_request *req, enum access access, exchange_fn run);
/* An http_route's on_headers in place of that, for a body of up to LIMIT_EARLY_BODY_BYTES that nobody without a key is
 * to have held here: it waits in the socket until the request is admitted, and has room among all bodies that are held
 * (503 BUSY where there is none). `run` is called by exchange_run_whole(), the route's on_complete. */
void exchange_begin_early(struct api *api, struct http_request *req, enum access access, exchange_fn run);
void exchange_run_whole(struct http_request *req, void *arg);
/* The same as exchange_begin() without a key as yet, for a route whose body holds it: exchange_use_key() goes on with
 * that. */
struct exchange *exchange_begin_keyless(struct api *api, struct http_request *req, enum access access, exchange_fn run);
void exchange_use_key(struct exchange *x, const uint8_t key[DIGEST_SHA256_LEN]);
/* The same with the key that the request brings, as exchange_begin() takes it. */
void exchange_use_request_key(struct exchange *x);
/* What answers in place of a 401, where the key opens nothing or there is none. */
void exchange_on_refused(struct exchange *x, exchange_fn fn);
/* An http_route's on_gone. */
void exchange_gone(struct http_request *req, void *arg);

struct api *exchange_api(const struct exchange *x);
/* Valid from `run` on. */
const struct identity *exchange_identity(const struct exchange *x);
#define EXCHANGE_KEY_ID_LEN 20
/* The id of the API key that asks, which is the beginning of its hash (common/lua/lib/directory.lua). */
void exchange_key_id(const struct exchange *x, char ret_id[EXCHANGE_KEY_ID_LEN + 1]);
/* The end of the dashboard's session that the request came by; 0 where it brought its key itself. */
int64_t exchange_session_until_ms(const struct exchange *x);
/* The request; NULL once it is over. */
struct http_request *exchange_request(const struct exchange *x);
/* True as long as an answer can be given and none was. */
bool exchange_is_open(const struct exchange *x);

/* The handler's own state. `free_state` is called when the last reply is in and the request is over, or when another
 * state takes its place. */
void exchange_keep(struct exchange *x, void *state, void (*free_state)(void *state));
void *exchange_kept(const struct exchange *x);

/* ---- Redis ---- */

/* A reply. `err` is 0; or what an error reply stands for; or, with `reply` NULL, ERR_CLOSED or ERR_TIMEOUT: not known
 * whether it was done. Only called while the exchange is open; `arg` must live as long as that. */
typedef void (*exchange_reply_fn)(struct exchange *x, const struct redisReply *reply, int err, void *arg);

/* Sends a command, or runs a script of the tenant's cell. ERR_UNAVAILABLE where it cannot be sent, ERR_NOMEM; then `fn`
 * is not called. */
int exchange_command(struct exchange *x, const struct redis_arg *args, size_t n, exchange_reply_fn fn,
                     void *arg) MUST_CHECK;
int exchange_script(struct exchange *x, enum lua_script script, const struct redis_arg *args, size_t n,
                    exchange_reply_fn fn, void *arg) MUST_CHECK;
/* The same in a cell of the caller's choice. */
int exchange_script_in(struct exchange *x, const char *cell, enum lua_script script, const struct redis_arg *args,
                       size_t n, exchange_reply_fn fn, void *arg) MUST_CHECK;
/* The same in the directory. */
int exchange_script_dir(struct exchange *x, enum lua_script script, const struct redis_arg *args, size_t n,
                        exchange_reply_fn fn, void *arg) MUST_CHECK;

/* ---- answering; each at most once, nothing where the exchange is not open ---- */

/* `body` is taken. */
void exchange_answer(struct exchange *x, int status, cJSON *body);
/* The same with a header of the route's own. */
void exchange_answer_with(struct exchange *x, int status, cJSON *body, struct http_header header);
/* 204. */
void exchange_answer_nothing(struct exchange *x);
/* The same with a header of the route's own. */
void exchange_answer_nothing_with(struct exchange *x, struct http_header header);
/* A page of a list: 200, with the header X-Next-Cursor. */
void exchange_answer_page(struct exchange *x, cJSON *body, const char *next_cursor);
/* Begins an answer of 200 that comes in pieces (http_request_stream()): `on_room` writes more, or ends it. Until it is
 * ended the exchange stays open; an answer given meanwhile breaks the connection, so that no client takes a part for
 * the whole. */
void exchange_stream(struct exchange *x, const char *content_type, const struct http_header *headers, size_t n_headers,
                     exchange_fn on_room);
/* Adds to it. ERR_NOMEM. */
int exchange_write(struct exchange *x, const void *data, size_t len) MUST_CHECK;
/* It is whole. */
void exchange_finish(struct exchange *x);
/* From now on it does not count among the tenant's requests under way: for an answer that has a bound of its own. */
void exchange_leave_quota(struct exchange *x);
/* What was answered to the same request before: JSON, with the header Idempotency-Replayed. */
void exchange_answer_kept(struct exchange *x, int status, const char *json, size_t len);
/* `details` is taken. */
void exchange_error(struct exchange *x, int status, const char *code, const char *message, cJSON *details);
/* One that passes by itself, though its status does not say so: with the header Retry-After. */
void exchange_error_again(struct exchange *x, int status, const char *code, const char *message, cJSON *details);
/* 429, worth asking again after so many seconds. */
void exchange_too_many(struct exchange *x, const char *code, const char *message, cJSON *details,
                       int64_t retry_after_s);
/* With words of its own for `error`. */
void exchange_error_named(struct exchange *x, int status, const char *error, const char *code, const char *message);
void exchange_faults(struct exchange *x, const struct faults *faults);
/* The same where anything was found, and gives false; true where nothing was. `faults` is freed. */
bool exchange_take_faults(struct exchange *x, struct faults *faults);
/* Of a body of which something was kept: `message` says what, and what is to be done. */
void exchange_faults_kept(struct exchange *x, const struct faults *faults, const char *message);
void exchange_bad_argument(struct exchange *x, const char *name, const char *message);
void exchange_not_found(struct exchange *x);
/* 401. */
void exchange_refuse_key(struct exchange *x);
/* 503 where `err` says that Redis is away, 429 where a script said that a quota is used up, 500 otherwise. */
void exchange_fail(struct exchange *x, int err);

/* ---- the producer's own: what it reads without a request, for what many requests share ---- */

/* It is over, and whoever began it may begin another: 0, or what stands for the answer that a request would have had:
 * ERR_DENIED (401, 403), ERR_NOT_FOUND, ERR_UNAVAILABLE (503), ERR_PROTOCOL (anything else). */
typedef void (*exchange_over_fn)(int err, void *arg);

/* Calls `run` now, as if a tenant's or viewer's request of `who` had been admitted. It ends with exchange_end_own(), or
 * with any of the answers above. `over` may be called from inside. ERR_NOMEM: neither is called. */
int exchange_begin_own(struct api *api, const struct identity *who, exchange_fn run, exchange_over_fn over,
                       void *arg) MUST_CHECK;
void exchange_end_own(struct exchange *x);
void *exchange_own_arg(const struct exchange *x);
/* Asks whether a key still opens what is a tenant's to read. `over` may be called from inside. ERR_NOMEM. */
int exchange_ask_key(struct api *api, const uint8_t key[DIGEST_SHA256_LEN], exchange_over_fn over,
                     void *arg) MUST_CHECK;
/* The SHA-256 of the request's key. */
const uint8_t *exchange_key(const struct exchange *x);

/* ---- before an answer is given (idempotency.h) ---- */

/* Sees the status of every answer before it is given, and the body of what exchange_answer() gives, NULL for any other.
 * True: it has taken the body, and will answer with it later. */
typedef bool (*exchange_guard_fn)(struct exchange *x, int status, cJSON *body, void *guard);
/* At most one for each exchange; `guard` is freed as the handler's own state is. */
void exchange_guard(struct exchange *x, exchange_guard_fn fn, void *guard, void (*free_guard)(void *guard));
/* The guard; NULL where there is none. */
void *exchange_guarded(const struct exchange *x);

/* ---- what many routes read ---- */

/* The batch that the path's {id}, or else the query's batchId, names; answers 400 or 404 and gives false where there is
 * none or it lies in another cell than the tenant. */
bool exchange_batch_id(struct exchange *x, char ret_id[LIMIT_BATCH_ID_LEN + 1]);
/* Answers 400 and gives false where the query holds an argument that is neither userId nor one of `names`, or one
 * twice: a misspelt argument must not be passed over as if it had been heeded. */
bool exchange_knows_query(struct exchange *x, const char *const *names, size_t n);
/* An argument that is "true" or "false"; false where absent. Answers 400 and gives false where it is anything else. */
bool exchange_flag(struct exchange *x, const char *name, bool *ret_flag);
/* Whether `user_id` names the tenant. */
bool exchange_is_user(const struct exchange *x, const char *user_id);

#endif
