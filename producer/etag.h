/* SPDX-License-Identifier: Apache-2.0
 *
 * Entity tags (RFC 9110 sections 8.8.3, 13.1.1 and 13.1.2). A batch's is a strong one, of the revision of its settings:
 * its counters change with every call and are not in it, or nobody could ever change a running batch by it.
 */
#ifndef CARILLON_PRODUCER_ETAG_H
#define CARILLON_PRODUCER_ETAG_H

#include <stdbool.h>
#include <stdint.h>

#define ETAG_LEN 24

/* "\"3\"" */
void etag_format(int64_t revision, char ret[ETAG_LEN + 1]);
/* Whether the value of an If-Match header names the revision, by the strong comparison: `*`, or a list in which it
 * stands. What is not well-formed names nothing. */
bool etag_is_named(const char *if_match, int64_t revision);
/* Whether the value of an If-None-Match header names `etag`, which has its quotes and may begin with W/, by the
 * weak comparison. */
bool etag_is_known(const char *if_none_match, const char *etag);

#endif
