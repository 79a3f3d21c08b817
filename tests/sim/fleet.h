/* SPDX-License-Identifier: Apache-2.0
 *
 * The fleet of workers, and what strikes it: deaths and births, standstills, cut lines, a Redis that is slow, away, or
 * comes back without its last second, clocks that are set. Where nothing is to come for a while the whole fleet stands
 * still until shortly before it does, which is how a week passes in no time.
 */
#ifndef CARILLON_SIM_FLEET_H
#define CARILLON_SIM_FLEET_H

#include <stdbool.h>

#include "common/base/seal.h"
#include "tests/sim/campaign.h"
#include "tests/sim/server.h"

struct fleet;

struct fleet *fleet_create(struct campaign *c, struct server *server, const struct seal_keys *keys);
/* Every worker dies. */
void fleet_free(struct fleet *f);

/* Every batch has ended, as Redis has it. */
bool fleet_is_done(const struct fleet *f);

#endif
