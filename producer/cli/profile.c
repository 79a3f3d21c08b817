/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/profile.h"

#include <string.h>

#include "common/base/buf.h"
#include "common/json/json.h"
#include "producer/cli/out.h"
#include "profiles.h" /* generated: profile_sources[] */

#define NAMES_MOST 4096

static void complain_unknown(const char *name)
{
    struct buf names;
    int rc = 0;
    buf_init(&names, NAMES_MOST);
    for (const struct profile_source *source = profile_sources; source->name && rc == 0; source++)
        rc = buf_printf(&names, "%s%s", source == profile_sources ? "" : ", ", source->name);
    out_complain("--profile: there is no profile '%s'; there is: %s", name, buf_str(&names));
    buf_free(&names);
}

int profile_load(const char *name, cJSON **ret_profile)
{
    for (const struct profile_source *source = profile_sources; source->name; source++) {
        if (strcmp(source->name, name) == 0)
            return json_parse(source->json, source->len, ret_profile, NULL);
    }
    complain_unknown(name);
    return ERR_NOT_FOUND;
}

const char *profile_base_url(const cJSON *profile)
{
    const cJSON *url = cJSON_GetObjectItemCaseSensitive(profile, "base_url");
    return cJSON_IsString(url) ? url->valuestring : NULL;
}

static const cJSON *variables_of(const cJSON *profile)
{
    return cJSON_GetObjectItemCaseSensitive(profile, "variables");
}

static const char *name_of(const cJSON *profile)
{
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(profile, "name");
    return cJSON_IsString(name) ? name->valuestring : "";
}

bool profile_has_variable(const cJSON *profile, const char *name)
{
    const cJSON *variables = variables_of(profile), *variable;
    struct buf names;
    int rc = 0;
    if (cJSON_GetObjectItemCaseSensitive(variables, name))
        return true;
    buf_init(&names, NAMES_MOST);
    cJSON_ArrayForEach(variable, variables)
    {
        if (rc == 0)
            rc = buf_printf(&names, "%s%s", variable == variables->child ? "" : ", ", variable->string);
    }
    out_complain("--variable: profile %s has no variable '%s'; it has: %s", name_of(profile), name,
                 buf_len(&names) > 0 ? buf_str(&names) : "none");
    buf_free(&names);
    return false;
}

bool profile_is_satisfied(const cJSON *profile, const cJSON *variables)
{
    const cJSON *variable;
    bool is_satisfied = true;
    cJSON_ArrayForEach(variable, variables_of(profile))
    {
        const cJSON *about = cJSON_GetObjectItemCaseSensitive(variable, "about");
        bool is_required = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(variable, "required"));
        if (!is_required || cJSON_GetObjectItemCaseSensitive(variables, variable->string))
            continue;
        out_complain("profile %s needs --variable %s=...: %s", name_of(profile), variable->string,
                     cJSON_IsString(about) ? about->valuestring : "");
        is_satisfied = false;
    }
    return is_satisfied;
}
