/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/worker_metrics.h"

#include <stdio.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define OTHER_TRUNKS "other" /* also what a trunk of that name is counted as */

/* Of call_begin.lua, which says "batch_paused" and the like for the state of a batch. Whatever else it says counts as
 * the last. */
static const char *const refusals[WORKER_REFUSALS] = {
    "closed",  "stopped", "doubt",  "lease",  "batch", "late",    "number", "trunk",
    "breaker", "hold",    "tenant", "window", "rate",  "credits", "gone",   "other",
};

/* Of call_claim.lua. Whatever else it says counts as the last. */
static const char *const limits[WORKER_LIMITS] = {
    "calls",       "steps",      "trunk_full", "tenant_full", "batch_full",     "trunk_rate",
    "tenant_rate", "batch_rate", "window",     "number",      "tenant_stopped", "trunk_held",
    "due",         "nothing",    "stopped",    "closed",      "other",
};

static struct metric *counter(struct metrics *m, const char *name, const char *help)
{
    return metrics_counter(m, name, help, NULL, NULL);
}

static struct metric *gauge(struct metrics *m, const char *name, const char *help)
{
    return metrics_gauge(m, name, help, NULL, NULL);
}

static void make_claims(struct worker_metrics *to, struct metrics *m)
{
    static const double call_bounds[] = {0, 1, 2, 4, 8, 16, 32, 64};
    static const double late_bounds[] = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1};
    to->claimed = counter(m, "carillon_calls_claimed_total", "Calls claimed");
    to->claim_calls = metrics_histogram(m, "carillon_claim_calls", "Calls that one claim brought", call_bounds,
                                        COUNT_OF(call_bounds));
    to->claims_failed = counter(m, "carillon_claims_failed_total", "Claims that Redis refused or left unanswered");
    to->claim_age_seconds = gauge(m, "carillon_claim_age_seconds",
                                  "How long ago a claim was answered, of the cell where that is longest ago");
    for (size_t i = 0; i < WORKER_LIMITS; i++)
        to->limits[i] = metrics_counter(m, "carillon_claim_limits_total", "Claims by what kept them from bringing more",
                                        "limit", limits[i]);
    to->lag_seconds = gauge(m, "carillon_schedule_lag_seconds",
                            "How long what was due first had waited for a claim, in the cell where that is longest");
    to->begun = counter(m, "carillon_dials_begun_total", "Dials begun");
    to->released = counter(m, "carillon_calls_released_total", "Claimed calls not begun");
    for (size_t i = 0; i < WORKER_REFUSALS; i++)
        to->refusals[i] = metrics_counter(m, "carillon_begins_refused_total", "Begins that Redis refused, by reason",
                                          "reason", refusals[i]);
    to->suppressed =
        counter(m, "carillon_calls_suppressed_total", "Contacts ended because their number must not be called");
    to->late_seconds = metrics_histogram(m, "carillon_begin_late_seconds", "How far begins lie behind their slots",
                                         late_bounds, COUNT_OF(late_bounds));
}

static void make_results(struct worker_metrics *to, struct metrics *m)
{
    for (size_t i = 0; i < WORKER_VERDICTS; i++)
        to->verdicts[i] = metrics_counter(m, "carillon_dial_verdicts_total", "Create requests by what they came to",
                                          "verdict", verdict_name((enum verdict)i));
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        to->outcomes[i] = metrics_counter(m, "carillon_attempt_outcomes_total", "Attempts settled, by outcome",
                                          "outcome", outcome_name((enum outcome)i));
    to->callbacks_settled = counter(m, "carillon_callbacks_settled_total", "Callbacks that told an outcome");
    to->callbacks_refused = counter(m, "carillon_callbacks_refused_total",
                                    "Callbacks that were not believed, not readable, or too much at once");
    to->stale_results = counter(m, "carillon_stale_results_total",
                                "Results of dials that a newer one has taken the place of, or of calls that are gone");
    to->lookups = counter(m, "carillon_lookups_total", "Calls looked up at their platform");
}

static void make_repairs(struct worker_metrics *to, struct metrics *m)
{
    to->reclaimed = counter(m, "carillon_claims_reclaimed_total", "Claims whose lease passed");
    to->lost_wakes = counter(m, "carillon_lost_wakes_total", "Lanes and flows found parked although there was room");
    to->reasserted =
        counter(m, "carillon_dials_reasserted_total", "Dials that Redis had forgotten and was told of again");
    to->doubts = counter(m, "carillon_doubts_total",
                         "Calls looked up before they were begun, since Redis may have forgotten a dial");
    to->unreadable =
        counter(m, "carillon_calls_unreadable_total", "Contacts given up since nothing could be made of them");
    to->poisoned =
        counter(m, "carillon_batches_poisoned_total",
                "Batches paused since their calls were refused one after the other, or nothing could be made of "
                "what Redis holds of them");
    to->torn = counter(m, "carillon_torn_total", "Times that something was set aside for what Redis holds of it");
    static const char breakers[] = "carillon_trunk_breakers_total";
    static const char breakers_help[] =
        "Trunks that stopped because their platform fails, were tried in vain, or resumed";
    to->breaker_opened = metrics_counter(m, breakers, breakers_help, "event", "opened");
    to->breaker_reopened = metrics_counter(m, breakers, breakers_help, "event", "reopened");
    to->breaker_closed = metrics_counter(m, breakers, breakers_help, "event", "closed");
    to->clock_jumps = counter(m, "carillon_redis_clock_jumps_total",
                              "Times that Redis's clock was found to have jumped forward, which closes the cells");
}

