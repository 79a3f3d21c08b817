/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/profile_example.h"

#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/encode.h"
#include "common/base/limits.h"
#include "common/json/json.h"

#define CREDENTIAL "CREDENTIAL"
#define TOKEN "batch_c0_example.0.1.00112233445566778899aabbccddeeff"
#define PLATFORM "https://platform.example" /* where the profile leaves it to the trunk */

static const char metadata[] = "{\"plan\":\"gold\",\"visits\":3}";

static const struct dial_request dial = {
    .to = "+15551230042",
    .from = "+15550001111",
    .agent_id = "agent_7",
    .token = TOKEN,
    .batch_id = "batch_c0_example",
    .call_id = "batch_c0_example-0",
    .contact_id = "crm-99",
    .contact_name = "Ada Lovelace",
    .contact_email = "ada@example.com",
    .contact_company = "Engines & Sons",
    .contact_timezone = "Europe/London",
    .metadata = metadata,
    .metadata_len = sizeof metadata - 1,
    .ring_timeout_s = 30,
    .max_call_duration_s = 1800,
};

void profile_example_value(const cJSON *variable, char ret[PROFILE_EXAMPLE_LEN + 1])
{
    const cJSON *values = cJSON_GetObjectItemCaseSensitive(variable, "values");
    const char *pattern = values && values->child ? values->child->valuestring : variable->string;
    size_t n = 0;
    for (; *pattern && n < PROFILE_EXAMPLE_LEN - 3; pattern++) {
        size_t len = *pattern == '*' ? 3 : 1;
        memcpy(ret + n, *pattern == '*' ? "..." : pattern, len);
        n += len;
    }
    ret[n] = '\0';
}

/* A header's value as a person reads it: what is base64 in it is written as what it encodes. */
static int add_header(cJSON *headers, const struct provider_header *header)
{
    static const char basic[] = "Basic ";
    char decoded[LIMIT_HTTP_CLIENT_HEADER_BYTES], text[LIMIT_HTTP_CLIENT_HEADER_BYTES + 32];
    size_t len;
    const char *value = header->value;
    if (strncmp(value, basic, sizeof basic - 1) == 0 &&
        decode_base64(value + sizeof basic - 1, strlen(value + sizeof basic - 1), decoded, sizeof decoded - 1, &len) ==
            0) {
        decoded[len] = '\0';
        snprintf(text, sizeof text, "Basic base64(%s)", decoded);
        value = text;
    }
    return json_add_str(headers, header->name, value) ? 0 : ERR_NOMEM;
}

static int add_request(const struct provider_request *request, cJSON *object)
{
    int rc =
        json_add_str(object, "method", request->method) && json_add_str(object, "url", request->url) ? 0 : ERR_NOMEM;
    cJSON *headers = cJSON_AddObjectToObject(object, "headers");
    for (size_t i = 0; i < request->n_headers && rc == 0; i++)
        rc = headers ? add_header(headers, &request->headers[i]) : ERR_NOMEM;
    if (rc == 0 && request->body)
        rc = json_add_str(object, "body", request->body) ? 0 : ERR_NOMEM;
    return rc;
}

static int render(const struct provider_profile *profile, const struct provider_trunk *trunk,
                  enum profile_request which, struct provider_request *ret_request)
{
    static const struct provider_lookup lookup = {
        .token = TOKEN, .to = "+15551230042", .from = "+15550001111", .begin_ms = INT64_C(1764000000000)};
    switch (which) {
    case PROFILE_START:
        return provider_render_start(profile, trunk, &dial, ret_request);
    case PROFILE_POLL:
        return provider_render_poll(profile, trunk, "PROVIDER_ID", ret_request);
    case PROFILE_LOOKUP:
        return provider_render_lookup(profile, trunk, &lookup, ret_request);
    case PROFILE_CANCEL:
        return provider_render_cancel(profile, trunk, "PROVIDER_ID", ret_request);
    }
    return ERR_STATE;
}

int profile_example_add(const struct provider_profile *profile, const cJSON *variables, enum profile_request which,
                        cJSON *object)
{
    struct provider_variable given[LIMIT_TRUNK_VARIABLES];
    char values[LIMIT_TRUNK_VARIABLES][PROFILE_EXAMPLE_LEN + 1];
    struct provider_trunk trunk = {
        .base_url = provider_profile_base_url(profile) ? NULL : PLATFORM,
        .credential = CREDENTIAL,
        .credential_len = sizeof CREDENTIAL - 1,
        .variables = given,
        .callback_base = "https://callbacks.example",
    };
    const cJSON *variable;
    cJSON_ArrayForEach(variable, variables)
    {
        if (trunk.n_variables == LIMIT_TRUNK_VARIABLES)
            return ERR_TOO_LARGE;
        profile_example_value(variable, values[trunk.n_variables]);
        given[trunk.n_variables] = (struct provider_variable){variable->string, values[trunk.n_variables]};
        trunk.n_variables++;
    }
    struct provider_request request;
    int rc = render(profile, &trunk, which, &request);
    if (rc != 0)
        return rc;
    rc = add_request(&request, object);
    provider_request_clear(&request);
    return rc;
}
