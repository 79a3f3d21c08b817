/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /api/v1/batch/list?tag=&status=&agentId=&from=&to=&limit=&cursor=: the tenant's batches, newest first, as the
 * seed's bare array. Where more may follow, the header X-Next-Cursor holds what `cursor` takes, since an array has no
 * place for it. `status` and `agentId` look at LIMIT_LIST batches for one answer: a page may be short, even empty, and
 * have a cursor.
 *
 * GET /api/v1/reports/tags?from=&to=&limit=&cursor=: the same batches, at most `limit` of them, summed up by tag.
 */
#ifndef CARILLON_PRODUCER_BATCH_LIST_H
#define CARILLON_PRODUCER_BATCH_LIST_H

#include "common/http/server.h"

/* The routes' on_complete; `arg` is the struct api. */
void batch_list(struct http_request *req, void *arg);
void batch_list_tags(struct http_request *req, void *arg);

#endif
