/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch's options as the fields of its hash in Redis, readable by people, read by the scripts, the worker and the
 * notifier (docs/redis-keys.md). What has no value is left out.
 */
#ifndef CARILLON_PRODUCER_BATCH_SETTINGS_H
#define CARILLON_PRODUCER_BATCH_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/domain/options.h"
#include "common/redis/redis.h"
#include "producer/quota.h"

#define BATCH_SETTINGS_MAX 40 /* fields; batch_create takes 100 */

/* Plain value; the texts are owned: batch_settings_free(). */
struct batch_settings {
    struct buf text;
    size_t n; /* fields */
    size_t ends[2 * BATCH_SETTINGS_MAX]; /* of name and value, in `text` */
};

/* `user_id` is what the tenant calls itself, `contacts` how many the body holds, `now_ms` what a calling window's hours
 * are reckoned from where the batch starts at once. ERR_NOMEM; ERR_INVALID where this machine lost the window's zone.
 */
int batch_settings_make(const struct batch_options *o, const char *agent_id, const char *user_id, uint64_t contacts,
                        int64_t now_ms, struct batch_settings *ret_settings) MUST_CHECK;
/* Adds what the batch's tenant may have where it has no quota of its own. ERR_NOMEM. */
int batch_settings_put_quotas(struct batch_settings *s, const struct quota_defaults *defaults) MUST_CHECK;
void batch_settings_free(struct batch_settings *s);

/* Writes 2 * s->n arguments, borrowed from `s`. */
void batch_settings_args(const struct batch_settings *s, struct redis_arg *args);

/* The arguments of batch_create: the batch, which nobody sees and which is purged by itself until it is sealed, and its
 * settings. How many; what is borrowed from all of them. There is room for what a caller adds: BATCH_CREATE_MORE. */
#define BATCH_CREATE_MORE 2
#define BATCH_CREATE_ARGS (4 + 2 * BATCH_SETTINGS_MAX + BATCH_CREATE_MORE)
size_t batch_settings_create_args(const struct batch_settings *s, const char *batch_id, const char *tenant,
                                  const char *trunk, struct redis_arg args[BATCH_CREATE_ARGS]);

/* What turns `before` into `after`: "set", field, value or "drop", field, "" of each field that differs, borrowed from
 * both. How many arguments. */
#define BATCH_SETTINGS_DIFF_ARGS (2 * 3 * BATCH_SETTINGS_MAX)
size_t batch_settings_diff(const struct batch_settings *before, const struct batch_settings *after,
                           struct redis_arg args[BATCH_SETTINGS_DIFF_ARGS]);

/* How many shards the batch's seen numbers and ids begin with, so that each stays in Redis's compact encoding: what
 * holds more contacts than it began with gets more of them by itself (common/lua/lib/seen.lua). */
uint32_t batch_settings_seen_shards(uint64_t contacts);

#endif
