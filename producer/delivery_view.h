/* SPDX-License-Identifier: Apache-2.0
 *
 * A webhook's delivery and its attempts as their tenant sees them.
 */
#ifndef CARILLON_PRODUCER_DELIVERY_VIEW_H
#define CARILLON_PRODUCER_DELIVERY_VIEW_H

#include <cjson/cJSON.h>

struct redisReply;

/* `fields`: of the delivery, as hook_deliveries.lua tells them. The caller frees it. NULL where memory ran out. */
cJSON *delivery_view(const char *id, const struct redisReply *fields);
/* One line of the attempt log. The same. */
cJSON *delivery_view_attempt(const struct redisReply *line);

#endif
