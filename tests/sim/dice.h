/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulation's only source of chance: a stream of numbers that follows from a seed (splitmix64, Steele, Lea and
 * Flood 2014). Two dice do not disturb each other: what one part draws does not change what another gets.
 */
#ifndef CARILLON_SIM_DICE_H
#define CARILLON_SIM_DICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A plain value. */
struct dice {
    uint64_t state;
};

/* The dice named `name` of a seed. */
struct dice dice_of(uint64_t seed, const char *name);

uint64_t dice_next(struct dice *d);
/* From [least, most], each equally likely. */
int64_t dice_range(struct dice *d, int64_t least, int64_t most);
/* True in `percent` of 100 cases. */
bool dice_chance(struct dice *d, double percent);
/* One of `n` values. */
int64_t dice_pick(struct dice *d, const int64_t *values, size_t n);

#endif
