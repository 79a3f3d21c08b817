/* SPDX-License-Identifier: Apache-2.0
 *
 * What a trunk must be given, by the profile of its platform (docs/provider-profiles.md): the tool refuses what a
 * worker would have to refuse at every call.
 */
#ifndef CARILLON_PRODUCER_CLI_PROFILE_H
#define CARILLON_PRODUCER_CLI_PROFILE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

#define PROFILE_VARIABLES_MOST 32
#define PROFILE_VALUE_MOST 1024

/* The profile of that name; freed with cJSON_Delete(). Complains where there is none, and names those there are. */
int profile_load(const char *name, cJSON **ret_profile) MUST_CHECK;
/* The platform's own address, or NULL where every trunk must give one. Borrowed. */
const char *profile_base_url(const cJSON *profile);

/* Whether the profile has such a variable; complains where it has not, and names those it has. */
bool profile_has_variable(const cJSON *profile, const char *name);
/* Whether every variable that the profile requires is a member of `variables`; complains about each that is not. */
bool profile_is_satisfied(const cJSON *profile, const cJSON *variables);

#endif
