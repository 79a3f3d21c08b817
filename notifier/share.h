/* SPDX-License-Identifier: Apache-2.0
 *
 * How many requests a tenant, and a host, have under way in this process: neither gets more than its share of it. Plain
 * counts, by name.
 */
#ifndef CARILLON_NOTIFIER_SHARE_H
#define CARILLON_NOTIFIER_SHARE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

struct shares;

/* `most` for each name. ERR_NOMEM. */
int shares_create(unsigned most, struct shares **ret_shares) MUST_CHECK;
/* Accepts NULL. */
void shares_free(struct shares *s);

/* One more for that name; false where it has as many as it may. */
bool shares_take(struct shares *s, const char *name);
/* One that was taken is over. */
void shares_give(struct shares *s, const char *name);

#endif
