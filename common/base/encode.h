/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers as digits, and hexadecimal and base64, the two spellings of binary that tenants, providers and files meet us
 * with.
 */
#ifndef CARILLON_BASE_ENCODE_H
#define CARILLON_BASE_ENCODE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define ENCODE_I64_LEN 20 /* the longest, without the NUL */
/* Writes the value's decimal digits and a NUL, and gives how many characters that are: snprintf() in a tenth of the
 * time. */
size_t encode_i64(int64_t value, char ret[ENCODE_I64_LEN + 1]);

/* Writes 2*len lower-case digits and a NUL: `ret` holds at least 2*len+1 bytes. */
void encode_hex(const void *data, size_t len, char *ret);
/* The value of one digit, upper or lower case; -1 for another character. */
int decode_hex_digit(char c);
/* ERR_INVALID on an odd length or another character; ERR_TOO_LARGE over `cap`. */
int decode_hex(const char *text, size_t len, void *ret, size_t cap, size_t *ret_len) MUST_CHECK;

#define ENCODE_BASE64_LEN(n) (((n) + 2) / 3 * 4)
/* Standard alphabet with padding and a NUL: `ret` holds at least ENCODE_BASE64_LEN(len)+1 bytes. */
void encode_base64(const void *data, size_t len, char *ret);
/* Standard alphabet, padding required, nothing else permitted. */
int decode_base64(const char *text, size_t len, void *ret, size_t cap, size_t *ret_len) MUST_CHECK;

#endif
