/* SPDX-License-Identifier: Apache-2.0
 *
 * What a tenant asks its webhooks for: one delivery again, all that died since an instant, a test.
 */
#ifndef CARILLON_PRODUCER_WEBHOOK_AGAIN_H
#define CARILLON_PRODUCER_WEBHOOK_AGAIN_H

#include "common/http/server.h"

/* Handlers of POST /api/v1/webhooks/deliveries/{id}/redeliver, /endpoints/{id}/recover and /endpoints/{id}/test; `arg`
 * is the struct api. */
void webhook_redeliver(struct http_request *req, void *arg);
void webhook_recover(struct http_request *req, void *arg);
void webhook_test(struct http_request *req, void *arg);

#endif
