/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a contact is tried again after an attempt, and when. Delays run from the attempt's begin; no retry lies
 * before now. What only the batch knows (cancelled, expired) is decided by the scripts.
 */
#ifndef CARILLON_DOMAIN_RETRY_H
#define CARILLON_DOMAIN_RETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/domain/outcome.h"

enum on_unknown {
    ON_UNKNOWN_RETRY, /* the next attempt follows as after NO_ANSWER, not before the deadline */
    ON_UNKNOWN_HOLD, /* the contact ends as UNKNOWN */
};

/* options.retryStrategy and options.onUnknown, every delay resolved. */
struct retry_rules {
    int32_t max_attempts; /* all attempts together, 1..5 */
    int64_t no_answer_delay_ms;
    int64_t busy_delay_ms;
    int64_t failed_delay_ms; /* the no-answer delay where none was given */
    int64_t voicemail_delay_ms; /* 0: voicemail is final */
    enum on_unknown on_unknown;
};

enum retry_why {
    RETRY_WHY_OUTCOME_FINAL, /* this outcome is never retried */
    RETRY_WHY_ATTEMPTS_SPENT, /* max_attempts reached */
    RETRY_WHY_HELD, /* unknown, and onUnknown is hold */
    RETRY_WHY_DELAY, /* again after the outcome's delay */
    RETRY_WHY_DEADLINE, /* again at the deadline, which lies after the delay */
};

struct retry_decision {
    bool is_final;
    int64_t retry_at_ms; /* 0 where is_final */
    enum retry_why why;
};

/* `attempts` counts the charged attempts including this one. `begin_ms` is the attempt's begin, `deadline_ms` its hard
 * deadline (looked at for UNKNOWN only). */
struct retry_decision retry_decide(const struct retry_rules *rules, enum outcome outcome, int32_t attempts,
                                   int64_t begin_ms, int64_t deadline_ms, int64_t now_ms);

const char *on_unknown_name(enum on_unknown value);
int on_unknown_from_name(const char *name, size_t len, enum on_unknown *ret_value) MUST_CHECK;

#endif
