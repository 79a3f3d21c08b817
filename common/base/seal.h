/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets at rest: provider credentials and webhook secrets are stored in Redis sealed (AES-256-GCM), under a key that
 * lives in a file outside Redis (--secrets-key-file). The same file yields the key of the dial tokens' MAC; the two are
 * derived from it with HMAC-SHA256 under distinct labels, so neither tells the other.
 *
 * The file holds 32 bytes as 64 hexadecimal digits or as base64, on one line.
 */
#ifndef CARILLON_BASE_SEAL_H
#define CARILLON_BASE_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

struct seal_keys;

/* Reads the key file. ERR_IO where it cannot be read (errno says why), ERR_INVALID where it does not hold 32 bytes. */
int seal_keys_load(const char *path, struct seal_keys **ret_keys) MUST_CHECK;
/* From 32 bytes in memory: for tests. */
int seal_keys_create(const uint8_t key[32], struct seal_keys **ret_keys) MUST_CHECK;
/* Wipes and frees. Accepts NULL. */
void seal_keys_free(struct seal_keys *keys);

/* Seals `secret` for the place named by `context` (such as "trunk/main"): sealed text cannot be moved to another
 * place. The result is text ("v1." and the base64 of nonce, sealed bytes and tag); the caller frees it. ERR_TOO_LARGE
 * over 64 KiB. */
int seal_secret(const struct seal_keys *keys, const char *context, const void *secret, size_t len,
                char **ret_text) MUST_CHECK;
/* Opens it. The secret is NUL-terminated behind its last byte; the caller frees it with seal_secret_free().
 * ERR_AUTH where key, context or text do not match. */
int seal_open(const struct seal_keys *keys, const char *context, const char *text, size_t text_len, char **ret_secret,
              size_t *ret_len) MUST_CHECK;
/* Wipes and frees. Accepts NULL. */
void seal_secret_free(char *secret, size_t len);

/* The 32-byte key for the dial tokens' MAC, borrowed from `keys`. */
const uint8_t *seal_token_key(const struct seal_keys *keys);

#endif
