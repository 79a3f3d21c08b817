/* SPDX-License-Identifier: Apache-2.0
 *
 * What a trunk must be given, by the profile of its platform (docs/provider-profiles.md): the tool refuses what a
 * worker would have to refuse at every call.
 */
#ifndef CARILLON_PRODUCER_CLI_PROFILE_H
#define CARILLON_PRODUCER_CLI_PROFILE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "common/base/err.h"
#include "common/provider/provider.h"

#define PROFILE_VALUE_MOST 1024

/* The profile of that name; freed with provider_profile_free(). Complains where there is none, and names those there
 * are. */
int profile_load(const char *name, struct provider_profile **ret_profile) MUST_CHECK;

/* Whether the profile has such a variable; complains where it has not, and names those it has. */
bool profile_has_variable(const struct provider_profile *profile, const char *name);
/* Whether `variables` (an object of texts, or NULL) has all that the profile requires, and nothing that it does not
 * permit; complains about each that is not so. What the profile does not know is passed over. */
bool profile_is_satisfied(const struct provider_profile *profile, const cJSON *variables);

#endif
