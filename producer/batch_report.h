/* SPDX-License-Identifier: Apache-2.0
 *
 * What a batch's hash says, and how the API tells it: the seed's statistics, performance and timestamps. Pure: replies
 * and instants in, JSON out.
 */
#ifndef CARILLON_PRODUCER_BATCH_REPORT_H
#define CARILLON_PRODUCER_BATCH_REPORT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/domain/batch_state.h"

struct redisReply;

/* The strings are borrowed from the reply that was read; NULL where the batch has none. Instants are Unix ms, 0 where
 * not known. */
struct batch_report {
    const char *id; /* the caller's */
    enum batch_state state;
    bool is_sealed; /* what is not, and no draft, is nobody's to see */
    const char *tenant;
    const char *agent_id;
    const char *user_id;
    const char *reason; /* of a pause or a failure */
    const char *refusal; /* what its calls were refused with, of a batch that paused itself because of it */
    const char *redial_of; /* the batch whose contacts these are */
    const char *tags; /* a JSON array */
    const char *trunk;
    const char *timezone;
    const char *window; /* a JSON object */
    const char *on_call_complete;
    const char *on_call_attempt;
    const char *on_batch_complete;
    const char *on_batch_failed;
    const char *on_event;
    int64_t revision; /* of its settings, from 1 */
    int64_t priority;
    int64_t cps;
    int64_t max_concurrent; /* 0: none */
    int64_t total;
    int64_t cursor; /* contacts whose turn has come */
    int64_t live;
    int64_t ended;
    int64_t succeeded;
    int64_t failed;
    int64_t attempts;
    int64_t rejected; /* rows of its chunks that were no contacts */
    int64_t duplicates; /* contacts left out */
    int64_t talked_s; /* of all dials whose platform said how long */
    int64_t start_ms;
    int64_t created_ms;
    int64_t started_ms;
    int64_t completed_ms;
    int64_t expires_ms;
    int64_t expired_ms; /* when what was left of it expired */
    const struct redisReply *fields; /* for the counts by outcome */
};

/* How it is doing right now, by Redis's clock. */
struct batch_pulse {
    int64_t now_ms;
    double calls_per_second; /* of the last begins */
    int64_t last_retry_ms; /* the latest retry that waits; 0: none */
};

/* Reads the answer to HGETALL. ERR_NOT_FOUND where there is no such batch; ERR_PROTOCOL where it makes no sense. */
int batch_report_read(const struct redisReply *hash, const char *id, struct batch_report *ret_report) MUST_CHECK;

/* The rate of the begins whose instants (in microseconds) a begins:b/<batch> list holds: as many as fit a second, or
 * the time that so many take where that is longer. Never above a limit that their gaps keep. 0 for an empty list. */
double batch_report_rate(const struct redisReply *begins, int64_t now_us);

/* The answer of check-status but for its recentCalls, which are added to it afterwards (they come before "webhooks" in
 * no particular order). NULL where memory ran out. */
cJSON *batch_report_status_json(const struct batch_report *r, const struct batch_pulse *pulse);
/* Adds what the seed's answer does not have: reason, tags, trunk, limits, window, expiry, attempts, outcomes, and what
 * was not taken. */
int batch_report_add_more(const struct batch_report *r, cJSON *object) MUST_CHECK;
/* An entry of the list. NULL where memory ran out. */
cJSON *batch_report_summary_json(const struct batch_report *r);

/* 100 * part / whole, to two decimals; 0 of nothing. */
double batch_report_percent(int64_t part, int64_t whole);

#endif
