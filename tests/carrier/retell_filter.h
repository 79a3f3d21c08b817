/* SPDX-License-Identifier: Apache-2.0
 *
 * The filter_criteria of POST /v3/list-calls: conditions, joined by AND, on the members of a call as it is listed.
 * A condition on a member that the call does not have does not hold (but "np": not present). In particular a call that
 * nobody has picked up has no start_timestamp, so a filter on that does not find it.
 */
#ifndef CARILLON_CARRIER_RETELL_FILTER_H
#define CARILLON_CARRIER_RETELL_FILTER_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/* Checks that `criteria` (an object, or NULL for none) has the documented form. ERR_INVALID with a sentence in `why`
 * otherwise, also for the few criteria that this carrier does not play. */
int retell_filter_check(const cJSON *criteria, struct buf *why) MUST_CHECK;

/* True where a listed call satisfies criteria that were checked. */
bool retell_filter_matches(const cJSON *criteria, const cJSON *call);

/* The value that the criteria ask metadata[key] to equal, or NULL where they do not: a way to narrow the search. */
const char *retell_filter_metadata_equals(const cJSON *criteria, const char *key);
/* The same for a member of the call, such as "to_number". */
const char *retell_filter_member_equals(const cJSON *criteria, const char *member);

#endif
