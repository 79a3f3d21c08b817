/* SPDX-License-Identifier: Apache-2.0
 *
 * The routes that tell how a batch is doing. Each is an http_route's on_complete; `arg` is the struct api.
 */
#ifndef CARILLON_PRODUCER_BATCH_READ_H
#define CARILLON_PRODUCER_BATCH_READ_H

#include "common/http/server.h"

/* GET /api/v1/batch/{id} and /api/v1/batch/{id}/status: statistics, performance, recent calls, and all the rest. */
void batch_read_one(struct http_request *req, void *arg);
/* GET /api/v1/batch/check-status?batchId=&limit=: the seed's form of it. */
void batch_read_check_status(struct http_request *req, void *arg);
/* GET /api/v1/status/batch?batchId=&limit=: the seed's list of calls. */
void batch_read_live(struct http_request *req, void *arg);

#endif
