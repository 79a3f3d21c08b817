/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to common/http: finding the row of a route table that takes a request, and decoding what a URL carries.
 */
#ifndef CARILLON_HTTP_ROUTE_H
#define CARILLON_HTTP_ROUTE_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/http/server.h"

#define HTTP_ROUTE_PARAMS 8 /* {name}s in one pattern */
#define HTTP_ROUTE_SEGMENTS 32 /* of a path; a longer one is not found */
#define HTTP_ROUTE_ALLOW_LEN 64

/* A table with the argument of its callbacks; a list, the first that matches wins. Owned by the server. */
struct http_table {
    const struct http_route *routes;
    size_t n_routes;
    void *arg;
    struct http_table *next;
};

struct http_param {
    const char *name; /* points into the pattern; name_len bytes */
    size_t name_len;
    const char *value; /* points into `text` of the match */
};

struct http_match {
    const struct http_route *route; /* NULL where none matched */
    void *arg;
    struct http_param params[HTTP_ROUTE_PARAMS];
    size_t n_params;
    char allow[HTTP_ROUTE_ALLOW_LEN]; /* "GET, HEAD, POST": where rows have the path but not the method */
    char *text; /* the decoded path; owned */
};

/* Looks `path` (as sent, without the query) up; rows that spell it out come before those with a {name} there. 0;
 * ERR_NOT_FOUND; ERR_DENIED where the path is known under other methods (`allow` names them); ERR_INVALID for an
 * encoding that is no UTF-8 text; ERR_NOMEM. `m` is to be cleared with http_match_clear() in every case. */
int http_match_find(struct http_match *m, const struct http_table *tables, const char *method,
                    const char *path) MUST_CHECK;
void http_match_clear(struct http_match *m);

/* Decodes %HH in place. ERR_INVALID for a malformed escape, a NUL, or a result that is not UTF-8. */
int http_percent_decode(char *text) MUST_CHECK;

#endif
