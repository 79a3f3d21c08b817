/* SPDX-License-Identifier: Apache-2.0
 *
 * What the provider engine's tests share: the built-in Retell profile, a second profile made for tests that uses all
 * that Retell does not (form bodies, basic auth, a token in the callback's path, a lookup by number and time), and a
 * dial with every field filled in.
 */
#ifndef CARILLON_TESTS_PROVIDER_FIXTURE_H
#define CARILLON_TESTS_PROVIDER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/provider.h"

#define FIXTURE_TOKEN "batch_c0_a1b2.17.2.00112233445566778899aabbccddeeff"

/* Shaped after the first telephony API of the form-encoded kind that the engine will meet; not shipped. */
static const char form_profile_json[] =
    "{\"format\": 1, \"name\": \"formtel\", \"about\": \"a form-encoded telephony API\","
    " \"base_url\": \"https://api.formtel.example\","
    " \"auth\": {\"kind\": \"basic\", \"user\": \"{{trunk.account_sid}}\"},"
    " \"variables\": {\"account_sid\": {\"required\": true, \"about\": \"the account\"},"
    "                 \"answer_url\": {\"required\": true, \"about\": \"where the call's script is\"},"
    "                 \"region\": {\"about\": \"optional\"}},"
    " \"start\": {\"request\": {\"method\": \"POST\", \"path\": \"/v1/Accounts/{{trunk.account_sid}}/Calls.json\","
    "   \"headers\": {\"X-Request-Token\": \"t={{token}}\"},"
    "   \"form\": {\"To\": \"{{to}}\", \"From\": \"{{from}}\", \"Url\": \"{{trunk.answer_url}}\","
    "     \"StatusCallback\": \"{{callback_url}}\", \"StatusCallbackEvent\": [\"ringing\", \"completed\"],"
    "     \"Timeout\": \"{{ring_timeout_s}}\", \"Name\": \"{{contact.name}}\","
    "     \"Greeting\": \"Hello {{contact.name}} of {{contact.company}}\"}},"
    "   \"id\": \"/sid\", \"reason\": \"/message\", \"dedup_window_ms\": 60000,"
    "   \"verdicts\": [{\"status\": \"200\", \"pointer\": \"/success\", \"map\": {\"false\": \"REJECTED\"}},"
    "     {\"status\": \"4*\", \"pointer\": \"/code\", \"map\": {\"10004\": \"THROTTLED\", \"20003\": \"ACCOUNT\","
    "       \"21211\": \"INVALID_NUMBER\", \"2121*\": \"BLOCKED\", \"30001\": \"FAILED\"}},"
    "     {\"status\": \"429\", \"means\": \"THROTTLED\"}, {\"status\": \"400\", \"means\": \"REJECTED\"}]},"
    " \"call\": {\"id\": \"/CallSid\","
    "   \"state\": {\"pointer\": \"/CallStatus\", \"map\": {\"queued\": \"ringing\", \"ringing\": \"ringing\","
    "     \"in-progress\": \"ongoing\", \"completed\": \"ended\", \"busy\": \"ended\", \"no-*\": \"ended\"}},"
    "   \"outcomes\": [{\"pointer\": \"/AnsweredBy\", \"map\": {\"machine_*\": \"VOICEMAIL\"}},"
    "     {\"pointer\": \"/CallStatus\", \"map\": {\"completed\": \"COMPLETED\", \"busy\": \"BUSY\","
    "       \"no-answer\": \"NO_ANSWER\"}}],"
    "   \"outcome_default\": \"FAILED\", \"reason\": \"/CallStatus\","
    "   \"start\": {\"pointer\": \"/StartTime\", \"unit\": \"rfc3339\"},"
    "   \"duration\": {\"pointer\": \"/CallDuration\", \"unit\": \"s\"}},"
    " \"lookup\": {\"request\": {\"method\": \"GET\", \"path\": \"/v1/Accounts/{{trunk.account_sid}}/Calls.json\","
    "     \"query\": {\"To\": \"{{to}}\", \"From\": \"{{from}}\", \"StartTime>\": \"{{begin_date}}\"}},"
    "   \"items\": \"/calls\", \"more\": \"/more\", \"match\": {\"/To\": \"{{to}}\", \"/From\": \"{{from}}\"},"
    "   \"created\": {\"pointer\": \"/created\", \"unit\": \"s\"}, \"window_ms\": [-2000, 60000]},"
    " \"callback\": {\"body\": \"form\", \"call\": \"\", \"token\": \"path\","
    "   \"signature\": {\"kind\": \"retell\", \"header\": \"x-formtel-signature\"}}}";

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

static inline struct provider_profile *fixture_retell(void)
{
    struct provider_profile *profile = NULL;
    assert_int_equal(provider_profile_builtin("retell", &profile), 0);
    return profile;
}

static inline struct provider_profile *fixture_form(void)
{
    struct provider_profile *profile = NULL;
    assert_int_equal(provider_profile_load(form_profile_json, sizeof form_profile_json - 1, NULL, &profile), 0);
    return profile;
}

#endif
