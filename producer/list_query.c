/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/list_query.h"

#include <string.h>

#include "common/base/encode.h"
#include "common/base/limits.h"
#include "common/base/parse.h"
#include "common/base/timestamp.h"

void list_cursor_refuse(struct faults *faults)
{
    faults_add(faults, "cursor", FAULT_NOT_ALLOWED, "must be one that an answer gave");
}

void list_limit_read(const struct http_request *req, int most, uint64_t *ret_limit, struct faults *faults)
{
    const char *text = http_request_query(req, "limit");
    *ret_limit = (uint64_t)most;
    if (text && (parse_u64(text, strlen(text), (uint64_t)most, ret_limit) != 0 || *ret_limit == 0))
        faults_add(faults, "limit", FAULT_RANGE, "must be an integer from 1 to %d", most);
}

size_t list_place_read(const struct http_request *req, size_t most, char *ret_place, struct faults *faults)
{
    const char *text = http_request_query(req, "cursor");
    size_t len = 0;
    if (text && (decode_hex(text, strlen(text), ret_place, most, &len) != 0 || len == 0)) {
        list_cursor_refuse(faults);
        len = 0;
    }
    ret_place[len] = '\0';
    return len;
}

void list_query_read(const struct http_request *req, struct list_query *ret_query, struct faults *faults)
{
    const char *cursor = http_request_query(req, "cursor");
    list_limit_read(req, LIMIT_LIST, &ret_query->limit, faults);
    ret_query->has_cursor = cursor != NULL;
    if (cursor && list_cursor_parse(cursor, &ret_query->cursor) != 0)
        list_cursor_refuse(faults);
}

void list_query_read_of(const struct http_request *req, const char *batch, struct list_query *ret_query,
                        struct faults *faults)
{
    size_t before = faults_count(faults);
    list_query_read(req, ret_query, faults);
    if (faults_count(faults) == before && ret_query->has_cursor && strcmp(ret_query->cursor.id, batch) != 0)
        faults_add(faults, "cursor", FAULT_NOT_ALLOWED, "must be one that an answer about this batch gave");
}

/* False where a fault was added. */
static bool read_instant(const struct http_request *req, const char *name, int64_t *ret_ms, struct faults *faults)
{
    struct timestamp_parts parts;
    const char *text = http_request_query(req, name);
    if (!text)
        return true;
    if (timestamp_parse(text, strlen(text), &parts) != 0 || !parts.has_offset) {
        faults_add(faults, name, FAULT_TIME, "must be an instant such as 2027-11-16T09:00:00Z, with an offset or Z");
        return false;
    }
    *ret_ms = parts.wall_ms - (int64_t)parts.offset_s * 1000;
    return true;
}

void list_span_read(const struct http_request *req, struct list_span *ret_span, struct faults *faults)
{
    struct list_span span = {.to_ms = LIMIT_INSTANT_MS};
    bool has_from = read_instant(req, "from", &span.from_ms, faults);
    bool has_to = read_instant(req, "to", &span.to_ms, faults);
    if (has_from && has_to && span.to_ms <= span.from_ms)
        faults_add(faults, "to", FAULT_TIME, "must be later than from");
    *ret_span = span;
}
