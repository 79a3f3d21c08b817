/* SPDX-License-Identifier: Apache-2.0
 *
 * What an operator's settings say about a batch that a tenant asks for: its trunks and their caller ids, its default
 * calling window and zone, and whether it has that agent.
 *
 *     tenant_policy_ask(x, agent_id, options, on_policy, arg)  ->  on_policy(): tenant_policy_take(), options_read()
 */
#ifndef CARILLON_PRODUCER_TENANT_POLICY_H
#define CARILLON_PRODUCER_TENANT_POLICY_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "common/domain/options.h"
#include "producer/exchange.h"
#include "producer/tenant_settings.h"

/* Freed by tenant_policy_clear(). */
struct tenant_policy {
    struct options_policy options; /* borrows from what stands below, and from the api */
    bool is_agent_known; /* listed and active; or none are listed, so that any may be named */
    cJSON *trunks;
    cJSON *window;
    const char *trunk_names[TENANT_TRUNKS_MOST];
    char timezone[LIMIT_TIMEZONE_LEN + 1];
    uint64_t caller_ids[LIMIT_CALLER_IDS];
};

/* Where the answer holds the tenant's credit, for credit_covers(). */
#define TENANT_POLICY_CREDIT 5

/* Asks for it, for the tenant of the exchange. `options`: the body's, or NULL; what they hold need not be sound. */
int tenant_policy_ask(struct exchange *x, const char *agent_id, const cJSON *options, exchange_reply_fn fn,
                      void *arg) MUST_CHECK;
/* The same for a trunk by its name; "": the tenant's first. */
int tenant_policy_ask_for(struct exchange *x, const char *agent_id, const char *trunk, exchange_reply_fn fn,
                          void *arg) MUST_CHECK;
/* From the answer, or from `err`, with which there is none. `ret` stays where it is until it is cleared. Where nothing
 * can be made of it the exchange is answered so; then it is false, and nothing is to be cleared. */
bool tenant_policy_take(struct exchange *x, const struct redisReply *reply, int err,
                        struct tenant_policy *ret) MUST_CHECK;
void tenant_policy_clear(struct tenant_policy *p);

/* What a creation of `contacts` must pass once its options were judged by the policy that `reply` holds: `err` is what
 * that judging came to, ERR_INVALID where it left faults. Answers what stands against it, and gives false. */
bool tenant_policy_admits(struct exchange *x, const struct tenant_policy *p, const struct redisReply *reply, int err,
                          const struct faults *faults, uint64_t contacts);

#endif
