/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /api/v1/batch/{id}/why: what holds a batch back now, and until when, from its trunk to its calls. The same for
 * operators, of any tenant's batch: GET /api/v1/admin/batch/{id}/why.
 */
#ifndef CARILLON_PRODUCER_BATCH_WHY_H
#define CARILLON_PRODUCER_BATCH_WHY_H

#include "common/http/server.h"

/* Each an http_route's on_complete; `arg` is the struct api. */
void batch_why(struct http_request *req, void *arg);
void batch_why_any(struct http_request *req, void *arg);

#endif
