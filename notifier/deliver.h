/* SPDX-License-Identifier: Apache-2.0
 *
 * One attempt: signs, sends, judges the answer.
 */
#ifndef CARILLON_NOTIFIER_DELIVER_H
#define CARILLON_NOTIFIER_DELIVER_H

#include <stddef.h>

#include "notifier/render.h"
#include "notifier/sign.h"

struct delivery;

/* What one request carries; borrowed for the call. */
struct deliver_content {
    struct render_text url;
    struct render_text body;
    const struct sign_key *keys; /* none: they could not be opened, and the delivery goes back */
    size_t n_keys;
};

/* Starts the attempt. Its result goes to report_add(), later or from inside this call. */
void deliver_start(struct delivery *delivery, const struct deliver_content *content);
/* Gives the delivery back unsent: this process is about to end. */
void deliver_return(struct delivery *delivery);
/* Frees one that is dropped with its cell, without a word to anybody. */
void deliver_drop(struct delivery *delivery);

#endif
