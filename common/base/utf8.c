/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/utf8.h"

#include <stdint.h>
#include <string.h>

#define ASCII_NOT UINT64_C(0x8080808080808080)

/* The length of the sequence that begins at `s`, or 0 where it is not a valid one. The narrowed ranges of the second
 * byte (RFC 3629 section 4) are what excludes overlong forms, surrogates and values above U+10FFFF. */
static size_t sequence_len(const unsigned char *s, size_t len)
{
    unsigned char lead = s[0], low = 0x80, high = 0xBF;
    size_t n;
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    n = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (n > len)
        return 0;
    if (lead == 0xE0)
        low = 0xA0;
    else if (lead == 0xED)
        high = 0x9F;
    else if (lead == 0xF0)
        low = 0x90;
    else if (lead == 0xF4)
        high = 0x8F;
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    }
    return n;
}

size_t utf8_sequence_len(const char *text, size_t len)
{
    return len ? sequence_len((const unsigned char *)text, len) : 0;
}

bool utf8_is_valid(const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        uint64_t eight; /* mostly ASCII */
        for (; len - at >= sizeof eight; at += sizeof eight) {
            memcpy(&eight, text + at, sizeof eight);
            if ((eight & ASCII_NOT) != 0)
                break;
        }
        if (at == len)
            return true;
        size_t n = utf8_sequence_len(text + at, len - at);
        if (n == 0)
            return false;
        at += n;
    }
    return true;
}

size_t utf8_count(const char *text, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}
