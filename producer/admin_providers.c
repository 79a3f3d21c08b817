/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/admin_providers.h"

#include "common/json/json.h"
#include "common/provider/provider.h"
#include "producer/exchange.h"

static bool add_variables(const struct provider_profile *profile, cJSON *object)
{
    struct provider_variable_rule rule;
    cJSON *list = cJSON_AddArrayToObject(object, "variables");
    for (size_t i = 0; list && provider_profile_variable(profile, i, &rule); i++) {
        cJSON *variable = cJSON_CreateObject();
        bool is_whole = json_add_str(variable, "name", rule.name) &&
                        cJSON_AddBoolToObject(variable, "required", rule.is_required) &&
                        json_add_str(variable, "about", rule.about);
        if (!is_whole || !cJSON_AddItemToArray(list, variable)) {
            cJSON_Delete(variable);
            return false;
        }
    }
    return list != NULL;
}

static bool add_capabilities(const struct provider_profile *profile, cJSON *object)
{
    cJSON *can = cJSON_AddObjectToObject(object, "capabilities");
    return can && cJSON_AddBoolToObject(can, "poll", provider_profile_can_poll(profile)) &&
           cJSON_AddBoolToObject(can, "lookup", provider_profile_can_lookup(profile)) &&
           cJSON_AddBoolToObject(can, "cancel", provider_profile_can_cancel(profile)) &&
           cJSON_AddBoolToObject(can, "summary", provider_profile_can_summarise(profile)) &&
           json_add_i64(can, "deduplicationMs", provider_profile_dedup_window_ms(profile));
}

static int add_profile(const char *name, cJSON *list)
{
    struct provider_profile *profile;
    int err = provider_profile_builtin(name, &profile);
    if (err)
        return err;
    cJSON *object = cJSON_CreateObject();
    bool is_whole = json_add_str(object, "profile", name) &&
                    json_add_str(object, "baseUrl", provider_profile_base_url(profile)) &&
                    add_variables(profile, object) && add_capabilities(profile, object);
    if (!is_whole || !cJSON_AddItemToArray(list, object)) {
        cJSON_Delete(object);
        err = ERR_NOMEM;
    }
    provider_profile_free(profile);
    return err;
}

static void run_list(struct exchange *x)
{
    cJSON *body = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(body, "providers");
    const char *name;
    int err = list ? 0 : ERR_NOMEM;
    if (!exchange_knows_query(x, NULL, 0)) {
        cJSON_Delete(body);
        return;
    }
    for (size_t i = 0; (name = provider_profile_builtin_name(i)) && !err; i++)
        err = add_profile(name, list);
    if (err) {
        cJSON_Delete(body);
        exchange_fail(x, err);
    } else {
        exchange_answer(x, 200, body);
    }
}

void admin_providers_list(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_OPERATOR, run_list);
}
