/* SPDX-License-Identifier: Apache-2.0
 *
 * The two clocks. Intervals and deadlines are measured on the monotonic one, instants that people or other machines
 * read on the wall one. The rules in domain/ never call these: they take "now" as an argument.
 */
#ifndef CARILLON_BASE_CLOCK_H
#define CARILLON_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_mono_us(void);
int64_t clock_wall_ms(void);
int64_t clock_wall_us(void);

#endif
