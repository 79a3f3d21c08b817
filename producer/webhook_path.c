/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/webhook_path.h"

#include <string.h>

#include "common/base/ident.h"
#include "common/domain/endpoint.h"
#include "common/domain/event.h"

void webhook_fail_endpoint(struct exchange *x, int err)
{
    if (err == ERR_NOT_FOUND)
        exchange_error(x, 404, "ENDPOINT_NOT_FOUND", "There is no such endpoint.", NULL);
    else
        exchange_fail(x, err);
}

void webhook_fail_delivery(struct exchange *x, int err)
{
    if (err == ERR_NOT_FOUND)
        exchange_error(x, 404, "DELIVERY_NOT_FOUND", "There is no such delivery, or its record is not kept any more.",
                       NULL);
    else
        exchange_fail(x, err);
}

const char *webhook_path_endpoint(struct exchange *x)
{
    const char *id = http_request_param(exchange_request(x), "id");
    if (id && ident_is_valid(id, strlen(id), ENDPOINT_ID_LEN))
        return id;
    webhook_fail_endpoint(x, ERR_NOT_FOUND);
    return NULL;
}

const char *webhook_path_delivery(struct exchange *x)
{
    const char *id = http_request_param(exchange_request(x), "id");
    if (id && ident_is_valid(id, strlen(id), EVENT_DELIVERY_ID_LEN))
        return id;
    webhook_fail_delivery(x, ERR_NOT_FOUND);
    return NULL;
}

void webhook_refuse_disabled(struct exchange *x)
{
    exchange_error(x, 409, "ENDPOINT_DISABLED", "The endpoint is disabled. Enable it first.", NULL);
}
