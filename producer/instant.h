/* SPDX-License-Identifier: Apache-2.0
 *
 * Instants in answers: RFC 3339 in UTC with milliseconds, or null.
 */
#ifndef CARILLON_PRODUCER_INSTANT_H
#define CARILLON_PRODUCER_INSTANT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

struct redisReply;

/* Adds the instant, null where `ms` is 0. False where memory ran out, or `object` is NULL. */
bool instant_add(cJSON *object, const char *name, int64_t ms);
/* An instant of a reply; 0 where it is "". ERR_PROTOCOL for anything else. */
int instant_read(const struct redisReply *reply, int64_t *ret_ms) MUST_CHECK;

#endif
