/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults planted into a worker's own rules, to see that the simulation notices. Linked with --wrap for each function.
 */
#ifndef CARILLON_SIM_PLANT_H
#define CARILLON_SIM_PLANT_H

#include "common/base/err.h"

/* "early_retry": a retry comes at once; "endless_retry": whatever an attempt came to, another follows. ERR_NOT_FOUND.
 */
int plant(const char *name) MUST_CHECK;

#endif
