/* SPDX-License-Identifier: Apache-2.0
 *
 * PATCH /api/v1/batch/{id}: changes the settings of a batch that has not ended, all that are named or none, under
 * If-Match where the client sends one.
 */
#ifndef CARILLON_PRODUCER_BATCH_PATCH_H
#define CARILLON_PRODUCER_BATCH_PATCH_H

struct http_request;

void batch_patch(struct http_request *req, void *arg);

#endif
