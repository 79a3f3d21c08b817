/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /api/v1/batch/{id}/redial: a new batch of the contacts of an ended one that nobody spoke to.
 */
#ifndef CARILLON_PRODUCER_BATCH_REDIAL_H
#define CARILLON_PRODUCER_BATCH_REDIAL_H

struct http_request;

void batch_redial(struct http_request *req, void *arg);

#endif
