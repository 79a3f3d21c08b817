/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch's figures as tenants see them, in the status answers and in batch.completed alike.
 */
#ifndef CARILLON_DOMAIN_BATCH_STATISTICS_H
#define CARILLON_DOMAIN_BATCH_STATISTICS_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "common/base/err.h"

/* Counts of contacts. A contact is processed once its outcome is final. */
struct batch_statistics {
    int64_t total;
    int64_t succeeded;
    int64_t failed;
};

int64_t batch_statistics_processed(const struct batch_statistics *s);
int64_t batch_statistics_pending(const struct batch_statistics *s);
/* Percent with two decimals; 0 where there is nothing to divide by. */
double batch_statistics_percent_complete(const struct batch_statistics *s);
double batch_statistics_success_rate(const struct batch_statistics *s); /* of the processed */

/* Adds {total, processed, succeeded, failed, pending, percentComplete, successRate} to `object` under `key`.
 * ERR_NOMEM. */
int batch_statistics_add_json(const struct batch_statistics *s, cJSON *object, const char *key) MUST_CHECK;

#endif
