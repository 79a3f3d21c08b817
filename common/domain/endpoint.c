/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/endpoint.h"

#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/digest.h"
#include "common/base/ident.h"
#include "common/base/limits.h"

#define ID_PREFIX "ep_"
#define ID_DIGITS 24
#define SECRET_PREFIX "whsec_"
#define SECRET_PREFIX_LEN 6
#define MADE_KEY_LEN 32

int endpoint_id_make(const char *tenant, const char *origin, char ret_id[ENDPOINT_ID_LEN + 1])
{
    char hex[2 * DIGEST_SHA256_LEN + 1];
    struct buf text;
    buf_init(&text, LIMIT_ID_LEN + 1 + LIMIT_URL_LEN);
    int err = buf_printf(&text, "%s\n%s", tenant, origin);
    if (!err)
        err = digest_sha256_hex(buf_str(&text), buf_len(&text), hex);
    if (!err)
        snprintf(ret_id, ENDPOINT_ID_LEN + 1, ID_PREFIX "%.*s", ID_DIGITS, hex);
    buf_free(&text);
    return err;
}

int endpoint_seal_context(const char *id, char ret_context[ENDPOINT_CONTEXT_LEN + 1])
{
    if (!ident_is_valid(id, strlen(id), ENDPOINT_ID_LEN))
        return ERR_INVALID;
    snprintf(ret_context, ENDPOINT_CONTEXT_LEN + 1, "endpoint/%s", id);
    return 0;
}

int endpoint_secret_make(char ret_secret[ENDPOINT_SECRET_LEN + 1])
{
    uint8_t key[MADE_KEY_LEN];
    char encoded[ENCODE_BASE64_LEN(MADE_KEY_LEN) + 1];
    int err = random_bytes(key, sizeof key);
    if (err)
        return err;
    encode_base64(key, sizeof key, encoded);
    (void)snprintf(ret_secret, ENDPOINT_SECRET_LEN + 1, SECRET_PREFIX "%s", encoded);
    explicit_bzero(encoded, sizeof encoded);
    explicit_bzero(key, sizeof key);
    return 0;
}

int endpoint_secret_key(const char *secret, size_t len, uint8_t ret_key[ENDPOINT_KEY_MAX], size_t *ret_len)
{
    uint8_t key[ENDPOINT_KEY_MAX];
    size_t key_len;
    if (len < SECRET_PREFIX_LEN || memcmp(secret, SECRET_PREFIX, SECRET_PREFIX_LEN) != 0)
        return ERR_INVALID;
    int err = decode_base64(secret + SECRET_PREFIX_LEN, len - SECRET_PREFIX_LEN, key, sizeof key, &key_len);
    if (err == ERR_TOO_LARGE)
        return ERR_RANGE;
    if (err)
        return err;
    if (key_len < ENDPOINT_KEY_MIN) {
        explicit_bzero(key, sizeof key);
        return ERR_RANGE;
    }
    memcpy(ret_key, key, key_len);
    *ret_len = key_len;
    explicit_bzero(key, sizeof key);
    return 0;
}
