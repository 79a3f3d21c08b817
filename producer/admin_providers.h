/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /api/v1/admin/providers: the profiles of platforms that come with Carillon, what a trunk must be given for each,
 * and what the platform can. An http_route's on_complete; `arg` is the struct api.
 */
#ifndef CARILLON_PRODUCER_ADMIN_PROVIDERS_H
#define CARILLON_PRODUCER_ADMIN_PROVIDERS_H

#include "common/http/server.h"

void admin_providers_list(struct http_request *req, void *arg);

#endif
