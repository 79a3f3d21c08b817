/* SPDX-License-Identifier: Apache-2.0
 *
 * What operators see of the notifier. No label holds anything a tenant chose.
 */
#ifndef CARILLON_NOTIFIER_STATS_H
#define CARILLON_NOTIFIER_STATS_H

#include "common/metrics/metrics.h"
#include "notifier/verdict.h"

/* Why something failed that was not the receiver's fault. */
enum stats_fault {
    STATS_FAULT_LOCAL, /* memory, descriptors */
    STATS_FAULT_SECRET, /* a secret that our key does not open */
    STATS_FAULT_RENDER, /* a body that cannot be made */
    STATS_FAULT_SCRIPT, /* a script answered with an error */
};
#define STATS_FAULT_COUNT 4

/* What became of an event at its expansion. */
enum stats_event { STATS_EVENT_QUEUED, STATS_EVENT_KNOWN, STATS_EVENT_SKIPPED, STATS_EVENT_NO_ENDPOINT };
#define STATS_EVENT_COUNT 4

/* What is told of an endpoint. */
enum stats_endpoint { STATS_ENDPOINT_FAILING, STATS_ENDPOINT_DISABLED, STATS_ENDPOINT_RECOVERED };
#define STATS_ENDPOINT_COUNT 3

/* The metrics live as long as the process's. */
struct stats {
    struct metric *attempts[VERDICT_COUNT]; /* carillon_webhook_deliveries_total{outcome} */
    struct metric *late; /* a success that came after its claim's lease */
    struct metric *expired; /* claims that nobody finished */
    struct metric *attempt_seconds;
    struct metric *reused; /* attempts on a kept connection */
    struct metric *in_flight;
    struct metric *pending;
    struct metric *ring_lag_seconds;
    struct metric *slow_lag_seconds;
    struct metric *stream_age_seconds;
    struct metric *shards;
    struct metric *events[STATS_EVENT_COUNT];
    struct metric *dropped; /* deliveries given up because their endpoint's queue was full */
    struct metric *given_up; /* too old, or of an endpoint that takes nothing any more */
    struct metric *endpoints[STATS_ENDPOINT_COUNT];
    struct metric *slow_in_flight;
    struct metric *groups_made;
    struct metric *faults[STATS_FAULT_COUNT];
};

void stats_init(struct stats *stats, struct metrics *metrics);

#endif
