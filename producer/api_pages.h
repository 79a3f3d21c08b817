/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /openapi.yaml and GET /docs: the API's description, for programs and for people, as it was when this was built
 * (docs/openapi.yaml, producer/web). They want no key.
 */
#ifndef CARILLON_PRODUCER_API_PAGES_H
#define CARILLON_PRODUCER_API_PAGES_H

#include "common/http/server.h"

/* Handlers of http_route, whose argument is a struct api. */
void api_pages_yaml(struct http_request *req, void *arg);
void api_pages_html(struct http_request *req, void *arg);

#endif
