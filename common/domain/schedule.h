/* SPDX-License-Identifier: Apache-2.0
 *
 * When a batch starts, and when it expires. A time with an offset (or Z) is that instant; without one it is wall time
 * in the batch's zone.
 */
#ifndef CARILLON_DOMAIN_SCHEDULE_H
#define CARILLON_DOMAIN_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/domain/faults.h"

/* The message of FAULT_START_PAST, which the API also gives as its `error` where it is the only fault. */
#define SCHEDULE_PAST_MESSAGE "Scheduled start time must be in the future"

/* Reads options.scheduledStartTime. `zone` is a valid zone name; `zone_given` tells whether the tenant wrote it
 * or it is the default. The result must lie after `now_ms` and within LIMIT_SCHEDULE_AHEAD_MS of it. Faults and
 * warnings go under "scheduledStartTime": a warning names both readings where an offset and a zone that
 * disagree were given, and tells of a wall time that a clock change skips or repeats.
 * ERR_INVALID where a fault was added. */
int schedule_read_start(const char *text, size_t len, const char *zone, bool zone_given, int64_t now_ms,
                        int64_t *ret_start_ms, struct faults *faults, struct faults *warnings) MUST_CHECK;

/* Reads options.expiresAt in the same way. It must lie after `start_ms` (the start, or now where the batch starts at
 * once), and within LIMIT_SCHEDULE_AHEAD_MS of `now_ms`. Faults and warnings go under "expiresAt". */
int schedule_read_expiry(const char *text, size_t len, const char *zone, bool zone_given, int64_t now_ms,
                         int64_t start_ms, int64_t *ret_expires_ms, struct faults *faults,
                         struct faults *warnings) MUST_CHECK;

#endif
