/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/bearer.h"

#include <string.h>
#include <strings.h>

#include "common/base/encode.h"
#include "common/base/limits.h"

int bearer_read(const char *header, uint8_t ret_sha256[DIGEST_SHA256_LEN])
{
    static const char scheme[] = "Bearer ";
    if (!header || strncasecmp(header, scheme, sizeof scheme - 1) != 0)
        return ERR_AUTH;
    const char *key = header + sizeof scheme - 1;
    key += strspn(key, " ");
    return bearer_hash(key, ret_sha256);
}

int bearer_hash(const char *key, uint8_t ret_sha256[DIGEST_SHA256_LEN])
{
    size_t len = strlen(key);
    if (len == 0 || len > LIMIT_API_KEY_LEN || strpbrk(key, " \t,"))
        return ERR_AUTH;
    return digest_sha256(key, len, ret_sha256);
}

void bearer_hex(const uint8_t sha256[DIGEST_SHA256_LEN], char ret_hex[2 * DIGEST_SHA256_LEN + 1])
{
    encode_hex(sha256, DIGEST_SHA256_LEN, ret_hex);
}
