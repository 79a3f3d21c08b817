/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef CARILLON_BASE_UTF8_H
#define CARILLON_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool utf8_is_valid(const char *text, size_t len);
/* The bytes of the first code point of `text`, 1 to 4, or 0 where no valid one begins there. */
size_t utf8_sequence_len(const char *text, size_t len);
/* The number of code points of a valid text. */
size_t utf8_count(const char *text, size_t len);

#endif
