/* SPDX-License-Identifier: Apache-2.0
 *
 * How one call is doing: GET /api/v1/status/call in the seed's live shape, GET /api/v1/call/check-status with all that
 * is kept of it. Any call, those of batches too.
 */
#ifndef CARILLON_PRODUCER_CALL_STATUS_H
#define CARILLON_PRODUCER_CALL_STATUS_H

struct http_request;

void call_status_live(struct http_request *req, void *arg);
void call_status_check(struct http_request *req, void *arg);

#endif
