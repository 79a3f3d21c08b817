/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/carrier/twilio_sign.h"

#include <string.h>

#include "common/base/encode.h"
#include "common/base/openssl.h"
#include "tests/carrier/form.h"

#define SHA1_LEN 20

static int signed_text(const char *url, struct form *form, struct buf *out)
{
    form_sort(form);
    int err = buf_append_str(out, url);
    for (size_t i = 0; !err && i < form->n; i++) {
        err = buf_append_str(out, form->pairs[i].name);
        if (!err)
            err = buf_append_str(out, form->pairs[i].value);
    }
    return err;
}

/* The project's own digests have no SHA-1, which nothing but Twilio asks for; and a stand-in that shared code with what
 * it is there to check would agree with it in its errors. */
static int hmac_sha1(const char *key, const struct buf *text, uint8_t ret_mac[SHA1_LEN])
{
    unsigned int len = SHA1_LEN;
    const unsigned char *data = (const unsigned char *)buf_str(text);
    return HMAC(EVP_sha1(), key, (int)strlen(key), data, buf_len(text), ret_mac, &len) ? 0 : ERR_NOMEM;
}

int twilio_sign(const char *auth_token, const char *url, const char *form, size_t len, struct buf *out)
{
    struct form pairs;
    struct buf text;
    buf_init(&text, strlen(url) + len + 1);
    uint8_t mac[SHA1_LEN];
    int err = form_parse(form, len, &pairs);
    if (!err)
        err = signed_text(url, &pairs, &text);
    if (!err)
        err = hmac_sha1(auth_token, &text, mac);
    form_free(&pairs);
    buf_free(&text);
    if (err)
        return err;
    char base64[ENCODE_BASE64_LEN(SHA1_LEN) + 1];
    encode_base64(mac, sizeof mac, base64);
    return buf_append_str(out, base64);
}
