/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_version.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/redis/reply.h"

/* FNV-1a in 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
#define FNV_BASIS UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)

static uint64_t fnv(uint64_t hash, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (uint8_t)data[i]) * FNV_PRIME;
    return hash;
}

/* The finalizer of MurmurHash3, so that sums of hashes do not cancel each other out. */
static uint64_t mix(uint64_t hash)
{
    hash = (hash ^ (hash >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ (hash >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ (hash >> 33);
}

/* Where the pace stands: it moves with every claim, also with one that comes to nothing. */
static int is_noise(const char *field)
{
    return strcmp(field, "tat_us") == 0;
}

uint64_t batch_version_of(const struct redisReply *hash)
{
    uint64_t sum = 0;
    const char *field, *value;
    size_t field_len, value_len;
    for (size_t i = 0; i + 1 < reply_len(hash); i += 2) {
        if (reply_str(reply_at(hash, i), &field, &field_len) != 0 ||
            reply_str(reply_at(hash, i + 1), &value, &value_len) != 0 || is_noise(field))
            continue;
        sum += mix(fnv(fnv(FNV_BASIS, field, field_len + 1), value, value_len));
    }
    return sum ? sum : 1;
}

void batch_version_format(uint64_t version, char ret[BATCH_VERSION_LEN + 1])
{
    (void)snprintf(ret, BATCH_VERSION_LEN + 1, "%016" PRIx64, version);
}
