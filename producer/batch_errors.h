/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /api/v1/batch/{id}/errors: the rows that a batch did not take, and why.
 */
#ifndef CARILLON_PRODUCER_BATCH_ERRORS_H
#define CARILLON_PRODUCER_BATCH_ERRORS_H

#include "common/http/server.h"

/* A route's on_complete; `arg` is the struct api. */
void batch_errors(struct http_request *req, void *arg);

#endif
