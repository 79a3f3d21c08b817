/* SPDX-License-Identifier: Apache-2.0
 *
 * The arguments that lists have in common, read from a query. Faults are added under the argument's name, so that an
 * answer can name all of them.
 */
#ifndef CARILLON_PRODUCER_LIST_QUERY_H
#define CARILLON_PRODUCER_LIST_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/domain/faults.h"
#include "common/http/server.h"
#include "producer/list_cursor.h"

struct list_query {
    uint64_t limit; /* 1 to LIMIT_LIST, which is the default */
    bool has_cursor;
    struct list_cursor cursor;
};

/* Reads `limit` and `cursor`. */
void list_query_read(const struct http_request *req, struct list_query *ret_query, struct faults *faults);

/* The same where a cursor's id must be that of `batch`, of which the list is. */
void list_query_read_of(const struct http_request *req, const char *batch, struct list_query *ret_query,
                        struct faults *faults);

/* Reads `limit` alone: 1 to `most`, which is the default. */
void list_limit_read(const struct http_request *req, int most, uint64_t *ret_limit, struct faults *faults);

/* Reads a `cursor` that says in hexadecimal behind what the list goes on: its length, 1 to `most`. 0, and "", where it
 * is absent or a fault was added. */
size_t list_place_read(const struct http_request *req, size_t most, char *ret_place, struct faults *faults);

/* Adds the fault of a `cursor` that no answer can have given. */
void list_cursor_refuse(struct faults *faults);

/* A stretch of time: from <= instant < to. */
struct list_span {
    int64_t from_ms; /* 0: from the beginning */
    int64_t to_ms; /* LIMIT_INSTANT_MS: without an end */
};

/* Reads `from` and `to`: RFC 3339 with an offset, or Z. */
void list_span_read(const struct http_request *req, struct list_span *ret_span, struct faults *faults);

#endif
