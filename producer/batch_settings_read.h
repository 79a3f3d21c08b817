/* SPDX-License-Identifier: Apache-2.0
 *
 * The way back from batch_settings.h: a batch's options as its hash in Redis holds them, for whoever changes them or
 * makes another batch like it. Pure.
 */
#ifndef CARILLON_PRODUCER_BATCH_SETTINGS_READ_H
#define CARILLON_PRODUCER_BATCH_SETTINGS_READ_H

#include "common/base/err.h"
#include "common/domain/options.h"

struct redisReply;

/* Reads the answer to HGETALL. What the hash does not hold has its default. has_start tells that the batch's start is
 * known, which may lie in the past; has_expiry that one was given, not reckoned from the start. The caller frees the
 * options (batch_options_free). ERR_PROTOCOL where the hash makes no sense; ERR_NOMEM. */
int batch_settings_read(const struct redisReply *hash, struct batch_options *ret_options) MUST_CHECK;

#endif
