/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to common/http: what can be said against a request's head, whatever its route. libmicrohttpd lets through
 * what RFC 9110 and 9112 want refused; two readings of one request are how requests are smuggled past a proxy.
 */
#ifndef CARILLON_HTTP_HEAD_H
#define CARILLON_HTTP_HEAD_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

/* What the request line brought, before libmicrohttpd cut it up. */
struct head_target {
    size_t len; /* of the request target, with its query */
    bool is_malformed; /* it holds a space or a control character: RFC 9112 section 3.2 */
};

struct head_verdict {
    int status; /* 0: nothing; 400, 414, 417, 431 or 501 */
    const char *detail; /* a static text */
    bool is_unframed; /* where its body ends is in doubt: nothing behind it on its connection may be read */
};

/* Looks at the target as it was sent. */
struct head_target head_read_target(const char *target);
/* Judges the headers of `mhd`, which are all in. `version`: "HTTP/1.1". */
struct head_verdict head_judge(struct MHD_Connection *mhd, const char *version, const struct head_target *target);

#endif
