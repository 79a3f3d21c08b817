/* SPDX-License-Identifier: Apache-2.0
 *
 * What the provider engine's tests share: the built-in Retell profile, a second one made for tests, and a dial with
 * every field filled in.
 */
#ifndef CARILLON_TESTS_PROVIDER_FIXTURE_H
#define CARILLON_TESTS_PROVIDER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/provider/provider.h"
#include "tests/support/form_profile.h"

#define FIXTURE_TOKEN "batch_c0_a1b2.17.2.00112233445566778899aabbccddeeff"

static const struct provider_variable form_variables[] = {
    {"account_sid", "AC0042"},
    {"answer_url", "https://voice.example/answer?x=1&y=2"},
};

/* A trunk with a credential that must never be seen anywhere but in the authorization. */
static inline struct provider_trunk fixture_trunk(void)
{
    return (struct provider_trunk){
        .base_url = "http://127.0.0.1:9000",
        .credential = "key_3f9c1b2a7d",
        .credential_len = sizeof "key_3f9c1b2a7d" - 1,
        .variables = form_variables,
        .n_variables = 2,
        .callback_base = "https://callbacks.example/",
    };
}

static inline struct dial_request fixture_dial(void)
{
    static const char metadata[] = "{\"plan\": \"gold\", \"visits\": 3, \"vip\": true, \"note\": null, "
                                   "\"tags\": [\"a\", \"b\"], \"name\": \"from metadata\"}";
    return (struct dial_request){
        .to = "+15551230042",
        .from = "+15550001111",
        .agent_id = "agent_7",
        .token = FIXTURE_TOKEN,
        .batch_id = "batch_c0_a1b2",
        .call_id = "batch_c0_a1b2-17",
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
}

/* The value of a request's header, by its name as it is written; NULL where it has none. */
static inline const char *header_of(const struct provider_request *request, const char *name)
{
    for (size_t i = 0; i < request->n_headers; i++) {
        if (strcmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    }
    return NULL;
}

static inline struct provider_profile *fixture_retell(void)
{
    struct provider_profile *profile = NULL;
    assert_int_equal(provider_profile_builtin("retell", &profile), 0);
    return profile;
}

static inline struct provider_profile *fixture_vapi(void)
{
    struct provider_profile *profile = NULL;
    assert_int_equal(provider_profile_builtin("vapi", &profile), 0);
    return profile;
}

static inline struct provider_profile *fixture_form(void)
{
    struct provider_profile *profile = NULL;
    assert_int_equal(provider_profile_load(form_profile_json, sizeof form_profile_json - 1, NULL, &profile), 0);
    return profile;
}

#endif
