/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/endpoint_offer.h"

#include <stdlib.h>
#include <string.h>

static int copy(char *ret, size_t cap, const char *text)
{
    size_t len = strlen(text);
    if (len >= cap)
        return ERR_INVALID;
    memcpy(ret, text, len + 1);
    return 0;
}

int endpoint_offer_make(const struct seal_keys *keys, const char *tenant, const char *origin, const char *secret,
                        struct endpoint_offer *ret_offer)
{
    char context[ENDPOINT_CONTEXT_LEN + 1];
    struct endpoint_offer offer = {.sealed = NULL};
    int err = copy(offer.origin, sizeof offer.origin, origin);
    if (!err)
        err = endpoint_id_make(tenant, origin, offer.id);
    if (!err)
        err = secret ? copy(offer.secret, sizeof offer.secret, secret) : endpoint_secret_make(offer.secret);
    if (!err)
        err = endpoint_seal_context(offer.id, context);
    if (!err)
        err = seal_secret(keys, context, offer.secret, strlen(offer.secret), &offer.sealed);
    if (!err)
        *ret_offer = offer;
    explicit_bzero(offer.secret, sizeof offer.secret);
    return err;
}

int endpoint_offer_renew(const struct seal_keys *keys, const char *id, struct endpoint_offer *ret_offer)
{
    char context[ENDPOINT_CONTEXT_LEN + 1];
    struct endpoint_offer offer = {.sealed = NULL};
    int err = copy(offer.id, sizeof offer.id, id);
    if (!err)
        err = endpoint_seal_context(offer.id, context);
    if (!err)
        err = endpoint_secret_make(offer.secret);
    if (!err)
        err = seal_secret(keys, context, offer.secret, strlen(offer.secret), &offer.sealed);
    if (!err)
        *ret_offer = offer;
    explicit_bzero(offer.secret, sizeof offer.secret);
    return err;
}

void endpoint_offer_free(struct endpoint_offer *offer)
{
    free(offer->sealed);
    explicit_bzero(offer, sizeof *offer);
}

void endpoint_offer_args(const struct endpoint_offer *offer, struct redis_arg args[3])
{
    args[0] = redis_arg_str(offer->origin);
    args[1] = redis_arg_str(offer->id);
    args[2] = redis_arg_str(offer->sealed);
}

/* ---- a batch's ---- */

static int offer(const struct seal_keys *keys, const char *tenant, const char *text, struct endpoint_offers *offers)
{
    struct webhook_url url;
    if (!text)
        return 0;
    int err = webhook_url_parse(text, strlen(text), &url, NULL);
    if (err)
        return err;
    for (size_t i = 0; i < offers->n; i++) {
        if (strcmp(offers->items[i].origin, url.origin) == 0)
            return 0;
    }
    err = endpoint_offer_make(keys, tenant, url.origin, NULL, &offers->items[offers->n]);
    if (!err)
        offers->n++;
    return err;
}

int endpoint_offers_make(const struct seal_keys *keys, const char *tenant, const struct batch_options *o,
                         struct endpoint_offers *offers)
{
    const char *const urls[ENDPOINT_OFFERS_MAX] = {o->on_call_complete, o->on_call_attempt, o->on_batch_complete,
                                                   o->on_batch_failed, o->on_event};
    int err = 0;
    for (size_t i = 0; !err && i < ENDPOINT_OFFERS_MAX; i++)
        err = offer(keys, tenant, urls[i], offers);
    return err;
}

void endpoint_offers_free(struct endpoint_offers *offers)
{
    for (size_t i = 0; i < offers->n; i++)
        endpoint_offer_free(&offers->items[i]);
    offers->n = 0;
}

size_t endpoint_offers_args(struct endpoint_offers *offers, const char *tenant,
                            struct redis_arg args[ENDPOINT_OFFERS_ARGS])
{
    args[0] = redis_arg_str("create");
    args[1] = redis_arg_str(tenant);
    args[2] = redis_arg_i64(LIMIT_ENDPOINTS_PER_TENANT, offers->most);
    for (size_t i = 0; i < offers->n; i++)
        endpoint_offer_args(&offers->items[i], args + 3 + 3 * i);
    return 3 + 3 * offers->n;
}
