/* SPDX-License-Identifier: Apache-2.0
 *
 * What an attempt's result means for its delivery. Pure: the one place that maps answers and failures to what happens
 * next and to the codes that tenants see.
 */
#ifndef CARILLON_NOTIFIER_VERDICT_H
#define CARILLON_NOTIFIER_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/http/client.h"

enum verdict_kind {
    VERDICT_DELIVERED,
    VERDICT_RETRY,
    VERDICT_DEAD, /* no attempt left, or one that cannot ever succeed */
    VERDICT_RETURN, /* our own fault: tried again soon, and no attempt is counted */
};
#define VERDICT_COUNT 4

struct verdict {
    enum verdict_kind kind;
    const char *code; /* stable, shown to the tenant: "ok", "http_status", "timeout", ...; static */
    int status; /* of the answer, 0 without one */
    int64_t delay_ms; /* to the next attempt, where there is one */
    int64_t pause_ms; /* the receiver asks to be left alone that long; 0: it does not */
};

/* What the judgement depends on besides the result. */
struct verdict_attempt {
    bool is_call_event;
    int32_t number; /* from 1 */
    bool is_single; /* there is no other */
    bool is_literal; /* the URL's host is an address: what is refused once is refused always */
    uint32_t random; /* uniform, for jitter */
};

struct verdict verdict_of(const struct http_result *result, const struct verdict_attempt *attempt);

/* "delivered", "retry", "dead", "return": as hook_finish.lua takes it. */
const char *verdict_kind_name(enum verdict_kind kind);

#endif
