/* SPDX-License-Identifier: Apache-2.0
 *
 * What a seed asks for: tenants and trunks with their limits, batches with their rules, who pauses and cancels what and
 * when, what the platform does, how bad the weather is. Drawn as a whole before anything happens, then brought to Redis
 * through the scripts that producers use.
 */
#ifndef CARILLON_SIM_CAMPAIGN_H
#define CARILLON_SIM_CAMPAIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/seal.h"
#include "common/domain/options.h"
#include "tests/sim/server.h"
#include "tests/sim/wire_http.h"
#include "tests/sim/world.h"

#define CAMPAIGN_TENANTS 3
#define CAMPAIGN_TRUNKS 2
#define CAMPAIGN_BATCHES 6
#define CAMPAIGN_CONTACTS 60 /* of a batch */
#define CAMPAIGN_PAUSES 3 /* of a batch */
#define CAMPAIGN_TAILS 256

struct sim_limit { /* of a tenant or a trunk */
    char id[16];
    int64_t cps;
    int64_t max_concurrent; /* 0: no limit */
    int64_t credit_s; /* of a tenant, at first; 0: no limit */
};

enum sim_verb { SIM_CREATE, SIM_PAUSE, SIM_RESUME, SIM_CANCEL, SIM_CANCEL_IN_FLIGHT };

struct sim_batch {
    char id[LIMIT_BATCH_ID_LEN + 1];
    size_t tenant, trunk;
    uint64_t phones[CAMPAIGN_CONTACTS];
    size_t n_contacts;
    struct batch_options options; /* texts are borrowed */

    /* as it went */
    bool is_created, is_paused, is_cut, was_surprised;
    int64_t expires_ms; /* 0: not created yet */
    int64_t hung_up_us; /* when it was cancelled with its calls; 0: it was not */
};

/* What somebody does to a batch, at an instant. */
struct sim_act {
    struct campaign *campaign;
    struct world_event event;
    enum sim_verb verb;
    size_t batch;
    bool is_done;
};

/* What Redis was told from one instant to another, and forgot. */
struct sim_tail {
    int64_t from_us, until_us;
};

/* How often what strikes the fleet, in percent of the seconds that it is awake. */
struct sim_faults {
    double kill, stall, cut, slow, away, flush, restart, lose_tail, drain, step_clock;
    double die_with_tail; /* that a worker does, when Redis loses its tail; in percent of them */
};

struct campaign {
    struct dice dice;
    struct sim_limit tenants[CAMPAIGN_TENANTS], trunks[CAMPAIGN_TRUNKS];
    size_t n_tenants, n_trunks;
    bool keeps_tokens; /* the platform does: else a lost call is found by its numbers and its time */
    int64_t poll_after_ms, lookup_absent_after_ms; /* of every trunk */
    struct sim_batch batches[CAMPAIGN_BATCHES];
    size_t n_batches;
    struct sim_act acts[(4 + 2 * CAMPAIGN_PAUSES) * CAMPAIGN_BATCHES];
    size_t n_acts;
    struct wire_http_weather weather;
    struct sim_faults faults;
    size_t n_workers; /* that the fleet is meant to have */
    double nap_percent;
    struct sim_tail tails[CAMPAIGN_TAILS];
    size_t n_tails;
    bool is_calm; /* nothing strikes the fleet or the network */
    struct server *server;
};

/* The world must have begun. */
void campaign_draw(struct campaign *c);
/* Makes tenants and trunks, and lets the acts come. */
void campaign_begin(struct campaign *c, struct server *server, const struct seal_keys *keys);
void campaign_end(struct campaign *c);
/* Every act was done. */
bool campaign_is_told(const struct campaign *c);
/* Somebody pauses the batch for a while, just when calls of it are claimed and not begun. Once a batch. */
void campaign_surprise(struct campaign *c, const char *batch_id);
/* No act comes before: while Redis may lose what was written last, since a client is not told that it is lost. */
void campaign_hold_acts(struct campaign *c, int64_t until_us);
/* A trunk that the platform's refusal of the account stopped is started again. */
void campaign_start_trunk(struct campaign *c, size_t trunk);
/* A tenant whose batches wait for credit gets some. */
void campaign_add_credit(struct campaign *c, size_t tenant);

/* Redis forgot what it was told then. */
bool campaign_was_lost(const struct campaign *c, int64_t at_us);
/* It lost a tail that began and ended between the two. */
bool campaign_lost_a_tail(const struct campaign *c, int64_t from_us, int64_t until_us);
struct sim_batch *campaign_find_batch(struct campaign *c, const char *id);

#endif
