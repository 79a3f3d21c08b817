/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/digest.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/random.h>

#include "common/base/encode.h"
#include "common/base/openssl.h"

int digest_sha256(const void *data, size_t len, uint8_t ret[DIGEST_SHA256_LEN])
{
    return EVP_Digest(data, len, ret, NULL, EVP_sha256(), NULL) == 1 ? 0 : ERR_NOMEM;
}

int digest_sha256_hex(const void *data, size_t len, char ret[2 * DIGEST_SHA256_LEN + 1])
{
    uint8_t digest[DIGEST_SHA256_LEN];
    int err = digest_sha256(data, len, digest);
    if (err)
        return err;
    encode_hex(digest, sizeof digest, ret);
    return 0;
}

/* ---- in pieces ---- */

struct digest_stream {
    EVP_MD_CTX *context;
};

int digest_stream_create(struct digest_stream **ret_stream)
{
    struct digest_stream *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    s->context = EVP_MD_CTX_new();
    if (!s->context || EVP_DigestInit_ex(s->context, EVP_sha256(), NULL) != 1) {
        digest_stream_free(s);
        return ERR_NOMEM;
    }
    *ret_stream = s;
    return 0;
}

int digest_stream_add(struct digest_stream *s, const void *data, size_t len)
{
    return EVP_DigestUpdate(s->context, data, len) == 1 ? 0 : ERR_NOMEM;
}

int digest_stream_hex(struct digest_stream *s, char ret[2 * DIGEST_SHA256_LEN + 1])
{
    uint8_t digest[DIGEST_SHA256_LEN];
    if (EVP_DigestFinal_ex(s->context, digest, NULL) != 1)
        return ERR_NOMEM;
    encode_hex(digest, sizeof digest, ret);
    return 0;
}

void digest_stream_free(struct digest_stream *s)
{
    if (!s)
        return;
    EVP_MD_CTX_free(s->context);
    free(s);
}

/* ---- with a key ---- */

static int hmac(const EVP_MD *kind, const void *key, size_t key_len, const void *data, size_t len, uint8_t *ret)
{
    unsigned digest_len;
    /* HMAC() takes a NULL key for "the one before". */
    const void *real_key = key ? key : "";
    if (key_len > INT_MAX)
        return ERR_TOO_LARGE;
    return HMAC(kind, real_key, (int)key_len, data, len, ret, &digest_len) ? 0 : ERR_NOMEM;
}

int digest_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len, uint8_t ret[DIGEST_SHA256_LEN])
{
    return hmac(EVP_sha256(), key, key_len, data, len, ret);
}

int digest_hmac_sha1(const void *key, size_t key_len, const void *data, size_t len, uint8_t ret[DIGEST_SHA1_LEN])
{
    return hmac(EVP_sha1(), key, key_len, data, len, ret);
}

bool digest_equal(const void *a, size_t a_len, const void *b, size_t b_len)
{
    return a_len == b_len && (a_len == 0 || CRYPTO_memcmp(a, b, a_len) == 0);
}

int random_bytes(void *ret, size_t len)
{
    uint8_t *bytes = ret;
    while (len > 0) {
        ssize_t n = getrandom(bytes, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_IO;
        bytes += n;
        len -= (size_t)n;
    }
    return 0;
}

uint64_t random_below(uint64_t bound)
{
    uint64_t value;
    if (bound == 0)
        return 0;
    /* The first 2^64 mod bound values would make the low results likelier: draw again. */
    uint64_t skip = -bound % bound;
    do {
        if (random_bytes(&value, sizeof value))
            abort();
    } while (value < skip);
    return value % bound;
}
