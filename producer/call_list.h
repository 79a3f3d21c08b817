/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /api/v1/batch/{id}/calls?status=&outcome=&limit=&cursor=: a batch's calls one by one, by their place in it. A
 * filter looks at LIMIT_LIST_SCAN of them for one answer: a page may be short, even empty, and have a nextCursor.
 */
#ifndef CARILLON_PRODUCER_CALL_LIST_H
#define CARILLON_PRODUCER_CALL_LIST_H

#include "common/http/server.h"

/* The route's on_complete; `arg` is the struct api. */
void call_list(struct http_request *req, void *arg);

#endif
