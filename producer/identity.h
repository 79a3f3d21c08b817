/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom an API key stands for.
 */
#ifndef CARILLON_PRODUCER_IDENTITY_H
#define CARILLON_PRODUCER_IDENTITY_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/domain/batch_request.h"

struct redisReply;

enum role {
    ROLE_TENANT, /* reads and writes what is its tenant's */
    ROLE_VIEWER, /* reads it */
    ROLE_OPERATOR, /* runs the fleet; belongs to no tenant */
};

/* "tenant", "viewer", "operator" */
const char *identity_role_name(enum role role);

struct identity {
    enum role role;
    char tenant[LIMIT_ID_LEN + 1]; /* "" for an operator */
    char alias[BATCH_REQUEST_USER_BYTES + 1]; /* another name that a userId may give; "" where there is none */
    char cell[LIMIT_CELL_ID_LEN + 1]; /* "" for an operator */
    int64_t requests_per_second; /* of the tenant; 0: as many as the process gives those without a quota of their own */
};

/* What key_read.lua says of a key. */
struct key_said {
    struct identity who;
    int64_t left_us; /* how long it holds on; -1: for ever */
    int64_t unnoted_us; /* since its use was noted; -1: never */
};

/* ERR_PROTOCOL for a reply of another form. */
int identity_read(const struct redisReply *reply, struct key_said *ret_said) MUST_CHECK;

#endif
