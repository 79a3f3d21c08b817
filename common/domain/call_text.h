/* SPDX-License-Identifier: Apache-2.0
 *
 * A call's state as it lies in batch:<id>:state:<n>: "phase=live a=1 d=2 l=2 w=w_x b=1763..." (common/lua/lib/call.lua
 * writes it, docs/redis-keys.md explains it). Only scripts write it; C reads.
 */
#ifndef CARILLON_DOMAIN_CALL_TEXT_H
#define CARILLON_DOMAIN_CALL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/domain/call_state.h"
#include "common/domain/outcome.h"

/* A plain value. Instants are Unix ms, 0 where absent. */
struct call_text {
    enum call_state state;
    int32_t attempts; /* charged */
    uint32_t dials; /* numbered */
    uint32_t last_begun; /* the last dial that was begun; 0: none */
    bool must_stop; /* while live: it would ring outside its batch's hours */
    bool must_hang_up; /* while live: to be ended whatever it is doing; not in Redis, only in what call_checks hands out
                        */
    bool was_given_back; /* that dial's attempt is not charged */
    bool has_outcome; /* an attempt has ended */
    enum outcome outcome; /* of the last one */
    int64_t begin_ms; /* of the last dial begun */
    int64_t deadline_ms; /* while live: when it ends as UNKNOWN */
    int64_t absent_ms; /* first time the platform did not know it */
    int64_t answered_ms;
    int64_t ended_ms;
    int64_t next_ms; /* while due again */
    int64_t duration_s; /* -1: unknown */
    uint64_t phone; /* while on its way; 0 otherwise */
    uint64_t caller; /* the same: the number it is called from, where it is looked up by numbers */
    char provider_id[LIMIT_PROVIDER_ID_LEN + 1];
    char worker[LIMIT_ID_LEN + 1];
};

/* What a contact without a state text is: due, never dialed. */
void call_text_init(struct call_text *ret_text);
/* ERR_INVALID where the text has no phase, or a known field does not read. Unknown fields are passed over: a newer
 * fleet may write more. */
int call_text_parse(const char *text, size_t len, struct call_text *ret_text) MUST_CHECK;

#endif
