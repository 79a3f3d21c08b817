/* SPDX-License-Identifier: Apache-2.0
 *
 * The carrier's only source of chance: a hash. What is drawn depends on its name, the seed, the number and a count,
 * and on nothing else, so a run can be repeated and any number of workers see the same world.
 *
 * The value is the first 8 bytes, big-endian, of SHA-256("<name>:<seed>:<number>:<count>"), with seed and count in
 * decimal. (Python: int.from_bytes(hashlib.sha256(b"outcome:1:+15550001111:1").digest()[:8], "big"))
 */
#ifndef CARILLON_CARRIER_DRAW_H
#define CARILLON_CARRIER_DRAW_H

#include <stdint.h>

#include "common/base/err.h"

/* `number` is the number called, as it was given; `count` counts from 1. ERR_TOO_LARGE where name and number together
 * have more than 100 characters. */
int draw_value(const char *name, uint64_t seed, const char *number, uint64_t count, uint64_t *ret_value) MUST_CHECK;

/* The same as a fraction in [0, 1): the value's upper 53 bits divided by 2^53. */
int draw_fraction(const char *name, uint64_t seed, const char *number, uint64_t count, double *ret_fraction) MUST_CHECK;

#endif
