/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of an exchange share: its life and its replies (exchange.c), who may (exchange_admit.c), the answer
 * (exchange_answer.c), and what many routes read of a request (exchange_query.c).
 */
#ifndef CARILLON_PRODUCER_EXCHANGE_PRIVATE_H
#define CARILLON_PRODUCER_EXCHANGE_PRIVATE_H

#include "producer/exchange.h"

struct exchange {
    struct api *api; /* borrowed */
    struct http_request *req; /* borrowed; NULL once over */
    unsigned holds; /* the request, each reply to come, and whoever is on the stack */
    bool is_answered;
    exchange_fn on_room; /* an answer in pieces is under way */
    exchange_over_fn over; /* of one that no request stands behind; NULL for any other */
    void *over_arg;
    enum access access;
    char batch_id[LIMIT_BATCH_ID_LEN + 1]; /* that the request is about; "" for none */
    exchange_fn run;
    exchange_fn run_whole; /* once the body is there; NULL where it was before */
    bool is_early; /* admitted, and its body is being read */
    struct ingest_stay *room; /* for that body; NULL: none */
    exchange_fn on_refused; /* in place of a 401; NULL for most routes */
    uint8_t key[DIGEST_SHA256_LEN]; /* SHA-256 of the API key */
    int64_t session_until_ms; /* of the dashboard's session that brought it; 0: a bearer token did */
    int64_t begun_us; /* monotonic */
    int64_t asked_us;
    struct identity who;
    struct quota *quota; /* its tenant's; NULL before the admission, and for an operator */
    struct quota_named exceeded; /* the quota that a script refused something for */
    void *state;
    void (*free_state)(void *state);
    exchange_guard_fn guard_fn;
    void *guard;
    void (*free_guard)(void *guard);
};

/* Reads the key's owner, from memory or from Redis, and runs what may be run; or answers. */
void exchange_authorize(struct exchange *x);
/* The end of one that no request stands behind. */
void exchange_end_own_with(struct exchange *x, int err);

#endif
