/* SPDX-License-Identifier: Apache-2.0
 *
 * One webhook endpoint: GET, PATCH, and another secret with a grace period for the one before.
 */
#ifndef CARILLON_PRODUCER_WEBHOOK_CHANGE_H
#define CARILLON_PRODUCER_WEBHOOK_CHANGE_H

#include "common/http/server.h"

/* Handlers of /api/v1/webhooks/endpoints/{id} and .../secret/rotate; `arg` is the struct api. */
void webhook_show(struct http_request *req, void *arg);
void webhook_change(struct http_request *req, void *arg);
void webhook_rotate(struct http_request *req, void *arg);

#endif
