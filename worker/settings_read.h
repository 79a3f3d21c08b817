/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a batch's and a trunk's hash into settings: what sits in Redis is input like any other.
 */
#ifndef CARILLON_WORKER_SETTINGS_READ_H
#define CARILLON_WORKER_SETTINGS_READ_H

#include "common/redis/reply.h"
#include "worker/settings.h"

/* The fields of batch:<id> that settings_read_batch() takes, in its order. */
extern const char *const settings_batch_fields[];
#define SETTINGS_BATCH_FIELDS 15

/* From the answer of HMGET with those fields: all but `trunk` and the clamping to the platform, which follow once the
 * trunk is known, and the columns. `ret_trunk_id` names it. ERR_NOT_FOUND where there is no such batch. What was
 * allocated is freed with settings_batch_clear(). */
int settings_read_batch(const char *batch_id, const struct redisReply *reply, struct batch_settings *ret_batch,
                        char ret_trunk_id[LIMIT_ID_LEN + 1]) MUST_CHECK;
void settings_batch_clear(struct batch_settings *batch);

/* From the answer of HGETALL trunk:<id>. */
int settings_read_trunk(const char *trunk_id, const struct redisReply *reply, const struct seal_keys *keys,
                        const char *callback_base, struct trunk_settings *ret_trunk) MUST_CHECK;
void settings_trunk_clear(struct trunk_settings *trunk);

#endif
