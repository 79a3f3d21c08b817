/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /api/v1/batch/{id}/start: a draft that is filled may dial.
 */
#ifndef CARILLON_PRODUCER_BATCH_START_H
#define CARILLON_PRODUCER_BATCH_START_H

#include "common/http/server.h"

/* A route's on_complete; `arg` is the struct api. */
void batch_start(struct http_request *req, void *arg);

#endif
