/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redis/redis_counts.h"

#include <stddef.h>
#include <string.h>

#include "common/redis/reply.h"

static const char *const names[REDIS_FAULT_COUNT] = {
    [REDIS_FAULT_TIMEOUT] = "timeout", [REDIS_FAULT_CLOSED] = "closed",     [REDIS_FAULT_OOM] = "oom",
    [REDIS_FAULT_MISCONF] = "misconf", [REDIS_FAULT_READONLY] = "readonly", [REDIS_FAULT_LOADING] = "loading",
    [REDIS_FAULT_BUSY] = "busy",       [REDIS_FAULT_DENIED] = "denied",     [REDIS_FAULT_NOSCRIPT] = "noscript",
    [REDIS_FAULT_OTHER] = "other",
};

const char *redis_fault_name(enum redis_fault fault)
{
    return names[fault];
}

static enum redis_fault fault_of(const struct redisReply *error)
{
    static const struct {
        const char *word;
        enum redis_fault fault;
    } words[] = {
        {"OOM", REDIS_FAULT_OOM},         {"MISCONF", REDIS_FAULT_MISCONF},  {"READONLY", REDIS_FAULT_READONLY},
        {"LOADING", REDIS_FAULT_LOADING}, {"BUSY", REDIS_FAULT_BUSY},        {"NOSCRIPT", REDIS_FAULT_NOSCRIPT},
        {"NOAUTH", REDIS_FAULT_DENIED},   {"WRONGPASS", REDIS_FAULT_DENIED},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (reply_error_is(error, words[i].word))
            return words[i].fault;
    return reply_is_denied(error) ? REDIS_FAULT_DENIED : REDIS_FAULT_OTHER;
}

void redis_counts_note(struct redis_counts *counts, const struct redisReply *reply)
{
    const char *text = reply_error(reply);
    if (text && strncmp(text, "ERR_", 4) != 0)
        counts->faults[fault_of(reply)]++;
}
