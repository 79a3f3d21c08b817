/* SPDX-License-Identifier: Apache-2.0
 *
 * The producer, asked one question at a time with the key of --api-key-file.
 */
#ifndef CARILLON_PRODUCER_CLI_API_CLIENT_H
#define CARILLON_PRODUCER_CLI_API_CLIENT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/http/client.h"
#include "producer/cli/exit.h"
#include "producer/cli/session.h"

struct api_client;

#define API_TIMEOUT_MS 30000 /* of a question that takes no longer than others */

/* Judges --url, and reads the key. Says on stderr what is wrong. Borrows `s`. */
enum cli_exit api_client_open(struct session *s, struct api_client **ret_client) MUST_CHECK;
/* Wipes the key. Accepts NULL. */
void api_client_close(struct api_client *c);

/* A conf_option's check of --url: http or https, a host, perhaps a path; no user, no query. */
int api_client_check_url(const char *text, const char **ret_why);

/* An answer; cleared by api_answer_clear(). */
struct api_answer {
    int status;
    cJSON *body; /* NULL where it was not JSON */
    int64_t retry_after_ms; /* what it says of when to come again; -1: nothing */
    bool is_replay; /* it was given before, to the same request */
};

struct api_request {
    const char *method, *path;
    const char *content_type; /* of the body; NULL: JSON */
    const char *idempotency_key; /* NULL: none */
    const void *body; /* NULL: none */
    size_t len;
    int64_t timeout_ms;
    bool is_repeatable; /* it does no harm where it reaches the wire twice */
};

/* One request. `body` NULL: none. 0 where an answer came, whatever its status. Otherwise ERR_UNAVAILABLE where there
 * was none, and api_client_problem() says why; ERR_NOMEM; ERR_TIMEOUT where a signal came. A POST reaches the wire at
 * most once. */
int api_client_ask(struct api_client *c, const char *method, const char *path, const char *body, size_t len,
                   int64_t timeout_ms, struct api_answer *ret_answer) MUST_CHECK;
/* The same of a request with more to it. */
int api_client_send(struct api_client *c, const struct api_request *request, struct api_answer *ret_answer) MUST_CHECK;
/* Whether the last request, which had no answer, may have reached the producer. */
bool api_client_was_sent(const struct api_client *c);
/* A GET whose answer may be of any length: of 2xx its body goes to `fn` piece by piece, and ret_answer->body is NULL.
 * Otherwise the same; ERR_UNAVAILABLE also where the body broke off. */
int api_client_fetch(struct api_client *c, const char *path, int64_t timeout_ms, http_data_fn fn, void *arg,
                     struct api_answer *ret_answer) MUST_CHECK;
/* A GET whose answer goes on for as long as there is something to tell, piece by piece like api_client_fetch()'s; with
 * the header Last-Event-ID unless `last_event_id` is "". ERR_UNAVAILABLE also after `quiet_ms` without a byte, and
 * where `fn` ended it. */
int api_client_follow(struct api_client *c, const char *path, const char *last_event_id, int64_t quiet_ms,
                      http_data_fn fn, void *arg, struct api_answer *ret_answer) MUST_CHECK;
/* Why the last one had no answer: words for people, borrowed. */
const char *api_client_problem(const struct api_client *c);
/* Complains that the last one had no answer. */
void api_client_complain(const struct api_client *c);

void api_answer_clear(struct api_answer *answer);
/* The answer is of that status and has a JSON body. */
bool api_answer_is(const struct api_answer *answer, int status);
/* A member of its body that is a string, or "". Borrowed. */
const char *api_answer_text(const struct api_answer *answer, const char *name);

/* Writes what people call the place of that path. */
typedef void (*api_place_fn)(const char *path, char *ret, size_t cap, void *arg);

/* Tells on stderr its warnings, the first of them, as api_answer_refusal() tells faults. */
void api_answer_warnings(const struct api_answer *answer, api_place_fn place_fn, void *arg);

/* Tells on stderr why the producer refused: its message and every field's faults, those at `place_fn` (NULL: the path
 * itself). With `as_json` its body goes to stdout too. */
void api_answer_refusal(const struct api_answer *answer, bool as_json, api_place_fn place_fn, void *arg);

#endif
