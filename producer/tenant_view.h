/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /api/v1/tenant: the key's own tenant, its quotas, and what it uses of them.
 */
#ifndef CARILLON_PRODUCER_TENANT_VIEW_H
#define CARILLON_PRODUCER_TENANT_VIEW_H

#include "common/http/server.h"

void tenant_view(struct http_request *req, void *arg);

#endif
