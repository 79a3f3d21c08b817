/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/v1/admin/trunks, for operators. Each is an http_route's on_complete; `arg` is the struct api. A
 * credential that a body holds is sealed before anything is sent on, and never shown or logged.
 */
#ifndef CARILLON_PRODUCER_ADMIN_TRUNKS_H
#define CARILLON_PRODUCER_ADMIN_TRUNKS_H

#include "common/http/server.h"

void admin_trunks_list(struct http_request *req, void *arg);
void admin_trunks_show(struct http_request *req, void *arg);
void admin_trunks_create(struct http_request *req, void *arg);
void admin_trunks_change(struct http_request *req, void *arg);

#endif
