/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/retry.h"

#include <string.h>

static const char *const ON_UNKNOWN_NAMES[] = {[ON_UNKNOWN_RETRY] = "retry", [ON_UNKNOWN_HOLD] = "hold"};

static struct retry_decision final(enum retry_why why)
{
    return (struct retry_decision){.is_final = true, .why = why};
}

static struct retry_decision again_after(int64_t begin_ms, int64_t delay_ms, int64_t not_before_ms)
{
    int64_t due_ms = begin_ms + delay_ms;
    return (struct retry_decision){
        .retry_at_ms = due_ms > not_before_ms ? due_ms : not_before_ms,
        .why = RETRY_WHY_DELAY,
    };
}

static struct retry_decision after_unknown(const struct retry_rules *rules, int64_t begin_ms, int64_t deadline_ms,
                                           int64_t now_ms)
{
    struct retry_decision decision = again_after(begin_ms, rules->no_answer_delay_ms, now_ms);
    if (deadline_ms > decision.retry_at_ms) {
        decision.retry_at_ms = deadline_ms;
        decision.why = RETRY_WHY_DEADLINE;
    }
    return decision;
}

struct retry_decision retry_decide(const struct retry_rules *rules, enum outcome outcome, int32_t attempts,
                                   int64_t begin_ms, int64_t deadline_ms, int64_t now_ms)
{
    enum outcome_next next = outcome_row(outcome)->next;
    if (next == OUTCOME_NEXT_FINAL || (next == OUTCOME_NEXT_VOICEMAIL_DELAY && rules->voicemail_delay_ms == 0))
        return final(RETRY_WHY_OUTCOME_FINAL);
    if (next == OUTCOME_NEXT_ON_UNKNOWN && rules->on_unknown == ON_UNKNOWN_HOLD)
        return final(RETRY_WHY_HELD);
    if (attempts >= rules->max_attempts)
        return final(RETRY_WHY_ATTEMPTS_SPENT);

    switch (next) {
    case OUTCOME_NEXT_BUSY_DELAY:
        return again_after(begin_ms, rules->busy_delay_ms, now_ms);
    case OUTCOME_NEXT_NO_ANSWER_DELAY:
        return again_after(begin_ms, rules->no_answer_delay_ms, now_ms);
    case OUTCOME_NEXT_VOICEMAIL_DELAY:
        return again_after(begin_ms, rules->voicemail_delay_ms, now_ms);
    case OUTCOME_NEXT_FAILED_DELAY:
        return again_after(begin_ms, rules->failed_delay_ms, now_ms);
    case OUTCOME_NEXT_ON_UNKNOWN:
        return after_unknown(rules, begin_ms, deadline_ms, now_ms);
    case OUTCOME_NEXT_FINAL:
        break;
    }
    return final(RETRY_WHY_OUTCOME_FINAL);
}

const char *on_unknown_name(enum on_unknown value)
{
    return ON_UNKNOWN_NAMES[value];
}

int on_unknown_from_name(const char *name, size_t len, enum on_unknown *ret_value)
{
    for (size_t i = 0; i < sizeof ON_UNKNOWN_NAMES / sizeof ON_UNKNOWN_NAMES[0]; i++) {
        if (strlen(ON_UNKNOWN_NAMES[i]) == len && memcmp(ON_UNKNOWN_NAMES[i], name, len) == 0) {
            *ret_value = (enum on_unknown)i;
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}
