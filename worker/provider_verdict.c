/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "worker/provider_format.h"

static const char *const verdict_names[] = {"ACCEPTED", "THROTTLED", "NOT_SENT", "REJECTED", "ACCOUNT", "UNKNOWN"};

const char *verdict_name(enum verdict verdict)
{
    return verdict_names[verdict];
}

int verdict_from_name(const char *name, size_t len, enum verdict *ret_verdict)
{
    for (size_t i = 0; i < sizeof verdict_names / sizeof verdict_names[0]; i++) {
        if (strlen(verdict_names[i]) == len && memcmp(verdict_names[i], name, len) == 0) {
            *ret_verdict = (enum verdict)i;
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

/* What the first rule that applies says, or NULL. */
static const char *apply_rules(const struct profile_start *start, const char *status, const cJSON *answer)
{
    char word[LIMIT_REASON_BYTES + 1];
    for (size_t i = 0; i < start->n_rules; i++) {
        const struct start_rule *rule = &start->rules[i];
        if (!pattern_matches(rule->status, status))
            continue;
        if (rule->target != NULL)
            return rule->target;
        const char *meaning = word_lookup(&rule->words, answer, word, sizeof word);
        if (meaning != NULL)
            return meaning;
    }
    return NULL;
}

static void apply_meaning(const char *meaning, struct provider_start *start)
{
    struct provider_target target;
    if (provider_target_from_name(meaning, &target) != 0)
        return;
    if (target.verdict != VERDICT_ACCEPTED) {
        start->verdict = target.verdict;
    } else if (target.outcome != OUTCOME_UNKNOWN) {
        start->verdict = VERDICT_REJECTED;
        start->outcome = target.outcome;
    }
}

/* An answer with a success status places the call only where it tells the call's id: without one nothing could ever be
 * said about it again. */
static void read_id(const struct profile_start *rules, const cJSON *answer, struct provider_start *start)
{
    const cJSON *id = pointer_get(answer, rules->id);
    if (!cJSON_IsString(id) || !id_is_fit(id->valuestring, LIMIT_PROVIDER_ID_LEN))
        return;
    memcpy(start->provider_id, id->valuestring, strlen(id->valuestring) + 1);
    start->verdict = VERDICT_ACCEPTED;
}

static void judge_answer(const struct profile_start *rules, const struct http_result *result,
                         struct provider_start *start)
{
    char status[16];
    cJSON *answer = NULL;
    snprintf(status, sizeof status, "%d", result->status);
    if (result->body_cut || provider_parse_body(false, result->body, result->body_len, &answer) != 0)
        answer = NULL;
    const char *meaning = apply_rules(rules, status, answer);
    if (meaning != NULL)
        apply_meaning(meaning, start);
    else if (result->status >= 200 && result->status <= 299)
        read_id(rules, answer, start);
    if (!scalar_text(pointer_get(answer, rules->reason), start->reason, sizeof start->reason))
        snprintf(start->reason, sizeof start->reason, "HTTP %d", result->status);
    cJSON_Delete(answer);
}

void provider_judge_start(const struct provider_profile *profile, const struct http_result *result,
                          struct provider_start *ret_start)
{
    *ret_start = (struct provider_start){
        .verdict = VERDICT_UNKNOWN,
        .outcome = OUTCOME_UNKNOWN,
        .retry_after_ms = -1,
        .total_us = result->total_us,
    };
    if (result->fail == HTTP_FAIL_NONE) {
        ret_start->http_status = result->status;
        ret_start->retry_after_ms = result->retry_after_ms;
        judge_answer(&profile->start, result, ret_start);
        return;
    }
    if (!result->was_sent)
        ret_start->verdict = VERDICT_NOT_SENT;
    snprintf(ret_start->reason, sizeof ret_start->reason, "%s", result->detail ? result->detail : "no answer");
}
