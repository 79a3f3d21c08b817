/* SPDX-License-Identifier: Apache-2.0
 *
 * Delivers callbacks over HTTP: each is tried at once and, where the answer is not 2xx within 10 s, up to three times
 * more, as Retell documents it (docs.retellai.com, "Webhook Overview"). Every try is a line of the witness.
 */
#ifndef CARILLON_CARRIER_COURIER_H
#define CARILLON_CARRIER_COURIER_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/loop/loop.h"
#include "tests/carrier/call.h"
#include "tests/carrier/witness.h"

struct courier;

/* What a front puts on its letters. Borrowed for the courier's life. */
struct courier_style {
    const char *content_type;
    const char *signature_header;
    /* Appends the header's value for a body that is sent now. */
    int (*sign)(const char *body, size_t len, struct buf *out, void *arg);
    /* The first try of a letter is over, whatever came of it. From the loop. */
    void (*on_first_try)(struct call *call, const char *event, void *arg);
    void *arg;
};

/* `witness` may be NULL. */
int courier_create(struct loop *loop, const struct courier_style *style, struct witness *witness,
                   struct courier **ret_courier) MUST_CHECK;
/* Drops what is under way. Accepts NULL. */
void courier_free(struct courier *c);

struct courier_letter {
    struct call *call; /* held until the letter is delivered or given up */
    const char *url;
    const char *event; /* borrowed for ever */
    const char *body;
    size_t len;
    unsigned copies; /* how many times it is delivered, one after the other */
};

/* Takes a letter; url and body are copied. ERR_NOMEM where too many wait. */
int courier_send(struct courier *c, const struct courier_letter *letter) MUST_CHECK;

#endif
