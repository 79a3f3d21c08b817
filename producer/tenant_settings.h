/* SPDX-License-Identifier: Apache-2.0
 *
 * What a tenant can be set to, and how it is shown: the rules that the API and the command line tool share.
 *
 *   {"cps": 100, "maxConcurrent": 500, "weight": 2, "keepDays": 30, "trunks": ["main"], "alias": "user_456",
 *    "credits": 36000, "maxRequestsPerSecond": 50, "maxBatches": 100, "maxQueuedContacts": 1000000, "maxBytes":
 * 268435456, "timezone": "America/New_York", "callingWindow": {"start": "09:00", "end": "17:30"}}
 *
 * Credits are seconds of talk; null: no limit. "addCredits" adds to what is left.
 */
#ifndef CARILLON_PRODUCER_TENANT_SETTINGS_H
#define CARILLON_PRODUCER_TENANT_SETTINGS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/domain/batch_request.h"
#include "producer/resource_change.h"
#include "producer/resource_view.h"

#define TENANT_TRUNKS_MOST 64
#define TENANT_WEIGHT_MOST 1000
#define TENANT_KEEP_DAYS_MOST 3650

#define TENANT_CREDITS_MOST_S INT64_C(1000000000000) /* of resource_set.lua */

#define TENANT_FIELDS 18
extern const struct resource_field tenant_fields[TENANT_FIELDS];
/* The members that a body may have. */
#define TENANT_MEMBERS 14
extern const char *const tenant_members[TENANT_MEMBERS];

/* Reads `body` into `change`. A new tenant needs a rate and a trunk; whether the trunks are there is for the caller to
 * see. Unknown members are the caller's matter too. */
void tenant_settings_read(const cJSON *body, bool is_new, struct resource_change *change, struct faults *faults);
/* What the directory is to hold too, as it is read there before a tenant's cell is known: the `index`-th of
 * TENANT_PLACES fields and its value, "" where it is taken away. False where the body does not tell it. For a body that
 * tenant_settings_read() found no fault with. */
#define TENANT_PLACES 2
#define TENANT_PLACE_CAP ((size_t)BATCH_REQUEST_USER_BYTES + 1)
bool tenant_settings_place(const cJSON *body, size_t index, const char **ret_field, char ret_value[TENANT_PLACE_CAP]);
/* Adds credits to what is left when the change is made; resource_set gives ERR_STATE where the tenant has no limit. */
void tenant_settings_add_credits(struct resource_change *change, int64_t seconds);

#endif
