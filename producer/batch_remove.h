/* SPDX-License-Identifier: Apache-2.0
 *
 * DELETE /api/v1/batch/{id}: an ended batch that is not to be kept as long as others.
 */
#ifndef CARILLON_PRODUCER_BATCH_REMOVE_H
#define CARILLON_PRODUCER_BATCH_REMOVE_H

struct http_request;

/* An http_route's on_complete. Answers 200; 409 where the batch has not ended. */
void batch_remove(struct http_request *req, void *arg);

#endif
