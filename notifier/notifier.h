/* SPDX-License-Identifier: Apache-2.0
 *
 * What the notifier's files share: the process, its cells, and a delivery on its way.
 *
 * A cell's work goes round: hook_poll (cell.c) tells what there is; hook_read and hook_expand (expand.c) make events
 * deliveries; hook_claim (claim.c) takes due ones; deliver.c sends them; hook_finish (report.c) writes down what became
 * of them. Of each script at most one call is under way in a cell, so that what a call is told about this process still
 * holds when it runs. Everything in memory here can be lost: the queues are in Redis.
 */
#ifndef CARILLON_NOTIFIER_NOTIFIER_H
#define CARILLON_NOTIFIER_NOTIFIER_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/base/buf.h"
#include "common/base/limits.h"
#include "common/base/seal.h"
#include "common/daemon/daemon.h"
#include "common/domain/cidr.h"
#include "common/domain/contact.h"
#include "common/domain/endpoint.h"
#include "common/domain/event.h"
#include "common/http/client.h"
#include "common/loop/loop.h"
#include "common/redis/keys.h"
#include "common/redis/redis.h"
#include "common/redis/script.h"
#include "notifier/egress.h"
#include "notifier/phases.h"
#include "notifier/script_args.h"
#include "notifier/share.h"
#include "notifier/stats.h"
#include "notifier/verdict.h"

#define NOTIFIER_SCRIPT_DEADLINE_MS 5000
/* A claim outlives the request's deadline by that long: what was sent is reported before it is sent again. */
#define NOTIFIER_CLAIM_SPARE_MS 15000
#define NOTIFIER_SHARD_LEN 3
#define NOTIFIER_NEVER INT64_MAX

/* One attempt, from its claim until it is reported. */
struct delivery {
    TAILQ_ENTRY(delivery) link; /* in one of its cell's lists */
    struct cell *cell;
    char shard[NOTIFIER_SHARD_LEN + 1];
    char endpoint[ENDPOINT_ID_LEN + 1];
    char tenant[LIMIT_ID_LEN + 1];
    char event[EVENT_DELIVERY_ID_LEN + 1]; /* the delivery's id */
    int32_t attempt; /* from 1 */
    int32_t from_attempt; /* those before it was sent again, which its schedule does not count */
    bool is_call_event;
    bool is_test; /* tried once */
    bool wants_seed_header;
    bool is_slow; /* it takes one of the places for failing and slow endpoints */
    bool is_loaded; /* its endpoint counts it */
    bool has_share; /* its tenant and its host count it */
    struct egress_rule rule;
    struct parcel *parcel; /* while its name is looked up */
    struct http_transfer *transfer; /* NULL before and after the request */
    int64_t began_us; /* of clock_mono_us() */
    int64_t looked_up_us; /* how long its name took; 0: it was known */
    int64_t took_ms;
    char phases[PHASES_LEN + 1]; /* "" where no request was made */
    struct verdict verdict;
};
TAILQ_HEAD(delivery_list, delivery);

/* An endpoint with attempts under way. */
struct endpoint_load {
    char id[ENDPOINT_ID_LEN + 1];
    unsigned in_flight;
};

struct cell {
    struct notifier *notifier;
    struct key prefix;
    const char *name; /* borrowed */

    /* as of the last tick */
    unsigned shards[LIMIT_EVENT_SHARDS];
    size_t n_shards;
    int64_t pending;
    int64_t lag_ms;
    int64_t slow_lag_ms; /* of all endpoints, the failing and slow ones too */
    int64_t stream_age_ms; /* of the oldest event not expanded yet */

    size_t asked_for; /* deliveries that the claim under way may bring */
    size_t slow_asked_for; /* of these to slow endpoints */
    bool is_crowded; /* slow endpoints are due, and had no place at the last claim */
    size_t turn; /* the shard that is served first next time */
    int64_t due_us; /* when a claim will find something, of clock_mono_us(); NOTIFIER_NEVER */
    size_t read_most; /* events read at a time: fewer after an expansion failed, to find the one at fault */
    bool wants_read;
    bool is_held; /* Redis refuses what expansion needs: wait for the next tick */
    size_t report_most; /* attempts in a report: one after a script failed, to find the one at fault */
    bool is_unreported; /* Redis does not take what became of attempts: nothing more is sent until it does */
    int64_t reclaim_idle_ms; /* -1: the next read takes over nothing */

    bool is_polling, is_reading, is_claiming, is_reporting, is_reaping, is_leaving;
    bool has_left;
    bool is_flush_deferred;

    struct loop_timer *tick_timer;
    struct loop_timer *due_timer;
    GHashTable *loads; /* of struct endpoint_load, by id */
    struct delivery_list under_way;
    struct delivery_list to_report; /* ended, not yet in a call */
    struct delivery_list reporting; /* in the call that is under way */
};

struct notifier {
    struct daemon *daemon;
    struct loop *loop;
    struct redis *redis;
    const struct seal_keys *keys;
    const char *ca_file; /* borrowed; NULL: the system's */
    int64_t began_us; /* by clock_mono_us() */
    int64_t timeout_ms; /* of an attempt, from the lookup of its name to the last byte of its answer */
    struct egress_policy egress;
    struct http_client *http;
    struct resolver *resolver;
    struct stats stats;
    const char *id; /* borrowed from the daemon */
    struct shares *tenants, *hosts;
    size_t in_flight; /* deliveries claimed and not reported */
    size_t slow_in_flight; /* of these to slow endpoints */
    size_t asked_for, slow_asked_for; /* by the claims under way */
    bool is_draining;
    struct loop_timer *drain_timer;
    size_t n_cells;
    struct cell cells[LIMIT_CELLS];

    /* for one call at a time */
    struct script_args args;
    struct contact contact;
};

/* Reads the options. ERR_INVALID, logged, where they cannot be used. */
int notifier_create(struct daemon *d, struct notifier **ret_notifier) MUST_CHECK;
/* Accepts NULL. */
void notifier_free(struct notifier *n);
/* The cell of that name, or NULL. */
struct cell *notifier_cell(struct notifier *n, const char *name);
/* Takes no new work, hands the shards over, and tells the daemon when the last attempt is reported. */
void notifier_drain(struct notifier *n);
/* Room was made, or something ended: starts what waits for room, or ends the drain. */
void notifier_progress(struct notifier *n);

#endif
