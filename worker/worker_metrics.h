/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker counts and measures (docs/metrics.md). Every label's values are an enumeration of ours, but for trunks:
 * the first LIMIT_METRIC_TRUNKS that this worker dials through have their own, the others share one.
 */
#ifndef CARILLON_WORKER_WORKER_METRICS_H
#define CARILLON_WORKER_WORKER_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "common/domain/outcome.h"
#include "common/metrics/metrics.h"
#include "common/provider/provider.h"
#include "worker/dial.h"

#define WORKER_VERDICTS 6 /* of enum verdict */
#define WORKER_LIMITS 17 /* what ended a claim */
#define WORKER_REFUSALS 16 /* why a begin was refused */

struct trunk_metrics {
    char id[LIMIT_ID_LEN + 1]; /* "" of the one that the others share */
    struct metric *verdicts[WORKER_VERDICTS];
    struct metric *seconds;
};

struct worker_metrics {
    struct metrics *registry;
    struct metric *claimed;
    struct metric *claim_calls; /* in one claim */
    struct metric *claims_failed;
    struct metric *claim_age_seconds;
    struct metric *limits[WORKER_LIMITS];
    struct metric *lag_seconds;
    struct metric *begun;
    struct metric *released;
    struct metric *refusals[WORKER_REFUSALS];
    struct metric *suppressed;
    struct metric *verdicts[WORKER_VERDICTS];
    struct metric *outcomes[OUTCOME_COUNT];
    struct metric *callbacks_settled;
    struct metric *callbacks_refused;
    struct metric *stale_results;
    struct metric *lookups;
    struct metric *reclaimed;
    struct metric *lost_wakes;
    struct metric *reasserted;
    struct metric *doubts; /* calls looked up before they were begun */
    struct metric *unreadable; /* contacts given up since nothing could be made of them */
    struct metric *poisoned; /* batches that paused themselves */
    struct metric *torn; /* what was set aside for what Redis holds of it */
    struct metric *breaker_opened, *breaker_reopened, *breaker_closed;
    struct metric *late_seconds; /* begin behind its slot */
    struct metric *phases[DIAL_OVER]; /* calls in this worker's hands, by what they wait for */
    struct metric *checking, *settling; /* the same: looked up, and their results on the way to Redis */
    struct metric *clock_jumps;
    struct metric *wait_seconds; /* replicas.h: these three */
    struct metric *waits_short;
    struct metric *replicas_missing;
    struct trunk_metrics trunks[LIMIT_METRIC_TRUNKS];
    size_t n_trunks;
    struct trunk_metrics other_trunks;
};

/* `registry` must outlive `metrics`. */
void worker_metrics_init(struct worker_metrics *metrics, struct metrics *registry);

/* What kept a claim from bringing more, as call_claim.lua tells it; "" counts for nothing. */
void worker_metrics_note_limit(struct worker_metrics *metrics, const char *limit);
/* A begin that Redis refused, by the reason that call_begin.lua tells. */
void worker_metrics_note_refusal(struct worker_metrics *metrics, const char *reason);
/* What a trunk's platform made of a create request. */
void worker_metrics_note_verdict(struct worker_metrics *metrics, const char *trunk, const struct provider_start *start);

#endif
