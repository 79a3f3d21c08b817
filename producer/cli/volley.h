/* SPDX-License-Identifier: Apache-2.0
 *
 * Many questions to Redis at once, where one after the other would take a round trip each. Nothing is printed.
 */
#ifndef CARILLON_PRODUCER_CLI_VOLLEY_H
#define CARILLON_PRODUCER_CLI_VOLLEY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "producer/cli/session.h"

/* A plain value; volley_wait() must have returned before it goes. */
struct volley {
    struct session *session; /* borrowed */
    size_t pending;
    int err; /* the first thing that went wrong with all of it */
    char problem[160]; /* what that was, for people; or what a single answer lacks; "" for nothing */
};

void volley_init(struct volley *v, struct session *s);
/* Sends one command, or one script of the session's cell. `fn` takes the answer from inside volley_wait(); what it
 * returns counts as wrong where it is negative. What goes wrong here is told by volley_wait(); that something is not
 * there (ERR_NOT_FOUND) is nothing wrong, and `fn` is not called. A single answer that makes no sense (ERR_PROTOCOL)
 * leaves the others as they are, and is told in `problem`. */
void volley_command(struct volley *v, const struct redis_arg *args, size_t n, session_reply_fn fn, void *arg);
void volley_script(struct volley *v, enum lua_script script, const struct redis_arg *args, size_t n,
                   session_reply_fn fn, void *arg);
/* Waits until all are answered, and gives the first error; the next volley may follow. Where a signal comes, or `stop`
 * (may be NULL) becomes true, the connection is ended, and it is ERR_CLOSED. */
int volley_wait(struct volley *v, const bool *stop) MUST_CHECK;

#endif
