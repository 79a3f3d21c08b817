/* SPDX-License-Identifier: Apache-2.0
 *
 * A call's attempt log as it lies in batch:<id>:attempts:<n>: a line a fact, oldest first, such as "d=1 a=1 q=.. b=.."
 * (common/lua/lib/call.lua writes it, docs/redis-keys.md explains it). Only scripts write it; C reads.
 */
#ifndef CARILLON_DOMAIN_ATTEMPT_LOG_H
#define CARILLON_DOMAIN_ATTEMPT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/domain/outcome.h"

#define ATTEMPT_WORD_LEN 31 /* of a verdict, a source, what followed */

enum attempt_fact_kind {
    ATTEMPT_FACT_BEGUN,
    ATTEMPT_FACT_RESULT, /* it came to something */
    ATTEMPT_FACT_GIVEN_BACK, /* it was never placed, and charges no attempt */
};

/* A plain value. Instants are 0, texts "" where absent. */
struct attempt_fact {
    enum attempt_fact_kind kind;
    uint32_t dial;
    int32_t attempt; /* of a begin */
    int64_t slot_us;
    int64_t begin_us;
    enum outcome outcome; /* of a result */
    int64_t ended_ms;
    int64_t next_ms; /* when the call is due again */
    char source[ATTEMPT_WORD_LEN + 1]; /* who said so: "callback", "lookup", ... */
    char then[ATTEMPT_WORD_LEN + 1]; /* what followed a result: "final", "retry", "stale", ... */
    char verdict[ATTEMPT_WORD_LEN + 1]; /* why it was given back: "THROTTLED", ... */
    char reason[LIMIT_REASON_BYTES + 1]; /* the platform's own */
    char provider_id[LIMIT_PROVIDER_ID_LEN + 1];
};

/* Reads the whole log: at most LIMIT_ATTEMPT_LOG facts. ERR_INVALID where a line names no dial, tells none of the three
 * facts, or a known word does not read. Unknown words are passed over: a newer fleet may write more. */
int attempt_log_parse(const char *text, size_t len, struct attempt_fact ret_facts[LIMIT_ATTEMPT_LOG],
                      size_t *ret_n) MUST_CHECK;

#endif
