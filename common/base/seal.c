/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/seal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/encode.h"
#include "common/base/file.h"
#include "common/base/openssl.h"

#define KEY_LEN 32
#define NONCE_LEN 12 /* random: at 2^32 secrets under one key two alike are as likely as 2^-33 */
#define TAG_LEN 16
#define PREFIX "v1."
#define PREFIX_LEN (sizeof PREFIX - 1)
#define SECRET_MAX ((size_t)64 << 10)
#define HEX_KEY_LEN 64
#define BASE64_KEY_LEN 44

struct seal_keys {
    uint8_t seal[KEY_LEN];
    uint8_t token[KEY_LEN];
};

/* ---- keys ---- */

int seal_keys_create(const uint8_t key[32], struct seal_keys **ret_keys)
{
    static const char seal_label[] = "carillon seal v1", token_label[] = "carillon token v1";
    struct seal_keys *keys = calloc(1, sizeof *keys);
    if (!keys)
        return ERR_NOMEM;
    int err = digest_hmac_sha256(key, KEY_LEN, seal_label, sizeof seal_label - 1, keys->seal);
    if (!err)
        err = digest_hmac_sha256(key, KEY_LEN, token_label, sizeof token_label - 1, keys->token);
    if (err) {
        seal_keys_free(keys);
        return err;
    }
    *ret_keys = keys;
    return 0;
}

void seal_keys_free(struct seal_keys *keys)
{
    if (!keys)
        return;
    OPENSSL_cleanse(keys, sizeof *keys);
    free(keys);
}

const uint8_t *seal_token_key(const struct seal_keys *keys)
{
    return keys->token;
}

static int decode_key(const char *text, uint8_t ret_key[KEY_LEN])
{
    size_t len = strlen(text), key_len = 0;
    if (len == HEX_KEY_LEN)
        return decode_hex(text, len, ret_key, KEY_LEN, &key_len);
    if (len != BASE64_KEY_LEN || decode_base64(text, len, ret_key, KEY_LEN, &key_len))
        return ERR_INVALID;
    return key_len == KEY_LEN ? 0 : ERR_INVALID;
}

int seal_keys_load(const char *path, struct seal_keys **ret_keys)
{
    char *text;
    uint8_t key[KEY_LEN];
    int err = file_read_secret(path, HEX_KEY_LEN + 2, &text);
    if (err)
        return err == ERR_TOO_LARGE ? ERR_INVALID : err;
    err = decode_key(text, key);
    if (!err)
        err = seal_keys_create(key, ret_keys);
    OPENSSL_cleanse(key, sizeof key);
    file_free_secret(text);
    return err;
}

/* ---- sealing ---- */

/* AES-256-GCM over `len` bytes from `in` to `out` (which may not overlap), the context authenticated with it. Sealing
 * writes `tag`, opening checks it. */
static int run_cipher(const struct seal_keys *keys, const char *context, const uint8_t *nonce, const void *in,
                      size_t len, void *out, uint8_t tag[TAG_LEN], int is_sealing)
{
    int n, err = ERR_NOMEM;
    size_t context_len = strlen(context);
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    if (!cipher || context_len > INT_MAX)
        goto cleanup;
    if (!EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), NULL, keys->seal, nonce, is_sealing) ||
        !EVP_CipherUpdate(cipher, NULL, &n, (const uint8_t *)context, (int)context_len) ||
        !EVP_CipherUpdate(cipher, out, &n, in, (int)len))
        goto cleanup;
    if (!is_sealing && !EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag))
        goto cleanup;
    err = EVP_CipherFinal_ex(cipher, (uint8_t *)out + len, &n) ? 0 : is_sealing ? ERR_NOMEM : ERR_AUTH;
    if (!err && is_sealing && !EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, tag))
        err = ERR_NOMEM;
cleanup:
    EVP_CIPHER_CTX_free(cipher);
    return err;
}

int seal_secret(const struct seal_keys *keys, const char *context, const void *secret, size_t len, char **ret_text)
{
    if (len > SECRET_MAX)
        return ERR_TOO_LARGE;
    /* nonce, sealed bytes, tag */
    size_t raw_len = NONCE_LEN + len + TAG_LEN;
    uint8_t *raw = malloc(raw_len);
    char *text = malloc(PREFIX_LEN + ENCODE_BASE64_LEN(raw_len) + 1);
    int err = raw && text ? random_bytes(raw, NONCE_LEN) : ERR_NOMEM;
    if (!err)
        err = run_cipher(keys, context, raw, len ? secret : "", len, raw + NONCE_LEN, raw + NONCE_LEN + len, 1);
    if (err)
        goto cleanup;
    memcpy(text, PREFIX, PREFIX_LEN);
    encode_base64(raw, raw_len, text + PREFIX_LEN);
    *ret_text = text;
    text = NULL;
cleanup:
    free(text);
    free(raw);
    return err;
}

int seal_open(const struct seal_keys *keys, const char *context, const char *text, size_t text_len, char **ret_secret,
              size_t *ret_len)
{
    if (text_len < PREFIX_LEN || memcmp(text, PREFIX, PREFIX_LEN) != 0 ||
        text_len - PREFIX_LEN > ENCODE_BASE64_LEN(NONCE_LEN + SECRET_MAX + TAG_LEN))
        return ERR_AUTH;
    size_t cap = (text_len - PREFIX_LEN) / 4 * 3, raw_len = 0;
    uint8_t *raw = malloc(cap + 1);
    char *secret = malloc(cap + 1);
    int err = ERR_NOMEM;
    if (!raw || !secret)
        goto cleanup;
    err = ERR_AUTH;
    if (decode_base64(text + PREFIX_LEN, text_len - PREFIX_LEN, raw, cap, &raw_len) || raw_len < NONCE_LEN + TAG_LEN)
        goto cleanup;
    size_t len = raw_len - NONCE_LEN - TAG_LEN;
    err = run_cipher(keys, context, raw, raw + NONCE_LEN, len, secret, raw + NONCE_LEN + len, 0);
    if (err)
        goto cleanup;
    secret[len] = '\0';
    *ret_secret = secret;
    *ret_len = len;
    secret = NULL;
cleanup:
    seal_secret_free(secret, cap);
    free(raw);
    return err;
}

void seal_secret_free(char *secret, size_t len)
{
    if (!secret)
        return;
    OPENSSL_cleanse(secret, len);
    free(secret);
}
