/* SPDX-License-Identifier: Apache-2.0
 *
 * What platforms send us: callbacks, and the answers of polls and lookups. The first byte chooses the reader, the rest
 * is the body. Whatever comes in, what comes out keeps its bounds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/utf8.h"
#include "common/provider/provider.h"
#include "tests/support/form_profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOKEN "batch_c0_a1b2.17.2.00112233445566778899aabbccddeeff"

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= 0x20 || *text > 0x7E)
            return false;
    }
    return true;
}

static void check(const struct provider_result *result)
{
    demand(result->kind <= PROVIDER_ANALYZED && result->verdict <= VERDICT_UNKNOWN);
    demand(outcome_name(result->outcome) != NULL);
    demand(strnlen(result->provider_id, sizeof result->provider_id) < sizeof result->provider_id);
    demand(strnlen(result->token, sizeof result->token) < sizeof result->token);
    demand(strnlen(result->reason, sizeof result->reason) < sizeof result->reason);
    demand(is_printable(result->provider_id) && is_printable(result->token));
    demand(utf8_is_valid(result->reason, strlen(result->reason)));
    demand(result->start_ms >= -1 && result->end_ms >= -1 && result->duration_s >= -1);
    demand(result->success >= -1 && result->success <= 1);
    if (result->summary != NULL) {
        size_t len = strlen(result->summary);
        demand(len > 0 && len <= LIMIT_SUMMARY_BYTES && utf8_is_valid(result->summary, len));
    }
    if (result->recording_url != NULL)
        demand(strlen(result->recording_url) <= LIMIT_URL_LEN && is_printable(result->recording_url));
}

static const struct provider_profile *profile(bool is_form)
{
    static struct provider_profile *profiles[2];
    if (profiles[0] == NULL) {
        demand(provider_profile_builtin("retell", &profiles[0]) == 0);
        demand(provider_profile_load(form_profile_json, sizeof form_profile_json - 1, NULL, &profiles[1]) == 0);
    }
    return profiles[is_form];
}

static int read_one(uint8_t which, const char *body, size_t len, struct provider_result *ret_result)
{
    static const struct provider_lookup lookup = {
        .token = TOKEN, .to = "+15551230042", .from = "+15550001111", .begin_ms = 1764000000000};
    const struct provider_callback callback = {.path_token = TOKEN, .body = body, .body_len = len};
    size_t matches;
    switch (which % 5) {
    case 0:
        return provider_read_callback(profile(false), &callback, ret_result);
    case 1:
        return provider_read_poll(profile(false), body, len, ret_result);
    case 2:
        return provider_read_lookup(profile(false), &lookup, body, len, &matches, ret_result);
    case 3:
        return provider_read_callback(profile(true), &callback, ret_result);
    case 4:
        return provider_read_lookup(profile(true), &lookup, body, len, &matches, ret_result);
    }
    return ERR_INVALID;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct provider_result result;
    if (size == 0)
        return 0;
    /* A copy of exactly this size, so that reading behind it is noticed. */
    char *body = malloc(size);
    demand(body != NULL);
    memcpy(body, data + 1, size - 1);
    char *exact = size > 1 ? realloc(body, size - 1) : body;
    demand(exact != NULL);
    if (read_one((uint8_t)(data[0] - '0'), exact, size - 1, &result) == 0) {
        check(&result);
        provider_result_clear(&result);
    }
    free(exact);
    return 0;
}
