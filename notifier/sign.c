/* SPDX-License-Identifier: Apache-2.0 */
#include "notifier/sign.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/encode.h"
#include "common/base/limits.h"
#include "common/domain/event.h"

#define SIGNED_MAX (EVENT_ID_LEN + 24 + LIMIT_WEBHOOK_BODY_BYTES)

static int append_signature(const struct sign_key *key, const struct buf *text, struct buf *header)
{
    uint8_t mac[DIGEST_SHA256_LEN];
    char encoded[ENCODE_BASE64_LEN(DIGEST_SHA256_LEN) + 1];
    int err = digest_hmac_sha256(key->bytes, key->len, buf_str(text), buf_len(text), mac);
    if (err)
        return err;
    encode_base64(mac, sizeof mac, encoded);
    return buf_printf(header, "%sv1,%s", buf_len(header) > 0 ? " " : "", encoded);
}

int sign_webhook(const struct sign_key *keys, size_t n_keys, const char *id, int64_t timestamp_s, const void *body,
                 size_t body_len, struct buf *header)
{
    struct buf text;
    if (n_keys == 0)
        return ERR_INVALID;
    buf_clear(header);
    buf_init(&text, SIGNED_MAX);
    int err = buf_printf(&text, "%s.%" PRId64 ".", id, timestamp_s);
    if (!err)
        err = buf_append(&text, body, body_len);
    for (size_t i = 0; !err && i < n_keys; i++)
        err = append_signature(&keys[i], &text, header);
    buf_free(&text);
    return err;
}

int sign_seed(const struct sign_key *key, const void *body, size_t body_len, char ret_text[SIGN_SEED_LEN + 1])
{
    uint8_t mac[DIGEST_SHA256_LEN];
    char secret[ENDPOINT_SECRET_LEN + 1] = "whsec_";
    encode_base64(key->bytes, key->len, secret + strlen(secret));
    int err = digest_hmac_sha256(secret, strlen(secret), body, body_len, mac);
    explicit_bzero(secret, sizeof secret);
    if (!err)
        encode_hex(mac, sizeof mac, ret_text);
    return err;
}
