/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /api/v1/admin/stop and /start {"cell": id} or {"tenant": id} or {"trunk": id}, for operators: nothing new begins
 * within a second of a stop, and what is on the line comes to its end. Each is an http_route's on_complete; `arg` is
 * the struct api.
 */
#ifndef CARILLON_PRODUCER_ADMIN_STATE_H
#define CARILLON_PRODUCER_ADMIN_STATE_H

#include "common/http/server.h"

void admin_state_stop(struct http_request *req, void *arg);
void admin_state_start(struct http_request *req, void *arg);

#endif
