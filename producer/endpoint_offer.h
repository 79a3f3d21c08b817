/* SPDX-License-Identifier: Apache-2.0
 *
 * A webhook endpoint as it is offered to hook_endpoint.lua: its origin, its id, and a secret, sealed.
 */
#ifndef CARILLON_PRODUCER_ENDPOINT_OFFER_H
#define CARILLON_PRODUCER_ENDPOINT_OFFER_H

#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/base/seal.h"
#include "common/domain/endpoint.h"
#include "common/domain/options.h"
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
/* A new secret for the endpoint of that id; `origin` stays empty. ERR_NOMEM; ERR_INVALID where it is no endpoint's id.
 */
int endpoint_offer_renew(const struct seal_keys *keys, const char *id, struct endpoint_offer *ret_offer) MUST_CHECK;
/* Wipes the secret and frees. */
void endpoint_offer_free(struct endpoint_offer *offer);

/* The three arguments of "create", borrowed from `offer`. */
void endpoint_offer_args(const struct endpoint_offer *offer, struct redis_arg args[3]);

/* Those of a batch's URLs, one for each origin. */
#define ENDPOINT_OFFERS_MAX 5
#define ENDPOINT_OFFERS_ARGS (3 + 3 * ENDPOINT_OFFERS_MAX)

struct endpoint_offers {
    struct endpoint_offer items[ENDPOINT_OFFERS_MAX];
    size_t n;
    char most[REDIS_I64_LEN]; /* LIMIT_ENDPOINTS_PER_TENANT, as an argument */
};

/* Adds to `offers`, all zeros at first, which the caller frees whatever comes of it. ERR_NOMEM, ERR_INVALID. */
int endpoint_offers_make(const struct seal_keys *keys, const char *tenant, const struct batch_options *o,
                         struct endpoint_offers *offers) MUST_CHECK;
void endpoint_offers_free(struct endpoint_offers *offers);

/* All arguments of hook_endpoint.lua's "create", borrowed from `offers` and `tenant`. How many. */
size_t endpoint_offers_args(struct endpoint_offers *offers, const char *tenant,
                            struct redis_arg args[ENDPOINT_OFFERS_ARGS]);

#endif
