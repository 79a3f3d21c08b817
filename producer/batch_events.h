/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /api/v1/batch/{id}/events: a batch as it goes on, as server-sent events.
 */
#ifndef CARILLON_PRODUCER_BATCH_EVENTS_H
#define CARILLON_PRODUCER_BATCH_EVENTS_H

struct http_request;

void batch_events(struct http_request *req, void *arg);

#endif
