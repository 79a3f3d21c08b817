/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/batch_filter.h"

#include <string.h>

#include "common/base/limits.h"
#include "common/base/utf8.h"

/* An argument of 1 to `most` characters; NULL where absent, or where a fault was added. */
static const char *read_text(const struct http_request *req, const char *name, size_t most, struct faults *faults)
{
    const char *text = http_request_query(req, name);
    size_t count = text ? utf8_count(text, strlen(text)) : 1;
    if (count >= 1 && count <= most)
        return text;
    faults_add(faults, name, FAULT_LENGTH, "must have 1 to %zu characters", most);
    return NULL;
}

void batch_filter_read(const struct http_request *req, struct batch_filter *ret_filter, struct faults *faults)
{
    const char *status = http_request_query(req, "status"), *kind = http_request_query(req, "kind");
    struct batch_filter filter = {
        .tag = read_text(req, "tag", LIMIT_TAG_LEN, faults),
        .agent_id = read_text(req, "agentId", LIMIT_AGENT_ID_LEN, faults),
    };
    filter.of_dials = kind && strcmp(kind, "dial") == 0;
    if (kind && !filter.of_dials && strcmp(kind, "batch") != 0)
        faults_add(faults, "kind", FAULT_NOT_ALLOWED, "must be batch or dial");
    list_span_read(req, &filter.created, faults);
    if (status) {
        filter.has_state = batch_state_from_name(status, strlen(status), &filter.state) == 0;
        if (!filter.has_state)
            faults_add(
                faults, "status", FAULT_NOT_ALLOWED,
                "must be draft, scheduled, pending, processing, paused, cancelling, completed, cancelled or failed");
    }
    *ret_filter = filter;
}

bool batch_filter_looks_inside(const struct batch_filter *filter)
{
    return filter->has_state || filter->agent_id;
}

bool batch_filter_wants(const struct batch_filter *filter, const struct batch_report *report)
{
    if (filter->has_state && report->state != filter->state)
        return false;
    return !filter->agent_id || (report->agent_id && strcmp(report->agent_id, filter->agent_id) == 0);
}
