/* SPDX-License-Identifier: Apache-2.0
 *
 * What a trunk, an account at a platform, can be set to, and how it is shown: the rules that the API and the command
 * line tool share. What a worker would have to refuse at every call is refused here.
 *
 *   {"profile": "twilio", "credential": "...", "callerIds": ["+15550001111"], "cps": 5, "maxConcurrent": 100,
 *    "baseUrl": "https://api.twilio.com", "variables": {"account_sid": "AC1", "answer_url": "https://voice.example/"},
 *    "pollAfterMs": 60000, "lookupAbsentAfterMs": 60000, "breakerPercent": 50, "breakerMinimum": 20}
 */
#ifndef CARILLON_PRODUCER_TRUNK_SETTINGS_H
#define CARILLON_PRODUCER_TRUNK_SETTINGS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/seal.h"
#include "producer/resource_change.h"
#include "producer/resource_view.h"

#define TRUNK_CREDENTIAL_MOST 4096
#define TRUNK_MS_LEAST 100
#define TRUNK_MS_MOST 86400000
#define TRUNK_BREAKER_MINIMUM_MOST 1000

#define TRUNK_FIELDS 18
extern const struct resource_field trunk_fields[TRUNK_FIELDS];
/* The members that a body may have. */
#define TRUNK_MEMBERS 11
extern const char *const trunk_members[TRUNK_MEMBERS];

/* ---- what a trunk has ---- */

/* Begins as all zero, a new trunk's; freed by trunk_settings_clear(). */
struct trunk_settings {
    bool is_stopped;
    bool has_base_url;
    char *profile; /* NULL: none */
    cJSON *variables; /* name -> value; NULL: none */
};

/* From what HGETALL answered. ERR_NOT_FOUND where that is empty; ERR_NOMEM; ERR_PROTOCOL. */
int trunk_settings_load(const struct redisReply *hash, struct trunk_settings *ret_settings) MUST_CHECK;
void trunk_settings_clear(struct trunk_settings *settings);

/* ---- what is given ---- */

/* Reads `body` into `change`, but for its credential, which is sealed apart. A new trunk needs a profile, a credential,
 * a caller id and a rate. Faults by path. Unknown members are the caller's matter. */
void trunk_settings_read(const cJSON *body, bool is_new, struct resource_change *change, struct faults *faults);
/* Whether the profile can work with what the trunk `has` and `body` gives, for a body that trunk_settings_read() found
 * no fault with: faults where not. `has` is joined with it. ERR_NOMEM. */
int trunk_settings_judge(struct trunk_settings *has, const cJSON *body, struct faults *faults) MUST_CHECK;

/* Seals the body's credential, where it has one, for this trunk and no other, and puts it into `change`. */
int trunk_settings_seal(const cJSON *body, const char *id, const struct seal_keys *keys,
                        struct resource_change *change) MUST_CHECK;
/* Frees a body; its credential is wiped. Accepts NULL. */
void trunk_settings_delete_body(cJSON *body);

/* One line of printable ASCII, at most TRUNK_CREDENTIAL_MOST bytes. */
bool trunk_credential_is_good(const char *text);

#endif
