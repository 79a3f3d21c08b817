/* SPDX-License-Identifier: Apache-2.0
 *
 * Removing a webhook endpoint, with what waits for it.
 */
#ifndef CARILLON_PRODUCER_WEBHOOK_REMOVE_H
#define CARILLON_PRODUCER_WEBHOOK_REMOVE_H

#include "common/http/server.h"

/* Handler of DELETE /api/v1/webhooks/endpoints/{id}; `arg` is the struct api. */
void webhook_remove(struct http_request *req, void *arg);

#endif
