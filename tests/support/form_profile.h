/* SPDX-License-Identifier: Apache-2.0
 *
 * A profile made for tests, that uses all that Retell does not: form bodies, basic auth, a token in the callback's
 * path, a lookup by number and time. Shaped after the telephony APIs of that kind; not shipped.
 */
#ifndef CARILLON_TESTS_FORM_PROFILE_H
#define CARILLON_TESTS_FORM_PROFILE_H

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
    " \"call\": {\"id\": \"/CallSid\", \"token\": \"/Token\","
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

#endif
