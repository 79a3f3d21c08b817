/* SPDX-License-Identifier: Apache-2.0
 *
 * What became of a tenant's webhooks: a list, and one with every attempt.
 */
#ifndef CARILLON_PRODUCER_WEBHOOK_DELIVERIES_H
#define CARILLON_PRODUCER_WEBHOOK_DELIVERIES_H

#include "common/http/server.h"

/* Handlers of GET /api/v1/webhooks/deliveries and .../{id}; `arg` is the struct api. */
void webhook_deliveries_list(struct http_request *req, void *arg);
void webhook_deliveries_show(struct http_request *req, void *arg);

#endif
