/* SPDX-License-Identifier: Apache-2.0
 *
 * Telephone numbers: E.164, as one integer of its digits (at most 15, the first not 0), which is exact and compact.
 * Source: ITU-T E.164; the separators that people type are taken out first.
 */
#ifndef CARILLON_DOMAIN_PHONE_H
#define CARILLON_DOMAIN_PHONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/limits.h"

#define PHONE_MIN_DIGITS 7
#define PHONE_TEXT_LEN (1 + LIMIT_PHONE_DIGITS) /* '+' and the digits */

/* Reads `+` and 7 to 15 digits, the first not 0, after taking out spaces, dots, dashes and parentheses. ERR_INVALID
 * otherwise, and for a 0 alone in parentheses: "+44 (0)20 ..." is not dialed with it. */
int phone_parse(const char *text, size_t len, uint64_t *ret_digits) MUST_CHECK;
/* True for what phone_parse() can return. */
bool phone_is_valid(uint64_t digits);
/* Writes "+15550001111" and a NUL. */
void phone_format(uint64_t digits, char ret[PHONE_TEXT_LEN + 1]);

#endif
