/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/list_query.h"

#include <string.h>

#include "common/base/limits.h"
#include "common/base/parse.h"

void list_query_read(const struct http_request *req, struct list_query *ret_query, struct faults *faults)
{
    const char *limit = http_request_query(req, "limit");
    const char *cursor = http_request_query(req, "cursor");
    ret_query->limit = LIMIT_LIST;
    if (limit && (parse_u64(limit, strlen(limit), LIMIT_LIST, &ret_query->limit) != 0 || ret_query->limit == 0))
        faults_add(faults, "limit", FAULT_RANGE, "must be an integer from 1 to %d", LIMIT_LIST);
    ret_query->has_cursor = cursor != NULL;
    if (cursor && list_cursor_parse(cursor, &ret_query->cursor) != 0)
        faults_add(faults, "cursor", FAULT_NOT_ALLOWED, "must be one that an answer gave");
}
