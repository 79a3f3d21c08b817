/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /api/v1/batch/{id}/why: what holds a batch back now, and until when, from its trunk to its calls.
 */
#ifndef CARILLON_PRODUCER_BATCH_WHY_H
#define CARILLON_PRODUCER_BATCH_WHY_H

#include "common/http/server.h"

/* An http_route's on_complete; `arg` is the struct api. */
void batch_why(struct http_request *req, void *arg);

#endif
