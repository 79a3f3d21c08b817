/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/fate.h"

#include <stddef.h>
#include <string.h>

#include "common/base/parse.h"
#include "tests/carrier/draw.h"

#define FATE_WEIGHT_MAX 1000000u

static const char *const FATE_NAMES[FATE_KINDS] = {
    [FATE_COMPLETED] = "completed",           [FATE_BUSY] = "busy",
    [FATE_NO_ANSWER] = "no_answer",           [FATE_FAILED] = "failed",
    [FATE_VOICEMAIL] = "voicemail",           [FATE_BLOCKED] = "blocked",
    [FATE_INVALID_NUMBER] = "invalid_number",
};

const char *fate_name(enum fate fate)
{
    return FATE_NAMES[fate];
}

bool fate_is_connected(enum fate fate)
{
    return fate == FATE_COMPLETED || fate == FATE_VOICEMAIL;
}

static uint64_t weights_sum(const uint32_t weights[FATE_KINDS])
{
    uint64_t sum = 0;
    for (size_t i = 0; i < FATE_KINDS; i++)
        sum += weights[i];
    return sum;
}

/* One "name=weight" of `len` bytes. `given` has a bit for each name seen. */
static int weight_parse(const char *text, size_t len, uint32_t weights[FATE_KINDS], unsigned *given,
                        const char **ret_why)
{
    const char *equals = memchr(text, '=', len);
    size_t name_len = equals ? (size_t)(equals - text) : len;
    for (size_t i = 0; equals && i < FATE_KINDS; i++) {
        if (strlen(FATE_NAMES[i]) != name_len || memcmp(FATE_NAMES[i], text, name_len) != 0)
            continue;
        if (*given & 1u << i) {
            *ret_why = "an outcome is named twice";
            return ERR_INVALID;
        }
        *given |= 1u << i;
        uint64_t weight;
        int err = parse_u64(equals + 1, len - name_len - 1, FATE_WEIGHT_MAX, &weight);
        if (err)
            *ret_why = "a weight is a whole number up to 1000000";
        else
            weights[i] = (uint32_t)weight;
        return err;
    }
    *ret_why = "expected NAME=WEIGHT,... with the names completed, busy, no_answer, failed, voicemail, blocked, "
               "invalid_number";
    return ERR_INVALID;
}

int fate_weights_parse(const char *text, uint32_t ret_weights[FATE_KINDS], const char **ret_why)
{
    uint32_t weights[FATE_KINDS] = {0};
    unsigned given = 0;
    for (const char *part = text;;) {
        size_t len = strcspn(part, ",");
        int err = weight_parse(part, len, weights, &given, ret_why);
        if (err)
            return err;
        if (part[len] == '\0')
            break;
        part += len + 1;
    }
    if (weights_sum(weights) == 0) {
        *ret_why = "all weights are 0";
        return ERR_RANGE;
    }
    memcpy(ret_weights, weights, sizeof weights);
    return 0;
}

int fate_draw(const struct fate_plan *plan, const char *number, uint64_t dial, enum fate *ret_fate)
{
    uint64_t sum = weights_sum(plan->weights);
    if (sum == 0)
        return ERR_STATE;
    uint64_t value;
    int err = draw_value("outcome", plan->seed, number, dial, &value);
    if (err)
        return err;
    uint64_t point = value % sum;
    size_t i = 0;
    while (point >= plan->weights[i])
        point -= plan->weights[i++];
    *ret_fate = (enum fate)i;
    return 0;
}

int fate_draw_agent_hangs_up(const struct fate_plan *plan, const char *number, uint64_t dial, bool *ret_agent)
{
    uint64_t value;
    int err = draw_value("hangup", plan->seed, number, dial, &value);
    if (err)
        return err;
    *ret_agent = value & 1;
    return 0;
}
