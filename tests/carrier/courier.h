/* SPDX-License-Identifier: Apache-2.0
 *
 * Delivers callbacks over HTTP: each is tried at once and, where the answer is not 2xx, again, as often as its letter
 * says. Every try is a line of the witness.
 */
#ifndef CARILLON_CARRIER_COURIER_H
#define CARILLON_CARRIER_COURIER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/loop/loop.h"
#include "tests/carrier/call.h"
#include "tests/carrier/witness.h"

struct courier;

/* What is tried again. */
#define COURIER_RETRY_CONNECT 1u /* no connection, or one that broke */
#define COURIER_RETRY_TIMEOUT 2u
#define COURIER_RETRY_4XX 4u
#define COURIER_RETRY_5XX 8u
#define COURIER_RETRY_OTHER 16u /* another answer that is not a 2xx */
#define COURIER_RETRY_ANY 31u

struct courier_letter {
    struct call *call; /* held until the letter is delivered or given up */
    const char *method; /* "POST" or "GET"; borrowed for ever, as is event */
    const char *url;
    const char *event;
    const char *body;
    size_t len;
    int64_t timeout_ms; /* of one try */
    unsigned copies; /* how many times it is delivered, one after the other */
    unsigned tries; /* of each copy, at most; from 1 */
    unsigned retry_on; /* COURIER_RETRY_* */
};

/* What a front puts on its letters. Borrowed for the courier's life. */
struct courier_style {
    const char *content_type;
    const char *signature_header;
    const char *id_header; /* carries an id of the letter, the same on each try; NULL: none */
    /* Appends the signature header's value for a letter that is sent now. */
    int (*sign)(const struct courier_letter *letter, struct buf *out, void *arg);
    /* The first try of a letter is over, whatever came of it. From the loop. */
    void (*on_first_try)(struct call *call, const char *event, void *arg);
    void *arg;
};

/* `witness` may be NULL. */
int courier_create(struct loop *loop, const struct courier_style *style, struct witness *witness,
                   struct courier **ret_courier) MUST_CHECK;
/* Drops what is under way. Accepts NULL. */
void courier_free(struct courier *c);

/* Takes a letter; url and body are copied. ERR_NOMEM where too many wait. */
int courier_send(struct courier *c, const struct courier_letter *letter) MUST_CHECK;

#endif
