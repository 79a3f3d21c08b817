/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/v1/admin/agents, for operators: the agents that a tenant's batches may name. Each is an http_route's
 * on_complete; `arg` is the struct api.
 */
#ifndef CARILLON_PRODUCER_ADMIN_AGENTS_H
#define CARILLON_PRODUCER_ADMIN_AGENTS_H

#include "common/http/server.h"

/* GET ?tenant= */
void admin_agents_list(struct http_request *req, void *arg);
/* An on_headers (exchange_begin_early()), as the next. PUT {tenant, agents: [{id, active}]} */
void admin_agents_put(struct http_request *req, void *arg);
/* DELETE {tenant, agentIds: [...]} */
void admin_agents_delete(struct http_request *req, void *arg);

#endif
