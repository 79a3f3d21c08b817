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
