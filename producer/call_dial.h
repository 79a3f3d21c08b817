/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /api/v1/call/dial: one call, now. Behind it is a batch of one contact, ahead of the tenant's others, that no
 * list of batches shows unless it is asked to.
 */
#ifndef CARILLON_PRODUCER_CALL_DIAL_H
#define CARILLON_PRODUCER_CALL_DIAL_H

struct http_request;

void call_dial(struct http_request *req, void *arg);

#endif
