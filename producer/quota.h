/* SPDX-License-Identifier: Apache-2.0
 *
 * What each tenant's requests use of this process, and whether another fits: requests a second, and requests under way.
 * A request that does not fit is refused from here alone, without a question to anybody.
 *
 * The rate is a GCRA with a burst of one second's worth. Each process keeps its own, which bounds what it takes by
 * itself; and tells Redis now and then what it took (quota_charge.lua), which answers how far the tenant's requests to
 * all processes are ahead of its rate. So the bound holds for the fleet, some twentieths of a second late, and no
 * request waits for that. See docs/decisions/0010-request-quota.md.
 */
#ifndef CARILLON_PRODUCER_QUOTA_H
#define CARILLON_PRODUCER_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"

/* At least so long after one charge the next is sent. */
#define QUOTA_CHARGE_US INT64_C(50000)

struct quotas; /* all tenants' */
struct quota; /* one tenant's */

int quotas_create(struct quotas **ret_quotas) MUST_CHECK;
/* Accepts NULL. */
void quotas_free(struct quotas *q);

enum quota_verdict {
    QUOTA_FITS,
    QUOTA_TOO_FAST, /* over its requests a second */
    QUOTA_TOO_MANY, /* LIMIT_TENANT_REQUESTS are under way, or every tenant that can be remembered has some */
};

/* A request of `tenant`, which may make `per_second` of them (1 to LIMIT_TENANT_REQUEST_RATE), comes at `now_us` of the
 * monotonic clock. QUOTA_FITS: it is counted until quota_leave(), up to which `ret_quota` is valid. QUOTA_TOO_FAST:
 * `ret_wait_us` says after what time one fits. */
enum quota_verdict quota_enter(struct quotas *q, const char *tenant, int64_t per_second, int64_t now_us,
                               struct quota **ret_quota, int64_t *ret_wait_us);
void quota_leave(struct quota *quota);

/* How many requests Redis is to be told of now; 0: none, or a charge is under way, or the last was a moment ago. Over
 * 0: the charge is under way until quota_charged(), up to which `quota` is valid. */
int64_t quota_begin_charge(struct quota *quota, int64_t now_us);
/* What Redis said: the tenant's next request fits after `wait_us`. 0 also where it said nothing. */
void quota_charged(struct quota *quota, int64_t now_us, int64_t wait_us);

/* ---- quotas of what lies in Redis: common/lua/lib/quota.lua keeps to them ---- */

/* For what a tenant has none of its own; 0: no limit. */
struct quota_defaults {
    int64_t batches;
    int64_t contacts; /* without an end */
    int64_t bytes;
};

/* Seconds after which it is worth asking again whether something fits. */
#define QUOTA_LOAD_RETRY_S 30

/* What a script's "ERR_QUOTA max_batches 100" names, as the API calls it: "batches", "queuedContacts" or "bytes"; ""
 * for a text of another form. */
struct quota_named {
    const char *name;
    int64_t limit;
};
struct quota_named quota_named(const char *error);

#endif
