/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of a look share (top_look.h).
 */
#ifndef CARILLON_PRODUCER_CLI_TOP_INTERNAL_H
#define CARILLON_PRODUCER_CLI_TOP_INTERNAL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "producer/cli/volley.h"

struct top_look;

/* A trunk, tenant or batch that is looked at. */
struct top_row {
    struct top_look *look;
    cJSON *shown; /* owned by the look's list; NULL for what turned out not to be there */
    int64_t cps; /* 0: not known */
    char id[LIMIT_ID_LEN + 1];
};

/* A tenant on a trunk, whose lanes hold batches. */
struct top_flow {
    char trunk[LIMIT_ID_LEN + 1];
    char tenant[LIMIT_ID_LEN + 1];
};

/* A batch of which it is asked whether it is paused. */
struct top_suspect {
    struct top_look *look;
    char id[LIMIT_ID_LEN + 1];
};

struct top_look {
    struct volley volley;
    const char *cell; /* being read; borrowed */
    cJSON *cell_shown;
    int64_t now_us; /* by Redis's clock, as the cell's reading began */
    cJSON *trunks, *tenants, *batches, *workers; /* borrowed from what is shown */
    struct top_row trunk[LIMIT_TOP_TRUNKS], tenant[LIMIT_TOP_TENANTS], batch[LIMIT_TOP_BATCHES + LIMIT_TOP_PAUSED];
    struct top_flow flow[LIMIT_TOP_FLOWS];
    struct top_suspect suspect[2 * LIMIT_TOP_EXPIRING + LIMIT_TOP_TENANTS * LIMIT_TOP_NEWEST];
    size_t n_trunks, n_tenants, n_batches, n_flows, n_suspects;
    size_t n_batches_asked, n_suspects_asked;
};

/* ---- rows ---- */

/* The tenant's or the batch's row; one more where it has none yet and there is room. Ids that are none are passed over.
 */
int top_add_trunk(struct top_look *look, const char *id, size_t len, struct top_row **ret_row) MUST_CHECK;
int top_add_tenant(struct top_look *look, const char *id, size_t len) MUST_CHECK;
void top_add_batch(struct top_look *look, const char *id, size_t len);
/* The same for a paused one, for which there is more room. */
void top_add_paused(struct top_look *look, const char *id, size_t len);
bool top_has_batch(const struct top_look *look, const char *id);
void top_add_flow(struct top_look *look, const char *trunk, const char *tenant, size_t tenant_len);

/* ---- adding to a row: ERR_NOMEM ---- */
int top_put(cJSON *row, const char *name, int64_t value) MUST_CHECK;
/* A number of a reply's element, null where it has none. */
int top_put_reply(cJSON *row, const char *name, const struct redisReply *value) MUST_CHECK;
/* A text of a reply's element, null where it has none. */
int top_put_text(cJSON *row, const char *name, const struct redisReply *value) MUST_CHECK;

/* ---- what a reply says ---- */
const char *top_text(const struct redisReply *value); /* "" where it is none, or no UTF-8 */
int64_t top_number(const struct redisReply *value, int64_t absent);

/* ---- what is asked, a stage each ---- */
void top_ask_on_line(struct top_row *row, char kind);
void top_ask_starts(struct top_row *row, char kind);
void top_find(struct top_look *look); /* which trunks there are, and which batches have calls on the line */
void top_fill_up(struct top_look *look); /* tenants without work, where there is room */
void top_ask_trunks(struct top_look *look); /* and which flows they have */
void top_ask_tenants(struct top_look *look);
void top_ask_flows(struct top_look *look); /* which batches they have */
void top_ask_batches(struct top_look *look); /* those that were not asked so far, and whose they are */
void top_ask_expiring(struct top_look *look); /* batches that have not ended */
void top_ask_newest(struct top_look *look); /* the newest batches of tenants of which not all were found */
void top_ask_states(struct top_look *look); /* which of those that were found so and have no row are paused */
/* What holds one of the rows of `batches` back. */
void top_ask_why(struct volley *v, cJSON *batch);

#endif
