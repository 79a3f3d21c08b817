/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /api/v1/batch: the callbacks of its route. The body is read while it arrives; nothing is written before all of
 * it is judged; the answer is given when Redis holds everything.
 */
#ifndef CARILLON_PRODUCER_BATCH_CREATE_H
#define CARILLON_PRODUCER_BATCH_CREATE_H

#include <stddef.h>

#include "common/http/server.h"

/* `arg` of each is the struct api. */
void batch_create_headers(struct http_request *req, void *arg);
void batch_create_body(struct http_request *req, const char *data, size_t len, void *arg);
void batch_create_complete(struct http_request *req, void *arg);

#endif
