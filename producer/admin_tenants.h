/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/v1/admin/tenants, for operators. Each is an http_route's on_complete; `arg` is the struct api.
 */
#ifndef CARILLON_PRODUCER_ADMIN_TENANTS_H
#define CARILLON_PRODUCER_ADMIN_TENANTS_H

#include "common/http/server.h"

void admin_tenants_list(struct http_request *req, void *arg);
void admin_tenants_show(struct http_request *req, void *arg);
void admin_tenants_create(struct http_request *req, void *arg);
void admin_tenants_change(struct http_request *req, void *arg);

#endif
