/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /api/v1/admin/fleet: who is there, how the cells are, and how Redis is.
 */
#ifndef CARILLON_PRODUCER_ADMIN_FLEET_H
#define CARILLON_PRODUCER_ADMIN_FLEET_H

#include "common/http/server.h"

/* An http_route's on_complete; `arg` is the struct api. */
void admin_fleet(struct http_request *req, void *arg);

#endif
