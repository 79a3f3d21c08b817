/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "common/provider/provider_format.h"

/* Closer than this two clocks agree: a Date is told in whole seconds, and a call is made within LIMIT_POST_DEADLINE_MS
 * of its dial's begin. A profile's window_ms is wider on both sides. */
#define CLOCKS_AGREE_MS 10000

/* No platform keeps a call for longer. */
#define QUEUE_MAX_MS INT64_C(86400000)

static const char *const verdict_names[] = {"ACCEPTED", "THROTTLED", "NOT_SENT", "REJECTED", "ACCOUNT", "UNKNOWN"};

const char *verdict_name(enum verdict verdict)
{
    return verdict_names[verdict];
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
    int64_t queue_ms = time_read_ms(&rules->queue, answer, QUEUE_MAX_MS);
    start->queue_ms = queue_ms > 0 ? queue_ms : 0;
}

static void judge_created(const struct profile_start *rules, const struct provider_reply *reply,
                          struct provider_start *start)
{
    char status[16];
    cJSON *answer = NULL;
    snprintf(status, sizeof status, "%d", reply->status);
    if (reply->body_cut || provider_parse_body(false, reply->body, reply->body_len, &answer) != 0)
        answer = NULL;
    const char *meaning = apply_rules(rules, status, answer);
    if (meaning != NULL)
        apply_meaning(meaning, start);
    else if (reply->status >= 200 && reply->status <= 299)
        read_id(rules, answer, start);
    if (!scalar_text(pointer_get(answer, rules->reason), start->reason, sizeof start->reason))
        snprintf(start->reason, sizeof start->reason, "HTTP %d", reply->status);
    cJSON_Delete(answer);
}

void provider_judge_start(const struct provider_profile *profile, const struct provider_reply *reply,
                          struct provider_start *ret_start)
{
    *ret_start = (struct provider_start){
        .verdict = VERDICT_UNKNOWN,
        .outcome = OUTCOME_UNKNOWN,
        .retry_after_ms = -1,
        .total_us = reply->total_us,
    };
    if (reply->status != 0) {
        ret_start->http_status = reply->status;
        ret_start->retry_after_ms = reply->retry_after_ms;
        judge_created(&profile->start, reply, ret_start);
        return;
    }
    if (!reply->was_sent)
        ret_start->verdict = VERDICT_NOT_SENT;
    snprintf(ret_start->reason, sizeof ret_start->reason, "%s", reply->detail ? reply->detail : "no answer");
}

/* ---- polls, lookups, cancels ---- */

static bool is_absent(const struct profile_ask *rules, int http_status)
{
    char status[16];
    snprintf(status, sizeof status, "%d", http_status);
    const cJSON *pattern = rules->absent ? rules->absent->child : NULL;
    for (; pattern != NULL; pattern = pattern->next) {
        if (pattern_matches(pattern->valuestring, status))
            return true;
    }
    return false;
}

/* What the exchange's status tells; true where the body is to tell the rest. */
static bool begin_answer(const struct profile_ask *rules, const struct provider_reply *reply,
                         struct provider_answer *answer)
{
    *answer = (struct provider_answer){.found = PROVIDER_FAILED, .retry_after_ms = -1};
    provider_result_init(&answer->result);
    if (reply->status == 0) {
        snprintf(answer->reason, sizeof answer->reason, "%s", reply->detail ? reply->detail : "no answer");
        return false;
    }
    answer->http_status = reply->status;
    answer->retry_after_ms = reply->retry_after_ms;
    if (reply->status >= 200 && reply->status <= 299)
        return true;
    if (is_absent(rules, reply->status))
        answer->found = PROVIDER_ABSENT;
    else
        snprintf(answer->reason, sizeof answer->reason, "HTTP %d", reply->status);
    return false;
}

static void end_answer(struct provider_answer *answer, int rc, bool is_found)
{
    if (rc != 0)
        snprintf(answer->reason, sizeof answer->reason, "unusable answer (%s)", err_name(rc));
    else
        answer->found = is_found ? PROVIDER_FOUND : PROVIDER_ABSENT;
}

void provider_judge_poll(const struct provider_profile *profile, const struct provider_reply *reply,
                         struct provider_answer *ret_answer)
{
    if (!begin_answer(&profile->poll, reply, ret_answer))
        return;
    int rc = reply->body_cut ? ERR_TOO_LARGE
                             : provider_read_poll(profile, reply->body, reply->body_len, &ret_answer->result);
    end_answer(ret_answer, rc, true);
}

static int64_t clocks_apart_ms(const struct provider_lookup *lookup, const struct provider_reply *reply)
{
    if (reply->date_ahead_ms == INT64_MIN)
        return 0;
    int64_t apart_ms = reply->date_ahead_ms - lookup->clock_ahead_ms;
    return apart_ms < 0 ? -apart_ms : apart_ms;
}

/* Calls of one time are all that such a platform lists: one that it made by another clock is not among them. */
static bool proves_absence(const struct profile_lookup *rules, const struct provider_lookup *lookup,
                           const struct provider_reply *reply)
{
    bool is_by_time = rules->is_by_token && rules->window_ms[0] < rules->window_ms[1];
    if (!is_by_time)
        return true;
    if (reply->date_ahead_ms == INT64_MIN)
        return false;
    return clocks_apart_ms(lookup, reply) <= CLOCKS_AGREE_MS;
}

void provider_judge_lookup(const struct provider_profile *profile, const struct provider_lookup *lookup,
                           const struct provider_reply *reply, struct provider_answer *ret_answer)
{
    if (!begin_answer(&profile->lookup.ask, reply, ret_answer))
        return;
    struct provider_lookup asked = *lookup;
    asked.apart_ms = clocks_apart_ms(lookup, reply);
    int rc = reply->body_cut ? ERR_TOO_LARGE
                             : provider_read_lookup(profile, &asked, reply->body, reply->body_len, &ret_answer->matches,
                                                    &ret_answer->result);
    end_answer(ret_answer, rc, ret_answer->matches > 0);
    if (ret_answer->found == PROVIDER_ABSENT && !proves_absence(&profile->lookup, lookup, reply)) {
        ret_answer->found = PROVIDER_FAILED;
        snprintf(ret_answer->reason, sizeof ret_answer->reason, "its clock and ours are apart, or it tells no time");
    }
}

void provider_judge_cancel(const struct provider_profile *profile, const struct provider_reply *reply,
                           struct provider_answer *ret_answer)
{
    if (begin_answer(&profile->cancel, reply, ret_answer))
        ret_answer->found = PROVIDER_FOUND;
}

void provider_judge_hang_up(const struct provider_profile *profile, const struct provider_reply *reply,
                            struct provider_answer *ret_answer)
{
    if (begin_answer(&profile->hang_up, reply, ret_answer))
        ret_answer->found = PROVIDER_FOUND;
}
