/* SPDX-License-Identifier: Apache-2.0 */
#include "common/domain/phone.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SMALLEST UINT64_C(1000000) /* 7 digits */
#define LARGEST UINT64_C(999999999999999) /* 15 digits */

static bool is_separator(char c)
{
    return c == ' ' || c == '.' || c == '-' || c == '(' || c == ')';
}

/* "(0)", as in "+44 (0)20 7946 0018": the 0 is dialed inside the country only. Taken for a digit it would make another
 * number, and not everywhere is it to be left out. */
static bool is_national_zero(const char *text, size_t len)
{
    size_t at = 1, zeros = 0;
    if (len == 0 || text[0] != '(')
        return false;
    for (; at < len && (text[at] == '0' || text[at] == ' '); at++)
        zeros += text[at] == '0';
    return zeros == 1 && at < len && text[at] == ')';
}

int phone_parse(const char *text, size_t len, uint64_t *ret_digits)
{
    uint64_t digits = 0;
    size_t n_digits = 0;
    bool plus_seen = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (is_national_zero(text + i, len - i))
            return ERR_INVALID;
        if (is_separator(c))
            continue;
        if (c == '+' && !plus_seen) {
            plus_seen = true;
            continue;
        }
        if (!plus_seen || c < '0' || c > '9' || n_digits == LIMIT_PHONE_DIGITS || (n_digits == 0 && c == '0'))
            return ERR_INVALID;
        digits = digits * 10 + (uint64_t)(c - '0');
        n_digits++;
    }
    if (n_digits < PHONE_MIN_DIGITS)
        return ERR_INVALID;
    *ret_digits = digits;
    return 0;
}

bool phone_is_valid(uint64_t digits)
{
    return digits >= SMALLEST && digits <= LARGEST;
}

void phone_format(uint64_t digits, char ret[PHONE_TEXT_LEN + 1])
{
    (void)snprintf(ret, PHONE_TEXT_LEN + 1, "+%" PRIu64, digits);
}
