/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/retell_sign.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/encode.h"

#define STAMP_LEN 20

int retell_sign(const char *api_key, const char *body, size_t len, int64_t at_ms, struct buf *out)
{
    struct buf signed_text;
    buf_init(&signed_text, len + STAMP_LEN + 1);
    uint8_t digest[DIGEST_SHA256_LEN];
    int err = buf_append(&signed_text, body, len);
    if (!err)
        err = buf_printf(&signed_text, "%" PRId64, at_ms);
    if (!err)
        err = digest_hmac_sha256(api_key, strlen(api_key), buf_str(&signed_text), buf_len(&signed_text), digest);
    buf_free(&signed_text);
    if (err)
        return err;
    char hex[2 * DIGEST_SHA256_LEN + 1];
    encode_hex(digest, sizeof digest, hex);
    return buf_printf(out, "v=%" PRId64 ",d=%s", at_ms, hex);
}
