/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/dice.h"

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)
#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

struct dice dice_of(uint64_t seed, const char *name)
{
    uint64_t hash = FNV_BASIS;
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * FNV_PRIME;
    struct dice d = {seed * GOLDEN ^ hash};
    (void)dice_next(&d);
    return d;
}

uint64_t dice_next(struct dice *d)
{
    uint64_t z = d->state += GOLDEN;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

int64_t dice_range(struct dice *d, int64_t least, int64_t most)
{
    return least + (int64_t)(dice_next(d) % (uint64_t)(most - least + 1));
}

bool dice_chance(struct dice *d, double percent)
{
    return (double)(dice_next(d) >> 11) * 0x1p-53 * 100 < percent;
}

int64_t dice_pick(struct dice *d, const int64_t *values, size_t n)
{
    return values[dice_next(d) % n];
}
