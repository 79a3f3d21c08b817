/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/base/encode.h"
#include "common/base/utf8.h"
#include "common/provider/provider_format.h"

#define ESCAPE_LEN 6 /* \uXXXX */

/* U+FFFD, behind \u */
static const char replacement[] = {'f', 'f', 'f', 'd'};

/* The code unit of an escape that begins there; -1 where none does. */
static int read_escape(const char *text, size_t len)
{
    int unit = 0;
    if (len < ESCAPE_LEN || text[0] != '\\' || text[1] != 'u')
        return -1;
    for (size_t i = 2; i < ESCAPE_LEN; i++) {
        int digit = decode_hex_digit(text[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static bool is_high(int unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(int unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* Mends what begins with a backslash; how many bytes that is. */
static size_t mend_escape(char *text, size_t len, bool *changed)
{
    int unit = read_escape(text, len);
    if (unit < 0)
        return 2;
    if (is_high(unit) && is_low(read_escape(text + ESCAPE_LEN, len - ESCAPE_LEN)))
        return (size_t)2 * ESCAPE_LEN;
    if (is_high(unit) || is_low(unit) || unit == 0) {
        memcpy(text + 2, replacement, sizeof replacement);
        *changed = true;
    }
    return ESCAPE_LEN;
}

bool json_mend(char *text, size_t len)
{
    bool changed = false;
    for (size_t at = 0, n; at < len; at += n) {
        n = text[at] == '\\' ? mend_escape(text + at, len - at, &changed) : utf8_sequence_len(text + at, len - at);
        if (n > 0)
            continue;
        text[at] = ' '; /* fit for no id */
        changed = true;
        n = 1;
    }
    return changed;
}
