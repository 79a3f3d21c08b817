/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/outcome.h"

#include <string.h>

static const struct outcome_row ROWS[OUTCOME_COUNT] = {
    {OUTCOME_COMPLETED, "COMPLETED", CALL_STATUS_COMPLETED, true, false, OUTCOME_NEXT_FINAL},
    {OUTCOME_BUSY, "BUSY", CALL_STATUS_MISSED, false, false, OUTCOME_NEXT_BUSY_DELAY},
    {OUTCOME_NO_ANSWER, "NO_ANSWER", CALL_STATUS_MISSED, false, false, OUTCOME_NEXT_NO_ANSWER_DELAY},
    {OUTCOME_VOICEMAIL, "VOICEMAIL", CALL_STATUS_MISSED, false, false, OUTCOME_NEXT_VOICEMAIL_DELAY},
    {OUTCOME_FAILED, "FAILED", CALL_STATUS_FAILED, false, false, OUTCOME_NEXT_FAILED_DELAY},
    {OUTCOME_UNKNOWN, "UNKNOWN", CALL_STATUS_FAILED, false, false, OUTCOME_NEXT_ON_UNKNOWN},
    {OUTCOME_INVALID_NUMBER, "INVALID_NUMBER", CALL_STATUS_FAILED, false, false, OUTCOME_NEXT_FINAL},
    {OUTCOME_BLOCKED, "BLOCKED", CALL_STATUS_FAILED, false, false, OUTCOME_NEXT_FINAL},
    {OUTCOME_REJECTED, "REJECTED", CALL_STATUS_FAILED, false, false, OUTCOME_NEXT_FINAL},
    {OUTCOME_SUPPRESSED, "SUPPRESSED", CALL_STATUS_FAILED, false, true, OUTCOME_NEXT_FINAL},
    {OUTCOME_EXPIRED, "EXPIRED", CALL_STATUS_FAILED, false, true, OUTCOME_NEXT_FINAL},
    {OUTCOME_CANCELLED, "CANCELLED", CALL_STATUS_FAILED, false, true, OUTCOME_NEXT_FINAL},
};

static const char *const STATUS_NAMES[] = {
    [CALL_STATUS_SCHEDULED] = "SCHEDULED", [CALL_STATUS_ONGOING] = "ONGOING", [CALL_STATUS_COMPLETED] = "COMPLETED",
    [CALL_STATUS_MISSED] = "MISSED",       [CALL_STATUS_FAILED] = "FAILED",
};
#define STATUS_COUNT (sizeof STATUS_NAMES / sizeof STATUS_NAMES[0])

static const char *const NEXT_NAMES[] = {
    [OUTCOME_NEXT_FINAL] = "final",
    [OUTCOME_NEXT_BUSY_DELAY] = "busyDelay",
    [OUTCOME_NEXT_NO_ANSWER_DELAY] = "noAnswerDelay",
    [OUTCOME_NEXT_VOICEMAIL_DELAY] = "voicemailDelay",
    [OUTCOME_NEXT_FAILED_DELAY] = "failedDelay",
    [OUTCOME_NEXT_ON_UNKNOWN] = "onUnknown",
};

const struct outcome_row *outcome_rows(void)
{
    return ROWS;
}

const struct outcome_row *outcome_row(enum outcome outcome)
{
    return &ROWS[outcome];
}

const char *outcome_name(enum outcome outcome)
{
    return ROWS[outcome].name;
}

static bool spells(const char *name, const char *text, size_t len)
{
    return strlen(name) == len && memcmp(name, text, len) == 0;
}

int outcome_from_name(const char *name, size_t len, enum outcome *ret_outcome)
{
    for (size_t i = 0; i < OUTCOME_COUNT; i++) {
        if (spells(ROWS[i].name, name, len)) {
            *ret_outcome = ROWS[i].outcome;
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

const char *call_status_name(enum call_status status)
{
    return STATUS_NAMES[status];
}

int call_status_from_name(const char *name, size_t len, enum call_status *ret_status)
{
    for (size_t i = 0; i < STATUS_COUNT; i++) {
        if (spells(STATUS_NAMES[i], name, len)) {
            *ret_status = (enum call_status)i;
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

const char *outcome_next_name(enum outcome_next next)
{
    return NEXT_NAMES[next];
}
