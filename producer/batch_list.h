/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /api/v1/batch/list?limit=&cursor=: the tenant's batches, newest first, as the seed's bare array. Where more
 * follow, the header X-Next-Cursor holds what `cursor` takes, since an array has no place for it.
 */
#ifndef CARILLON_PRODUCER_BATCH_LIST_H
#define CARILLON_PRODUCER_BATCH_LIST_H

#include "common/http/server.h"

/* The route's on_complete; `arg` is the struct api. */
void batch_list(struct http_request *req, void *arg);

#endif
