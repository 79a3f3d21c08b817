/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /api/v1/batch/{id}/calls/export?format=&status=&outcome=: a batch's calls with their contacts, as CSV or as lines
 * of JSON. The answer streams: LIMIT_EXPORT_ROWS calls are read whenever the client has taken those before them.
 */
#ifndef CARILLON_PRODUCER_CALL_EXPORT_H
#define CARILLON_PRODUCER_CALL_EXPORT_H

#include "common/http/server.h"

/* The route's on_complete; `arg` is the struct api. */
void call_export(struct http_request *req, void *arg);

#endif
