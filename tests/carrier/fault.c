/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/fault.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/base/parse.h"
#include "tests/carrier/draw.h"

#define PLAN_CAP 1024

static const char *const FAULT_NAMES[FAULT_KINDS] = {
    [FAULT_THROTTLE] = "throttle",
    [FAULT_UNAVAILABLE] = "unavailable",
    [FAULT_RESET] = "reset",
    [FAULT_CALLBACK_EARLY] = "callback_early",
    [FAULT_CALLBACK_TWICE] = "callback_twice",
    [FAULT_CALLBACK_NEVER] = "callback_never",
    [FAULT_HANG] = "hang",
    [FAULT_SLOW] = "slow",
    [FAULT_ERROR] = "error",
    [FAULT_GARBAGE] = "garbage",
    [FAULT_UNPLACED] = "unplaced",
    [FAULT_CONCURRENCY] = "concurrency",
    [FAULT_NO_CREDITS] = "no_credits",
    [FAULT_SUMMARY_LATE] = "summary_late",
    [FAULT_SUMMARY_NEVER] = "summary_never",
    [FAULT_FORGET] = "forget",
};

const char *fault_name(enum fault fault)
{
    return FAULT_NAMES[fault];
}

int fault_plan_add(struct fault_plan *plan, const char *text, const char **ret_why)
{
    size_t name_len = strcspn(text, "=");
    for (size_t i = 0; text[name_len] == '=' && i < FAULT_KINDS; i++) {
        if (strlen(FAULT_NAMES[i]) != name_len || memcmp(FAULT_NAMES[i], text, name_len) != 0)
            continue;
        if (plan->rates[i] > 0) {
            *ret_why = "a fault is named twice";
            return ERR_EXISTS;
        }
        const char *rate = text + name_len + 1;
        int err = parse_double(rate, strlen(rate), 0, 1, &plan->rates[i]);
        if (err)
            *ret_why = "a rate is a number from 0 to 1";
        return err;
    }
    *ret_why = "expected NAME=RATE with a name of throttle, unavailable, reset, callback_early, callback_twice, "
               "callback_never, hang, slow, error, garbage, unplaced, concurrency, no_credits, summary_late, "
               "summary_never, forget";
    return ERR_NOT_FOUND;
}

int fault_plan_replace(struct fault_plan *plan, const char *text, size_t len, const char **ret_why)
{
    char copy[PLAN_CAP];
    if (len >= sizeof copy) {
        *ret_why = "too long";
        return ERR_TOO_LARGE;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    struct fault_plan made = {.seed = plan->seed};
    int err = 0;
    char *next = len > 0 ? copy : NULL;
    while (next && !err) {
        const char *part = strsep(&next, ",");
        err = fault_plan_add(&made, part, ret_why);
    }
    if (!err)
        *plan = made;
    return err;
}

int fault_draw(const struct fault_plan *plan, const char *number, uint64_t request, unsigned *ret_set)
{
    unsigned set = 0;
    for (unsigned i = 0; i < FAULT_KINDS; i++) {
        if (plan->rates[i] <= 0)
            continue;
        char name[32];
        (void)snprintf(name, sizeof name, "fault.%s", FAULT_NAMES[i]);
        double fraction;
        int err = draw_fraction(name, plan->seed, number, request, &fraction);
        if (err)
            return err;
        if (fraction < plan->rates[i])
            set |= FAULT_BIT(i);
    }
    *ret_set = set;
    return 0;
}

bool fault_loses_answer(unsigned set)
{
    return set & (FAULT_BIT(FAULT_RESET) | FAULT_BIT(FAULT_HANG) | FAULT_BIT(FAULT_ERROR) | FAULT_BIT(FAULT_GARBAGE));
}
