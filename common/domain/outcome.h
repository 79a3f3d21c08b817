/* SPDX-License-Identifier: Apache-2.0
 *
 * How an attempt, and in the end a call, came out; and what the API calls it.
 */
#ifndef CARILLON_DOMAIN_OUTCOME_H
#define CARILLON_DOMAIN_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

enum outcome {
    OUTCOME_COMPLETED,
    OUTCOME_BUSY,
    OUTCOME_NO_ANSWER,
    OUTCOME_VOICEMAIL,
    OUTCOME_FAILED, /* transient: another try may work */
    OUTCOME_UNKNOWN, /* nothing was learnt until the deadline */
    OUTCOME_INVALID_NUMBER,
    OUTCOME_BLOCKED,
    OUTCOME_REJECTED, /* the provider refused this call for good */
    OUTCOME_SUPPRESSED, /* on a do-not-call list */
    OUTCOME_EXPIRED,
    OUTCOME_CANCELLED,
};
#define OUTCOME_COUNT 12

/* The seed's call states, as the API spells them. */
enum call_status {
    CALL_STATUS_SCHEDULED, /* due or claimed, before any attempt */
    CALL_STATUS_ONGOING, /* live or ended */
    CALL_STATUS_COMPLETED,
    CALL_STATUS_MISSED,
    CALL_STATUS_FAILED,
};

/* What follows an attempt with this outcome, as long as attempts are left. */
enum outcome_next {
    OUTCOME_NEXT_FINAL,
    OUTCOME_NEXT_BUSY_DELAY,
    OUTCOME_NEXT_NO_ANSWER_DELAY,
    OUTCOME_NEXT_VOICEMAIL_DELAY, /* final where no delay was given */
    OUTCOME_NEXT_FAILED_DELAY,
    OUTCOME_NEXT_ON_UNKNOWN, /* as onUnknown says */
};

struct outcome_row {
    enum outcome outcome;
    const char *name; /* "NO_ANSWER": persisted, and given by the API */
    enum call_status status;
    bool is_success; /* counts as succeeded; otherwise as failed once it is final */
    bool is_apart; /* the API also counts it apart: SUPPRESSED, EXPIRED, CANCELLED */
    enum outcome_next next;
};

/* The table, in the order of the enum; OUTCOME_COUNT rows. */
const struct outcome_row *outcome_rows(void);
const struct outcome_row *outcome_row(enum outcome outcome);

const char *outcome_name(enum outcome outcome);
/* ERR_NOT_FOUND for another name. */
int outcome_from_name(const char *name, size_t len, enum outcome *ret_outcome) MUST_CHECK;
const char *call_status_name(enum call_status status);
int call_status_from_name(const char *name, size_t len, enum call_status *ret_status) MUST_CHECK;
const char *outcome_next_name(enum outcome_next next);

#endif
