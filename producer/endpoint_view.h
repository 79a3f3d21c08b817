/* SPDX-License-Identifier: Apache-2.0
 *
 * A webhook endpoint as its tenant sees it: where it leads, how it is, what waits for it. Never its secret.
 */
#ifndef CARILLON_PRODUCER_ENDPOINT_VIEW_H
#define CARILLON_PRODUCER_ENDPOINT_VIEW_H

#include <cjson/cJSON.h>

struct redisReply;

/* `pair`: as hook_endpoint.lua's "list" and "show" tell one. The caller frees it. NULL where memory ran out, or the
 * pair is of another form. */
cJSON *endpoint_view(const struct redisReply *pair);

#endif
