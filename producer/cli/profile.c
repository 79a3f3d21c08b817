/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/profile.h"

#include <string.h>

#include "common/base/buf.h"
#include "common/base/limits.h"
#include "producer/cli/out.h"

#define NAMES_MOST 4096
#define PREFIX "variables." /* of a fault's path */

static void complain_unknown(const char *name)
{
    struct buf names;
    int rc = 0;
    const char *known;
    buf_init(&names, NAMES_MOST);
    for (size_t i = 0; (known = provider_profile_builtin_name(i)) && rc == 0; i++)
        rc = buf_printf(&names, "%s%s", i == 0 ? "" : ", ", known);
    out_complain("--profile: there is no profile '%s'; there is: %s", name, buf_str(&names));
    buf_free(&names);
}

int profile_load(const char *name, struct provider_profile **ret_profile)
{
    int rc = provider_profile_builtin(name, ret_profile);
    if (rc == ERR_NOT_FOUND)
        complain_unknown(name);
    return rc;
}

/* The rule of that name; false where the profile has none. */
static bool find_rule(const struct provider_profile *profile, const char *name, struct provider_variable_rule *ret_rule)
{
    for (size_t i = 0; provider_profile_variable(profile, i, ret_rule); i++)
        if (strcmp(ret_rule->name, name) == 0)
            return true;
    return false;
}

bool profile_has_variable(const struct provider_profile *profile, const char *name)
{
    struct provider_variable_rule rule;
    struct buf names;
    int rc = 0;
    if (find_rule(profile, name, &rule))
        return true;
    buf_init(&names, NAMES_MOST);
    for (size_t i = 0; rc == 0 && provider_profile_variable(profile, i, &rule); i++)
        rc = buf_printf(&names, "%s%s", i == 0 ? "" : ", ", rule.name);
    out_complain("--variable: profile %s has no variable '%s'; it has: %s", provider_profile_name(profile), name,
                 buf_len(&names) > 0 ? buf_str(&names) : "none");
    buf_free(&names);
    return false;
}

static void complain(const struct provider_profile *profile, const struct fault *fault)
{
    struct provider_variable_rule rule;
    const char *name = strncmp(fault->path, PREFIX, sizeof PREFIX - 1) == 0 ? fault->path + sizeof PREFIX - 1 : "";
    if (strcmp(fault->code, FAULT_REQUIRED) == 0 && find_rule(profile, name, &rule))
        out_complain("profile %s needs --variable %s=...: %s", provider_profile_name(profile), name, rule.about);
    else
        out_complain("--variable %s: %s", name, fault->message);
}

bool profile_is_satisfied(const struct provider_profile *profile, const cJSON *variables)
{
    struct provider_variable given[LIMIT_TRUNK_VARIABLES];
    struct provider_variable_rule rule;
    struct faults faults;
    size_t n = 0;
    const cJSON *variable;
    cJSON_ArrayForEach(variable, variables)
    {
        if (n < LIMIT_TRUNK_VARIABLES && find_rule(profile, variable->string, &rule))
            given[n++] = (struct provider_variable){.name = variable->string, .value = variable->valuestring};
    }
    faults_init(&faults, LIMIT_FAULTS);
    int rc = provider_profile_check_trunk(profile, given, n, &faults);
    for (size_t i = 0; i < faults.n; i++)
        complain(profile, &faults.items[i]);
    faults_free(&faults);
    return rc == 0;
}
