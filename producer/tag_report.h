/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums over batches, by their tags. Pure: reports in, JSON out.
 */
#ifndef CARILLON_PRODUCER_TAG_REPORT_H
#define CARILLON_PRODUCER_TAG_REPORT_H

#include <cjson/cJSON.h>

#include "common/base/err.h"
#include "producer/batch_report.h"

struct tag_report;

int tag_report_create(struct tag_report **ret_report) MUST_CHECK;
/* Accepts NULL. */
void tag_report_free(struct tag_report *t);
/* Adds one batch to the row of each of its tags (to the one of none, where it has none) and to the totals. Of more than
 * LIMIT_LIST tags the later ones have no row, and the answer says so. ERR_NOMEM. */
int tag_report_add(struct tag_report *t, const struct batch_report *batch) MUST_CHECK;
/* {"tags": [...], "totals": {...}, "isCut": false}; NULL where memory ran out. */
cJSON *tag_report_json(const struct tag_report *t);

#endif
