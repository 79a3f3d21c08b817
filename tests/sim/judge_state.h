/* SPDX-License-Identifier: Apache-2.0
 *
 * What Redis says in the end: every contact final, with the platform's outcome; counters that add up; every event once.
 */
#ifndef CARILLON_SIM_JUDGE_STATE_H
#define CARILLON_SIM_JUDGE_STATE_H

#include "tests/sim/campaign.h"
#include "tests/sim/judge.h"
#include "tests/sim/judge_dial.h"

/* `book` was judged. */
void state_judge(const struct campaign *c, struct server *server, const struct dial_book *book, struct tally *tally);

#endif
