/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /api/v1/batch/{id}/retries: how many of a batch's retries wait, and when they are due.
 */
#ifndef CARILLON_PRODUCER_BATCH_RETRIES_H
#define CARILLON_PRODUCER_BATCH_RETRIES_H

#include "common/http/server.h"

/* An http_route's on_complete; `arg` is the struct api. */
void batch_retries(struct http_request *req, void *arg);

#endif
