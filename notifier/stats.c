/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/stats.h"

static const char *const FAULT_NAMES[STATS_FAULT_COUNT] = {
    [STATS_FAULT_LOCAL] = "local",
    [STATS_FAULT_SECRET] = "secret",
    [STATS_FAULT_RENDER] = "render",
    [STATS_FAULT_SCRIPT] = "script",
};

static const char *const EVENT_NAMES[STATS_EVENT_COUNT] = {
    [STATS_EVENT_QUEUED] = "queued",
    [STATS_EVENT_KNOWN] = "known",
    [STATS_EVENT_SKIPPED] = "skipped",
    [STATS_EVENT_NO_ENDPOINT] = "no_endpoint",
};

static const char *const ENDPOINT_NAMES[STATS_ENDPOINT_COUNT] = {
    [STATS_ENDPOINT_FAILING] = "failing",
    [STATS_ENDPOINT_DISABLED] = "disabled",
    [STATS_ENDPOINT_RECOVERED] = "recovered",
};

static const double ATTEMPT_BOUNDS_S[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15};

static struct metric *counter(struct metrics *m, const char *name, const char *help)
{
    return metrics_counter(m, name, help, NULL, NULL);
}

static struct metric *gauge(struct metrics *m, const char *name, const char *help)
{
    return metrics_gauge(m, name, help, NULL, NULL);
}

void stats_init(struct stats *s, struct metrics *m)
{
    for (int i = 0; i < VERDICT_COUNT; i++)
        s->attempts[i] = metrics_counter(m, "carillon_webhook_deliveries_total", "Webhook attempts by what followed.",
                                         "outcome", verdict_kind_name((enum verdict_kind)i));
    for (int i = 0; i < STATS_FAULT_COUNT; i++)
        s->faults[i] = metrics_counter(m, "carillon_webhook_own_failures_total",
                                       "Failures that are not the receiver's fault.", "cause", FAULT_NAMES[i]);
    for (int i = 0; i < STATS_EVENT_COUNT; i++)
        s->events[i] = metrics_counter(m, "carillon_webhook_events_total", "Events read, by what became of them.",
                                       "result", EVENT_NAMES[i]);
    s->late = counter(m, "carillon_webhook_late_successes_total", "Successes reported after their claim had expired.");
    s->expired = counter(m, "carillon_webhook_claims_expired_total", "Claims that nobody finished; sent again.");
    s->attempt_seconds = metrics_histogram(m, "carillon_webhook_attempt_seconds", "Length of webhook requests.",
                                           ATTEMPT_BOUNDS_S, sizeof ATTEMPT_BOUNDS_S / sizeof ATTEMPT_BOUNDS_S[0]);
    s->reused = counter(m, "carillon_webhook_connections_reused_total", "Attempts made on a kept connection.");
    s->in_flight = gauge(m, "carillon_webhook_in_flight", "Deliveries claimed and not yet reported.");
    s->pending = gauge(m, "carillon_webhook_pending", "Deliveries not ended, in the shards held.");
    s->ring_lag_seconds =
        gauge(m, "carillon_webhook_ring_lag_seconds", "How long the endpoint next in turn has waited for it.");
    s->slow_lag_seconds =
        gauge(m, "carillon_webhook_slow_lag_seconds", "The same of all endpoints, those that fail or are slow too.");
    s->stream_age_seconds = gauge(m, "carillon_webhook_stream_age_seconds",
                                  "How long the oldest event not made a delivery yet has waited.");
    s->shards = gauge(m, "carillon_webhook_shards", "Event shards held.");
    s->dropped = counter(m, "carillon_webhook_dropped_total", "Deliveries given up because their queue was full.");
    s->given_up = counter(m, "carillon_webhook_given_up_total",
                          "Deliveries that were too old, or whose endpoint takes nothing any more.");
    for (int i = 0; i < STATS_ENDPOINT_COUNT; i++)
        s->endpoints[i] =
            metrics_counter(m, "carillon_webhook_endpoints_total",
                            "Endpoints found to fail for long, given up, and well again.", "change", ENDPOINT_NAMES[i]);
    s->slow_in_flight = gauge(m, "carillon_webhook_slow_in_flight", "Of those, to failing and slow endpoints.");
    s->groups_made = counter(m, "carillon_webhook_groups_made_total", "Reader groups made (anew).");
}
