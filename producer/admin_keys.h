/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/v1/admin/keys, for operators: API keys are listed by their owner, made, replaced, revoked. A key itself is shown
 * in the answer that made it and nowhere else. Each is an http_route's on_complete; `arg` is the struct api.
 */
#ifndef CARILLON_PRODUCER_ADMIN_KEYS_H
#define CARILLON_PRODUCER_ADMIN_KEYS_H

#include "common/http/server.h"

void admin_keys_list(struct http_request *req, void *arg);
void admin_keys_create(struct http_request *req, void *arg);
void admin_keys_rotate(struct http_request *req, void *arg);
void admin_keys_revoke(struct http_request *req, void *arg);

#endif
