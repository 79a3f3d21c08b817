/* SPDX-License-Identifier: Apache-2.0
 *
 * The token of one dial: "<batch>.<ordinal>.<dial>.<mac>". It goes to the provider with the create request and comes
 * back in callbacks, which are believed about exactly the dial that they carry the token of. The MAC is the first 16
 * bytes of HMAC-SHA256(key, "<batch>.<ordinal>.<dial>"), in lower-case hexadecimal.
 */
#ifndef CARILLON_DOMAIN_TOKEN_H
#define CARILLON_DOMAIN_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"

#define TOKEN_KEY_LEN 32 /* seal_token_key() */
#define TOKEN_MAC_BYTES 16
/* The largest ordinal and dial number that a token takes. */
#define TOKEN_ORDINAL_MAX UINT64_C(999999999999999)
#define TOKEN_DIAL_MAX UINT32_C(999999999)

struct token_parts {
    char batch[LIMIT_BATCH_ID_LEN + 1];
    uint64_t ordinal; /* the contact's place in its batch */
    uint32_t dial; /* from 1, per contact, never reused */
};

/* ERR_INVALID where `batch` is not an identifier or a number is out of range. */
int token_make(const uint8_t key[TOKEN_KEY_LEN], const char *batch, uint64_t ordinal, uint32_t dial,
               char ret_token[LIMIT_TOKEN_LEN + 1]) MUST_CHECK;
/* Reads a token and checks its MAC in constant time. One dial has exactly one spelling: leading zeros and signs
 * are ERR_INVALID, as is anything around it; a MAC that does not hold, capital digits included, is ERR_AUTH. */
int token_verify(const uint8_t key[TOKEN_KEY_LEN], const char *text, size_t len,
                 struct token_parts *ret_parts) MUST_CHECK;

#endif
