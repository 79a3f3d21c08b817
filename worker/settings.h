/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker must know of a batch and its trunk to place and settle a call: read from Redis when first asked for,
 * kept for a short while, shared by reference. Redis stays the truth: what an operator changes holds within
 * SETTINGS_FRESH_MS.
 */
#ifndef CARILLON_WORKER_SETTINGS_H
#define CARILLON_WORKER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/base/seal.h"
#include "common/domain/phone.h"
#include "common/domain/retry.h"
#include "common/provider/provider.h"
#include "common/redis/redis.h"

#define SETTINGS_FRESH_MS 2000

/* A trunk as last read. */
struct trunk_settings {
    char id[LIMIT_ID_LEN + 1];
    struct provider_profile *profile;
    struct provider_trunk provider; /* its texts are owned by the settings */
    uint64_t caller_ids[LIMIT_CALLER_IDS];
    size_t n_caller_ids;
    int64_t poll_after_ms; /* 0: as long as ringing may take, and a margin */
    int64_t
        lookup_absent_after_ms; /* between two lookups that find nothing, for "absent" to count; 0: as place.h says */
};

/* A batch as last read, with its trunk. */
struct batch_settings {
    char id[LIMIT_BATCH_ID_LEN + 1];
    char tenant[LIMIT_ID_LEN + 1];
    char *agent_id;
    struct retry_rules retry;
    int ring_timeout_s; /* both as the platform will hold them */
    int max_call_duration_s;
    int64_t summary_wait_ms;
    uint64_t caller_ids[LIMIT_CALLER_IDS]; /* none: the trunk's */
    size_t n_caller_ids;
    const struct trunk_settings *trunk;
    bool has_columns;
    char *columns; /* what its contacts' records refer to (contact_layout.h); NULL where it has none */
    size_t columns_len;
};

struct settings;

/* `batch` is NULL where `err` is not 0: ERR_NOT_FOUND (no such batch or trunk), ERR_INVALID (what Redis holds makes no
 * sense, or the trunk's profile is none of ours), ERR_AUTH (the trunk's credential does not open with our key), or the
 * connection's errors. Borrowed: take a reference with settings_ref() to keep it. Comes at once, from inside
 * settings_get(), where it is known. */
typedef void (*settings_fn)(const struct batch_settings *batch, int err, void *arg);

/* Everything is borrowed and must outlive the settings. `callback_base`: where platforms reach this fleet. */
int settings_create(struct redis *redis, const struct seal_keys *keys, const char *cell, const char *callback_base,
                    struct settings **ret_settings) MUST_CHECK;
/* After the connection was freed, so that no answer can come any more. References that are still held stay valid.
 * Accepts NULL. */
void settings_free(struct settings *s);

void settings_get(struct settings *s, const char *batch_id, settings_fn fn, void *arg);

/* The same where those that were given lack something that must have been there when the call was claimed: what was
 * read since, or is read now. */
void settings_get_newer(struct settings *s, const struct batch_settings *than, settings_fn fn, void *arg);

/* Batches whose settings are kept. For the tests. */
size_t settings_kept(const struct settings *s);

/* The number that the contact is called from, as E.164; "" where neither batch nor trunk has one. It is the same in all
 * its attempts: people call back the one that they saw. */
void settings_caller_id(const struct batch_settings *batch, uint64_t ordinal, char ret_from[PHONE_TEXT_LEN + 1]);

const struct batch_settings *settings_ref(const struct batch_settings *batch);
/* Accepts NULL. */
void settings_unref(const struct batch_settings *batch);

#endif
