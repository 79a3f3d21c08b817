/* SPDX-License-Identifier: Apache-2.0
 *
 * What a test may change while the carrier runs, beside the vendors' APIs and for nobody else:
 *
 *     PUT /control/faults   body "NAME=RATE,..." as fault_plan_replace() takes it: from the next create request on
 *
 * 204, or 400 with why in plain text; then nothing has changed. No key is asked for.
 */
#ifndef CARILLON_CARRIER_CONTROL_H
#define CARILLON_CARRIER_CONTROL_H

#include "common/base/err.h"
#include "common/http/server.h"
#include "tests/carrier/fault.h"

/* `faults` is borrowed for the server's life. */
int control_add_routes(struct http_server *server, struct fault_plan *faults) MUST_CHECK;

#endif
