/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/v1/webhooks/endpoints: a tenant's endpoints, one for each origin of its URLs, and the secrets that sign what is
 * sent there. Each is an http_route's on_complete; `arg` is the struct api.
 */
#ifndef CARILLON_PRODUCER_WEBHOOKS_H
#define CARILLON_PRODUCER_WEBHOOKS_H

#include "common/http/server.h"

/* GET: without the secrets. */
void webhooks_list(struct http_request *req, void *arg);
/* PUT {url | origin, secret?}: makes the endpoint, or gives it another secret, which is told this once. */
void webhooks_put(struct http_request *req, void *arg);

#endif
