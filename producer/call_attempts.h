/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /api/v1/call/{id}/attempts: one call and every dial of it: its slot, its begin, what came of it, and what
 * followed.
 */
#ifndef CARILLON_PRODUCER_CALL_ATTEMPTS_H
#define CARILLON_PRODUCER_CALL_ATTEMPTS_H

#include "common/http/server.h"

/* The route's on_complete; `arg` is the struct api. */
void call_attempts(struct http_request *req, void *arg);

#endif
