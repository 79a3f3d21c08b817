/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes and message authentication (OpenSSL libcrypto), and comparing secrets without telling how far they agreed.
 */
#ifndef CARILLON_BASE_DIGEST_H
#define CARILLON_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define DIGEST_SHA256_LEN 32
#define DIGEST_SHA1_LEN 20

int digest_sha256(const void *data, size_t len, uint8_t ret[DIGEST_SHA256_LEN]) MUST_CHECK;
/* Lower-case hexadecimal SHA-256 with a NUL. */
int digest_sha256_hex(const void *data, size_t len, char ret[2 * DIGEST_SHA256_LEN + 1]) MUST_CHECK;
/* SHA-256 of what comes in pieces. */
struct digest_stream;
int digest_stream_create(struct digest_stream **ret_stream) MUST_CHECK;
int digest_stream_add(struct digest_stream *s, const void *data, size_t len) MUST_CHECK;
/* Ends it: nothing may be added any more. */
int digest_stream_hex(struct digest_stream *s, char ret[2 * DIGEST_SHA256_LEN + 1]) MUST_CHECK;
/* Accepts NULL. */
void digest_stream_free(struct digest_stream *s);

int digest_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
                       uint8_t ret[DIGEST_SHA256_LEN]) MUST_CHECK;
/* For platforms that still sign with it. */
int digest_hmac_sha1(const void *key, size_t key_len, const void *data, size_t len,
                     uint8_t ret[DIGEST_SHA1_LEN]) MUST_CHECK;
/* Takes the same time whatever the contents; false where the lengths differ. */
bool digest_equal(const void *a, size_t a_len, const void *b, size_t b_len);

/* Cryptographically secure random bytes. ERR_IO where the system has none to give, which no Linux since 3.17 does. */
int random_bytes(void *ret, size_t len) MUST_CHECK;
/* A number in [0, bound), each equally likely, for jitter and the like. bound 0 gives 0. Aborts where random_bytes()
 * would fail. */
uint64_t random_below(uint64_t bound);

#endif
