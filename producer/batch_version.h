/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a batch is the same as before, in one number: any change of its state, its counters or its settings makes
 * another. The number is the same in every process.
 */
#ifndef CARILLON_PRODUCER_BATCH_VERSION_H
#define CARILLON_PRODUCER_BATCH_VERSION_H

#include <stdint.h>

struct redisReply;

#define BATCH_VERSION_LEN 16

/* Of the answer to HGETALL of the batch's hash, in whatever order Redis gives its fields. Not 0. */
uint64_t batch_version_of(const struct redisReply *hash);
/* As sixteen hexadecimal digits. */
void batch_version_format(uint64_t version, char ret[BATCH_VERSION_LEN + 1]);

#endif
