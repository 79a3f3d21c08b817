/* SPDX-License-Identifier: Apache-2.0
 *
 * What one connection has met with so far: for /metrics.
 */
#ifndef CARILLON_REDIS_REDIS_COUNTS_H
#define CARILLON_REDIS_REDIS_COUNTS_H

#include <stdint.h>

struct redisReply;

/* Of commands. What our scripts refuse with a word of their own ("ERR_...") is an answer, and none of these. */
enum redis_fault {
    REDIS_FAULT_TIMEOUT, /* no reply within its deadline: what became of it is not known */
    REDIS_FAULT_CLOSED, /* the connection went away first: the same */
    REDIS_FAULT_OOM, /* refused: Redis's memory is full */
    REDIS_FAULT_MISCONF, /* refused: Redis cannot write to its disk */
    REDIS_FAULT_READONLY, /* refused: it has become a replica */
    REDIS_FAULT_LOADING, /* refused: it reads its data */
    REDIS_FAULT_BUSY, /* refused: a script runs for long */
    REDIS_FAULT_DENIED, /* refused: the user lacks a permission */
    REDIS_FAULT_NOSCRIPT, /* it has forgotten a script, which is loaded anew */
    REDIS_FAULT_OTHER,
};
#define REDIS_FAULT_COUNT 10

struct redis_counts {
    uint64_t faults[REDIS_FAULT_COUNT];
    uint64_t ready; /* times that the connection became ready: the first, and one more after each loss */
};

/* "timeout", "oom", ... Never NULL. */
const char *redis_fault_name(enum redis_fault fault);
/* Counts `reply` where it is an error of Redis's. */
void redis_counts_note(struct redis_counts *counts, const struct redisReply *reply);

#endif
