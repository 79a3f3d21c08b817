/* SPDX-License-Identifier: Apache-2.0
 *
 * The routes that pause, resume and cancel a batch. Each is an http_route's on_complete; `arg` is the struct api.
 */
#ifndef CARILLON_PRODUCER_BATCH_CONTROL_H
#define CARILLON_PRODUCER_BATCH_CONTROL_H

#include "common/http/server.h"

/* POST /api/v1/batch/{id}/pause, /resume, /cancel */
void batch_control_pause(struct http_request *req, void *arg);
void batch_control_resume(struct http_request *req, void *arg);
void batch_control_cancel(struct http_request *req, void *arg);
/* POST /api/v1/batch/cancel?batchId=: the seed's form, which says "cancelled" at once. */
void batch_control_cancel_seed(struct http_request *req, void *arg);

#endif
