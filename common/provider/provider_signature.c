/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/encode.h"
#include "common/base/parse.h"
#include "common/provider/provider_format.h"

/* How far a Retell signature's time may lie from ours, either way (retell-sdk 5.66.1, lib/webhook_auth). */
#define RETELL_WINDOW_MS INT64_C(300000)
/* Digits of a Unix time in ms until the year 33658. */
#define RETELL_TIME_DIGITS_MAX 15

/* ERR_AUTH unless `signature`, the header's value, fits the callback. */
typedef int (*verify_fn)(const struct provider_trunk *trunk, const struct provider_callback *callback,
                         const char *signature, int64_t now_ms);

/* "v=<Unix ms>,d=<hex>": HMAC-SHA256 with the API key over the raw body followed by the digits of the time. */
static int verify_retell(const struct provider_trunk *trunk, const struct provider_callback *callback,
                         const char *signature, int64_t now_ms)
{
    uint8_t expected[DIGEST_SHA256_LEN];
    uint8_t received[DIGEST_SHA256_LEN];
    size_t received_len;
    int64_t signed_ms;
    if (strncmp(signature, "v=", 2) != 0)
        return ERR_AUTH;
    const char *digits = signature + 2;
    size_t n_digits = strspn(digits, "0123456789");
    const char *digest = digits + n_digits;
    if (n_digits > RETELL_TIME_DIGITS_MAX || strncmp(digest, ",d=", 3) != 0 ||
        parse_i64(digits, n_digits, 0, INT64_MAX, &signed_ms) != 0)
        return ERR_AUTH;
    digest += 3;
    if (decode_hex(digest, strlen(digest), received, sizeof received, &received_len) != 0)
        return ERR_AUTH;
    if (signed_ms - now_ms > RETELL_WINDOW_MS || now_ms - signed_ms > RETELL_WINDOW_MS)
        return ERR_AUTH;

    size_t text_len = callback->body_len + n_digits;
    char *text = malloc(text_len + 1);
    if (text == NULL)
        return ERR_NOMEM;
    memcpy(text, callback->body, callback->body_len);
    memcpy(text + callback->body_len, digits, n_digits);
    int rc = digest_hmac_sha256(trunk->credential, trunk->credential_len, text, text_len, expected);
    free(text);
    if (rc != 0)
        return rc;
    return digest_equal(expected, sizeof expected, received, received_len) ? 0 : ERR_AUTH;
}

static const struct {
    const char *kind;
    verify_fn verify;
} kinds[] = {
    {"retell", verify_retell},
};

static verify_fn find_kind(const char *kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].kind, kind) == 0)
            return kinds[i].verify;
    }
    return NULL;
}

bool signature_kind_exists(const char *kind)
{
    return find_kind(kind) != NULL;
}

int provider_verify_callback(const struct provider_profile *profile, const struct provider_trunk *trunk,
                             const struct provider_callback *callback, int64_t now_ms)
{
    const struct profile_callback *rules = &profile->callback;
    if (!profile->has_callback || trunk->credential == NULL || trunk->credential_len == 0)
        return ERR_AUTH;
    const char *signature = callback->header_fn(rules->signature_header, callback->header_arg);
    if (signature == NULL)
        return ERR_AUTH;
    return find_kind(rules->signature_kind)(trunk, callback, signature, now_ms);
}
