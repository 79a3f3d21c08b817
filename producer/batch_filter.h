/* SPDX-License-Identifier: Apache-2.0
 *
 * Which batches a list is to show, read from a query.
 */
#ifndef CARILLON_PRODUCER_BATCH_FILTER_H
#define CARILLON_PRODUCER_BATCH_FILTER_H

#include <stdbool.h>

#include "common/domain/batch_state.h"
#include "common/domain/faults.h"
#include "common/http/server.h"
#include "producer/batch_report.h"
#include "producer/list_query.h"

/* Texts are borrowed from the request. */
struct batch_filter {
    bool of_dials; /* the batches of single calls, and no others */
    const char *tag; /* NULL: any; the index knows them */
    struct list_span created;
    bool has_state;
    enum batch_state state;
    const char *agent_id; /* NULL: any */
};

/* Reads `tag`, `status`, `agentId`, `from` and `to`; faults are added under their names. */
void batch_filter_read(const struct http_request *req, struct batch_filter *ret_filter, struct faults *faults);
/* True where the batch itself has to be looked at, not only its index. */
bool batch_filter_looks_inside(const struct batch_filter *filter);
/* Whether its state and its agent are wanted. */
bool batch_filter_wants(const struct batch_filter *filter, const struct batch_report *report);

#endif
