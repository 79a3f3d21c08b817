/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks audit.lua through every piece of the simulated cell, as `carillon audit` does; the cell stands still meanwhile.
 */
#ifndef CARILLON_SIM_CELL_AUDIT_H
#define CARILLON_SIM_CELL_AUDIT_H

#include "tests/sim/campaign.h"
#include "tests/sim/server.h"

/* What is wrong is told to the judge. */
void cell_audit(const struct campaign *c, struct server *server);

#endif
