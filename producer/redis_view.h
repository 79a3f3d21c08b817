/* SPDX-License-Identifier: Apache-2.0
 *
 * How Redis itself is, for operators: what INFO tells, as JSON.
 */
#ifndef CARILLON_PRODUCER_REDIS_VIEW_H
#define CARILLON_PRODUCER_REDIS_VIEW_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "common/base/err.h"

struct redisReply;

/* The sections of INFO that it is made of. */
#define REDIS_VIEW_SECTIONS "server", "clients", "memory", "persistence", "stats", "replication"

/* {version, role, uptimeSeconds, roundTripUs, ...}; the caller owns it. A number that Redis does not tell is
 * null, a text "unknown". `round_trip_us`: how long a command was on its way and back. ERR_NOMEM. */
int redis_view_json(const struct redisReply *info, int64_t round_trip_us, cJSON **ret_json) MUST_CHECK;

#endif
