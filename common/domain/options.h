/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch's options: what may be written, the defaults, the ranges. All faults are found in one reading; a name that is
 * not known is a fault, because a misspelt limit must not place calls, and so is null, which is what an invalid date or
 * a NaN becomes in JavaScript. What was read is complete: every default is filled in.
 */
#ifndef CARILLON_DOMAIN_OPTIONS_H
#define CARILLON_DOMAIN_OPTIONS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/domain/calling_window.h"
#include "common/domain/cidr.h"
#include "common/domain/faults.h"
#include "common/domain/retry.h"

#define OPTIONS_PATH "options" /* where they stand in a creation's body */
#define OPTIONS_DEFAULT_PRIORITY 5
#define OPTIONS_DEFAULT_CALLS_PER_SECOND 10
#define OPTIONS_MAX_CALLS_PER_SECOND 30 /* an operator may raise it */
#define OPTIONS_MAX_CONCURRENT_CALLS 10000
#define OPTIONS_DEFAULT_TIMEZONE "UTC"
#define OPTIONS_DEFAULT_ATTEMPTS 3
#define OPTIONS_MAX_ATTEMPTS 5
#define OPTIONS_MIN_DELAY_MS INT64_C(1000)
#define OPTIONS_MAX_DELAY_MS (INT64_C(7) * 24 * 60 * 60 * 1000)
#define OPTIONS_DEFAULT_NO_ANSWER_DELAY_MS INT64_C(3600000)
#define OPTIONS_DEFAULT_BUSY_DELAY_MS INT64_C(300000)
#define OPTIONS_DEFAULT_RING_TIMEOUT_S 30
#define OPTIONS_DEFAULT_MAX_CALL_DURATION_S 1800
#define OPTIONS_DEFAULT_SUMMARY_WAIT_S 120

/* What the tenant and the operator permit; everything is borrowed for the call. */
struct options_policy {
    int32_t max_calls_per_second; /* 0: OPTIONS_MAX_CALLS_PER_SECOND */
    const char *const *trunks; /* those the tenant may use; the first is its default */
    size_t n_trunks;
    bool keeps_trunk; /* the batch is on its trunk already, the only one of `trunks` */
    const struct cidr_list *private_webhooks; /* --allow-private-webhooks; may be NULL */
    const char *timezone; /* where the batch names none; NULL: OPTIONS_DEFAULT_TIMEZONE */
    const cJSON *window; /* a calling window, read as if the batch had given it, where it gives none; may be NULL */
    const uint64_t *caller_ids; /* of the batch's trunk: it may name no others; NULL: they are not known */
    size_t n_caller_ids;
};

/* The strings behind pointers are owned: batch_options_free(). */
struct batch_options {
    int32_t priority;
    int32_t max_calls_per_second;
    int32_t max_concurrent_calls; /* 0: no limit */
    bool has_start; /* scheduledStartTime was given */
    int64_t start_ms; /* where has_start */
    bool has_expiry; /* expiresAt was given; otherwise LIMIT_BATCH_LIFE_MS after the start */
    int64_t expires_ms; /* where has_expiry */
    bool has_window; /* callingWindow was given */
    struct calling_window window; /* where has_window */
    char timezone[LIMIT_TIMEZONE_LEN + 1];
    struct retry_rules retry;
    int32_t ring_timeout_s;
    int32_t max_call_duration_s;
    int32_t summary_wait_s;
    char trunk[LIMIT_ID_LEN + 1];
    char *on_batch_complete; /* URLs, or NULL where none was given */
    char *on_call_complete;
    char *on_call_attempt;
    char *on_batch_failed;
    char *on_event; /* for every event */
    char *tags[LIMIT_TAGS]; /* distinct, in the order given */
    size_t n_tags;
    uint64_t caller_ids[LIMIT_CALLER_IDS]; /* digits (phone.h); none: the trunk's */
    size_t n_caller_ids;
};

/* Reads `json`, the value of the body's "options" (NULL where there is none). Faults go under OPTIONS_PATH; anything
 * but 0 leaves `ret` alone. ERR_INVALID where a fault was added; ERR_NOMEM. `now_ms` is what a scheduled start must lie
 * after, and what a batch without one starts at: a window that does not open between start and expiry is a fault. */
int options_read(const cJSON *json, const struct options_policy *policy, int64_t now_ms, struct batch_options *ret,
                 struct faults *faults, struct faults *warnings) MUST_CHECK;
/* Changes `o`, the options of a batch as they stand, by what `json` names; the rest stays. null takes away what may be
 * absent: maxConcurrentCalls, scheduledStartTime (it starts now), expiresAt, callingWindow (the policy's holds, if
 * any), voicemailDelay, failedDelay (it is noAnswerDelay again), a webhook. failedDelay follows noAnswerDelay as long
 * as they are the same. Where o->has_start, start_ms may lie in the past: the batch has started. Faults and warnings go
 * under `path` ("" or OPTIONS_PATH). Where anything but 0 is returned, `o` is in part changed, and good for
 * batch_options_free() only. */
int options_change(struct batch_options *o, const cJSON *json, const char *path, const struct options_policy *policy,
                   int64_t now_ms, struct faults *faults, struct faults *warnings) MUST_CHECK;
/* Frees what the pointers hold; `o` is all zeros after it. */
void batch_options_free(struct batch_options *o);

/* Adds to `object` every option as the API spells it, defaults included; an instant as RFC 3339 in UTC. */
int options_add_json(const struct batch_options *o, cJSON *object) MUST_CHECK;

#endif
