/* SPDX-License-Identifier: Apache-2.0
 *
 * The API key of a request. Only its SHA-256 is stored and compared; the key itself is looked at here and nowhere else.
 */
#ifndef CARILLON_PRODUCER_BEARER_H
#define CARILLON_PRODUCER_BEARER_H

#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/err.h"

/* Reads "Bearer <key>" (RFC 6750; the scheme's case does not matter), the header's value or NULL where there is none.
 * ERR_AUTH where it is not of that form or its key is longer than any of ours; ERR_NOMEM. */
int bearer_read(const char *header, uint8_t ret_sha256[DIGEST_SHA256_LEN]) MUST_CHECK;
/* The same of the key alone. */
int bearer_hash(const char *key, uint8_t ret_sha256[DIGEST_SHA256_LEN]) MUST_CHECK;
/* The hash as it stands in the directory's keys. */
void bearer_hex(const uint8_t sha256[DIGEST_SHA256_LEN], char ret_hex[2 * DIGEST_SHA256_LEN + 1]);

#endif
