/* SPDX-License-Identifier: Apache-2.0
 *
 * What a profile would send for a call that nobody places: to show it to whoever writes one. The credential is the word
 * CREDENTIAL, readable wherever it goes.
 */
#ifndef CARILLON_PRODUCER_CLI_PROFILE_EXAMPLE_H
#define CARILLON_PRODUCER_CLI_PROFILE_EXAMPLE_H

#include <cjson/cJSON.h>

#include "common/base/err.h"
#include "common/provider/provider.h"

enum profile_request { PROFILE_START, PROFILE_POLL, PROFILE_LOOKUP, PROFILE_CANCEL };
#define PROFILE_REQUESTS 4

/* The text that stands for a trunk's variable, by the profile's own JSON: a value that is permitted, or its name. */
#define PROFILE_EXAMPLE_LEN 96
void profile_example_value(const cJSON *variable, char ret[PROFILE_EXAMPLE_LEN + 1]);

/* Adds to `object`: method, url, headers, body (where there is one). `variables` is the profile's own JSON member, or
 * NULL. ERR_STATE where the profile has no such request. */
int profile_example_add(const struct provider_profile *profile, const cJSON *variables, enum profile_request which,
                        cJSON *object) MUST_CHECK;

#endif
