/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/plant.h"

#include <string.h>

#include "common/domain/retry.h"

static const char *planted = "";

int plant(const char *name)
{
    static const char *const names[] = {"early_retry", "endless_retry"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            planted = names[i];
    return *planted ? 0 : ERR_NOT_FOUND;
}

static bool is_planted(const char *name)
{
    return strcmp(planted, name) == 0;
}

struct retry_decision __real_retry_decide(const struct retry_rules *rules, enum outcome outcome, int32_t attempts,
                                          int64_t begin_ms, int64_t deadline_ms, int64_t now_ms);
struct retry_decision __wrap_retry_decide(const struct retry_rules *rules, enum outcome outcome, int32_t attempts,
                                          int64_t begin_ms, int64_t deadline_ms, int64_t now_ms);

struct retry_decision __wrap_retry_decide(const struct retry_rules *rules, enum outcome outcome, int32_t attempts,
                                          int64_t begin_ms, int64_t deadline_ms, int64_t now_ms)
{
    struct retry_decision decision = __real_retry_decide(rules, outcome, attempts, begin_ms, deadline_ms, now_ms);
    if (is_planted("early_retry") && !decision.is_final)
        decision.retry_at_ms = now_ms;
    if (is_planted("endless_retry") && decision.is_final)
        decision = (struct retry_decision){.retry_at_ms = now_ms, .why = RETRY_WHY_DELAY};
    return decision;
}
