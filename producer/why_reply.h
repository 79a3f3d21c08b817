/* SPDX-License-Identifier: Apache-2.0
 *
 * What batch_why.lua answers: the reasons that hold a batch back now, and its counters.
 */
#ifndef CARILLON_PRODUCER_WHY_REPLY_H
#define CARILLON_PRODUCER_WHY_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/domain/why.h"

#define WHY_REASONS_MOST 32 /* each row of the table comes once at most */

struct redisReply;

/* A plain value that lives as long as the reply it was read from. */
struct why_reply {
    int64_t now_ms;
    const struct redisReply *fields; /* field, value, ...: state, trunk, counters */
    struct why_reason reasons[WHY_REASONS_MOST];
    size_t n_reasons;
};

/* ERR_PROTOCOL where it makes no sense. */
int why_reply_read(const struct redisReply *reply, struct why_reply *ret_why) MUST_CHECK;
/* One of its fields; "" where there is none. */
const char *why_reply_text(const struct why_reply *w, const char *name);

#endif
