/* SPDX-License-Identifier: Apache-2.0
 *
 * A webhook endpoint as it is offered to hook_endpoint.lua: its origin, its id, and a secret, sealed.
 */
#ifndef CARILLON_PRODUCER_ENDPOINT_OFFER_H
#define CARILLON_PRODUCER_ENDPOINT_OFFER_H

#include "common/base/err.h"
#include "common/base/seal.h"
#include "common/domain/endpoint.h"
#include "common/domain/webhook_url.h"
#include "common/redis/redis.h"

struct endpoint_offer {
    char origin[WEBHOOK_ORIGIN_LEN + 1];
    char id[ENDPOINT_ID_LEN + 1];
    char secret[ENDPOINT_SECRET_LEN + 1];
    char *sealed; /* owned */
};

/* `secret` NULL: one is made. It must be a valid one otherwise (endpoint_secret_key). ERR_NOMEM, ERR_INVALID. */
int endpoint_offer_make(const struct seal_keys *keys, const char *tenant, const char *origin, const char *secret,
                        struct endpoint_offer *ret_offer) MUST_CHECK;
/* Wipes the secret and frees. */
void endpoint_offer_free(struct endpoint_offer *offer);

/* The three arguments of "create", borrowed from `offer`. */
void endpoint_offer_args(const struct endpoint_offer *offer, struct redis_arg args[3]);

#endif
