/* SPDX-License-Identifier: Apache-2.0
 *
 * The agents that an operator lists for a tenant, as they lie in Redis: what the API and the command line tool share.
 */
#ifndef CARILLON_PRODUCER_AGENT_LIST_H
#define CARILLON_PRODUCER_AGENT_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/domain/batch_request.h"

struct redisReply;

struct agent {
    char id[BATCH_REQUEST_AGENT_BYTES + 1];
    bool is_active;
};

/* By their ids. Freed by agent_list_clear(). */
struct agent_list {
    struct agent *items;
    size_t n;
};

/* From what HGETALL answered. ERR_NOMEM, ERR_PROTOCOL. */
int agent_list_read(const struct redisReply *reply, struct agent_list *ret_list) MUST_CHECK;
void agent_list_clear(struct agent_list *list);

/* What an agentId may be: 1 to 128 characters, none of them a control character. */
bool agent_id_is_good(const char *id);

#endif
