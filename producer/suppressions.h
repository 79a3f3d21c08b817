/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/v1/suppressions: the numbers that must not be called. A tenant's key is about its own list, an operator's about
 * everybody's, which is kept in each cell that this process serves. Each is an http_route's on_complete; `arg` is the
 * struct api.
 */
#ifndef CARILLON_PRODUCER_SUPPRESSIONS_H
#define CARILLON_PRODUCER_SUPPRESSIONS_H

#include "common/http/server.h"

/* GET: a page of the list, or whether ?phoneNumber= is on it. */
void suppressions_list(struct http_request *req, void *arg);
/* An on_headers (exchange_begin_early()), as the next. PUT {phoneNumbers: [...]} */
void suppressions_put(struct http_request *req, void *arg);
/* DELETE {phoneNumbers: [...]} or ?phoneNumber= */
void suppressions_delete(struct http_request *req, void *arg);

#endif
