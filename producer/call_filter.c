/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/call_filter.h"

#include <string.h>

void call_filter_read(const struct http_request *req, struct call_filter *ret_filter, struct faults *faults)
{
    struct call_filter filter = {0};
    const char *status = http_request_query(req, "status");
    const char *outcome = http_request_query(req, "outcome");
    if (status) {
        filter.has_status = call_status_from_name(status, strlen(status), &filter.status) == 0;
        if (!filter.has_status)
            faults_add(faults, "status", FAULT_NOT_ALLOWED, "must be SCHEDULED, ONGOING, COMPLETED, MISSED or FAILED");
    }
    if (outcome) {
        filter.has_outcome = outcome_from_name(outcome, strlen(outcome), &filter.outcome) == 0;
        if (!filter.has_outcome)
            faults_add(faults, "outcome", FAULT_NOT_ALLOWED, "must be an outcome, such as COMPLETED or NO_ANSWER");
    }
    *ret_filter = filter;
}
