/* SPDX-License-Identifier: Apache-2.0
 *
 * The endpoint or the delivery that a path names, and the answers where there is none.
 */
#ifndef CARILLON_PRODUCER_WEBHOOK_PATH_H
#define CARILLON_PRODUCER_WEBHOOK_PATH_H

#include "producer/exchange.h"

/* The path's {id}; answers 404 and gives NULL where it cannot be one. Borrowed. */
const char *webhook_path_endpoint(struct exchange *x);
const char *webhook_path_delivery(struct exchange *x);

/* Answers 404 for ERR_NOT_FOUND, and what exchange_fail() does for any other error. */
void webhook_fail_endpoint(struct exchange *x, int err);
void webhook_fail_delivery(struct exchange *x, int err);
/* 409: nothing is sent to a disabled endpoint. */
void webhook_refuse_disabled(struct exchange *x);

#endif
