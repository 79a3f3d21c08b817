/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/token.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/encode.h"
#include "common/base/ident.h"
#include "common/base/parse.h"

#define MAC_TEXT_LEN ((size_t)2 * TOKEN_MAC_BYTES)

static int write_mac(const uint8_t key[TOKEN_KEY_LEN], const char *signed_part, size_t len, char ret[MAC_TEXT_LEN + 1])
{
    uint8_t mac[DIGEST_SHA256_LEN];
    int rc = digest_hmac_sha256(key, TOKEN_KEY_LEN, signed_part, len, mac);
    if (rc < 0)
        return rc;
    encode_hex(mac, TOKEN_MAC_BYTES, ret);
    return 0;
}

int token_make(const uint8_t key[TOKEN_KEY_LEN], const char *batch, uint64_t ordinal, uint32_t dial,
               char ret_token[LIMIT_TOKEN_LEN + 1])
{
    if (!ident_is_valid(batch, strlen(batch), LIMIT_BATCH_ID_LEN) || ordinal > TOKEN_ORDINAL_MAX || dial == 0 ||
        dial > TOKEN_DIAL_MAX)
        return ERR_INVALID;
    char signed_part[LIMIT_TOKEN_LEN + 1];
    int len = snprintf(signed_part, sizeof signed_part, "%s.%" PRIu64 ".%" PRIu32, batch, ordinal, dial);
    if (len < 0 || (size_t)len + 1 + MAC_TEXT_LEN > LIMIT_TOKEN_LEN)
        return ERR_INVALID;
    char mac[MAC_TEXT_LEN + 1];
    int rc = write_mac(key, signed_part, (size_t)len, mac);
    if (rc < 0)
        return rc;
    (void)snprintf(ret_token, LIMIT_TOKEN_LEN + 1, "%.*s.%s", len, signed_part, mac);
    return 0;
}

/* A decimal number in its one spelling. */
static int read_number(const char *text, size_t len, uint64_t max, uint64_t *ret_value)
{
    if (len > 1 && text[0] == '0')
        return ERR_INVALID;
    return parse_u64(text, len, max, ret_value) < 0 ? ERR_INVALID : 0;
}

int token_verify(const uint8_t key[TOKEN_KEY_LEN], const char *text, size_t len, struct token_parts *ret_parts)
{
    if (len > LIMIT_TOKEN_LEN)
        return ERR_INVALID;
    const char *end = text + len;
    const char *dot1 = memchr(text, '.', len);
    const char *dot2 = dot1 ? memchr(dot1 + 1, '.', (size_t)(end - dot1 - 1)) : NULL;
    const char *dot3 = dot2 ? memchr(dot2 + 1, '.', (size_t)(end - dot2 - 1)) : NULL;
    if (!dot3 || (size_t)(end - dot3 - 1) != MAC_TEXT_LEN)
        return ERR_INVALID;

    struct token_parts parts;
    size_t batch_len = (size_t)(dot1 - text);
    uint64_t dial;
    if (!ident_is_valid(text, batch_len, LIMIT_BATCH_ID_LEN) ||
        read_number(dot1 + 1, (size_t)(dot2 - dot1 - 1), TOKEN_ORDINAL_MAX, &parts.ordinal) < 0 ||
        read_number(dot2 + 1, (size_t)(dot3 - dot2 - 1), TOKEN_DIAL_MAX, &dial) < 0 || dial == 0)
        return ERR_INVALID;

    char mac[MAC_TEXT_LEN + 1];
    int rc = write_mac(key, text, (size_t)(dot3 - text), mac);
    if (rc < 0)
        return rc;
    if (!digest_equal(mac, MAC_TEXT_LEN, dot3 + 1, MAC_TEXT_LEN))
        return ERR_AUTH;
    memcpy(parts.batch, text, batch_len);
    parts.batch[batch_len] = '\0';
    parts.dial = (uint32_t)dial;
    *ret_parts = parts;
    return 0;
}