static void make_phases(struct worker_metrics *to, struct metrics *m)
{
    static const char name[] = "carillon_calls_in_hand";
    static const char help[] = "Calls in this worker's hands, by what they wait for";
    for (size_t i = 0; i < DIAL_OVER; i++)
        to->phases[i] = metrics_gauge(m, name, help, "phase", dial_state_name((enum dial_state)i));
    to->checking = metrics_gauge(m, name, help, "phase", "checking");
    to->settling = metrics_gauge(m, name, help, "phase", "settling");
}

static void make_replicas(struct worker_metrics *to, struct metrics *m)
{
    static const double wait_bounds[] = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5};
    to->wait_seconds = metrics_histogram(m, "carillon_redis_wait_seconds", "What Redis's replicas took to have begins",
                                         wait_bounds, COUNT_OF(wait_bounds));
    to->waits_short =
        counter(m, "carillon_redis_waits_short_total", "Times that too few replicas of Redis answered in time");
    to->replicas_missing =
        gauge(m, "carillon_redis_replicas_missing", "Replicas short of those that must have a begin");
}

static void make_trunk(const struct worker_metrics *metrics, const char *label, struct trunk_metrics *to)
{
    static const double bounds[] = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
    const struct metric_label trunk = {"trunk", label};
    for (size_t i = 0; i < WORKER_VERDICTS; i++) {
        const struct metric_label labels[] = {trunk, {"verdict", verdict_name((enum verdict)i)}};
        to->verdicts[i] =
            metrics_labelled_counter(metrics->registry, "carillon_provider_verdicts_total",
                                     "What platforms made of create requests, by trunk", labels, COUNT_OF(labels));
    }
    to->seconds = metrics_labelled_histogram(metrics->registry, "carillon_provider_start_seconds",
                                             "Length of create requests", &trunk, bounds, COUNT_OF(bounds));
}

void worker_metrics_init(struct worker_metrics *metrics, struct metrics *registry)
{
    *metrics = (struct worker_metrics){.registry = registry};
    make_claims(metrics, registry);
    make_results(metrics, registry);
    make_repairs(metrics, registry);
    make_phases(metrics, registry);
    make_replicas(metrics, registry);
    make_trunk(metrics, OTHER_TRUNKS, &metrics->other_trunks);
}

/* The last stands for all that are not there. */
static size_t index_of(const char *const *words, size_t n, const char *word)
{
    size_t i = 0;
    while (i < n - 1 && strcmp(words[i], word) != 0)
        i++;
    return i;
}

void worker_metrics_note_limit(struct worker_metrics *metrics, const char *limit)
{
    if (*limit)
        metric_add(metrics->limits[index_of(limits, WORKER_LIMITS, limit)], 1);
}

void worker_metrics_note_refusal(struct worker_metrics *metrics, const char *reason)
{
    const char *word = strncmp(reason, "batch_", 6) == 0 ? "batch" : reason;
    metric_add(metrics->refusals[index_of(refusals, WORKER_REFUSALS, word)], 1);
}

static struct trunk_metrics *trunk_metrics_of(struct worker_metrics *metrics, const char *trunk)
{
    for (size_t i = 0; i < metrics->n_trunks; i++)
        if (strcmp(metrics->trunks[i].id, trunk) == 0)
            return &metrics->trunks[i];
    if (metrics->n_trunks == LIMIT_METRIC_TRUNKS || strlen(trunk) > LIMIT_ID_LEN)
        return &metrics->other_trunks;
    struct trunk_metrics *made = &metrics->trunks[metrics->n_trunks++];
    snprintf(made->id, sizeof made->id, "%s", trunk);
    make_trunk(metrics, trunk, made);
    return made;
}

void worker_metrics_note_verdict(struct worker_metrics *metrics, const char *trunk, const struct provider_start *start)
{
    struct trunk_metrics *to = trunk_metrics_of(metrics, trunk);
    metric_add(to->verdicts[start->verdict], 1);
    metric_observe(to->seconds, (double)start->total_us / 1e6);
}
