/* SPDX-License-Identifier: Apache-2.0
 *
 * Which calls a list is to show, read from a query.
 */
#ifndef CARILLON_PRODUCER_CALL_FILTER_H
#define CARILLON_PRODUCER_CALL_FILTER_H

#include <stdbool.h>

#include "common/domain/faults.h"
#include "common/domain/outcome.h"
#include "common/http/server.h"

/* {0}: all. */
struct call_filter {
    bool has_status;
    enum call_status status;
    bool has_outcome;
    enum outcome outcome; /* of the last attempt */
};

/* Reads `status` and `outcome`; faults are added under their names. */
void call_filter_read(const struct http_request *req, struct call_filter *ret_filter, struct faults *faults);

#endif
