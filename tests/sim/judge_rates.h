/* SPDX-License-Identifier: Apache-2.0
 *
 * The limits of each batch, tenant and trunk: begins in any second, calls at once.
 */
#ifndef CARILLON_SIM_JUDGE_RATES_H
#define CARILLON_SIM_JUDGE_RATES_H

#include <glib.h>

#include "tests/sim/campaign.h"
#include "tests/sim/judge.h"

/* `dials`: of struct dial. Adds to `tally` what nature allows. */
void rates_judge(const struct campaign *c, const GPtrArray *dials, struct tally *tally);

#endif
