/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/encode.h"

static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t encode_i64(int64_t value, char ret[ENCODE_I64_LEN + 1])
{
    char digits[ENCODE_I64_LEN];
    size_t n = 0, len = 0;
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do {
        digits[n++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        ret[len++] = '-';
    while (n > 0)
        ret[len++] = digits[--n];
    ret[len] = '\0';
    return len;
}

void encode_hex(const void *data, size_t len, char *ret)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++) {
        *ret++ = digits[bytes[i] >> 4];
        *ret++ = digits[bytes[i] & 15];
    }
    *ret = '\0';
}

int decode_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int decode_hex(const char *text, size_t len, void *ret, size_t cap, size_t *ret_len)
{
    uint8_t *bytes = ret;
    if (len % 2)
        return ERR_INVALID;
    for (size_t i = 0; i < len; i++) {
        if (decode_hex_digit(text[i]) < 0)
            return ERR_INVALID;
    }
    if (len / 2 > cap)
        return ERR_TOO_LARGE;
    for (size_t i = 0; i < len / 2; i++)
        bytes[i] =
            (uint8_t)((unsigned)decode_hex_digit(text[2 * i]) << 4 | (unsigned)decode_hex_digit(text[2 * i + 1]));
    *ret_len = len / 2;
    return 0;
}

void encode_base64(const void *data, size_t len, char *ret)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        uint32_t group = (uint32_t)bytes[i] << 16;
        if (have > 1)
            group |= (uint32_t)bytes[i + 1] << 8;
        if (have > 2)
            group |= bytes[i + 2];
        *ret++ = base64_alphabet[group >> 18];
        *ret++ = base64_alphabet[group >> 12 & 63];
        *ret++ = have > 1 ? base64_alphabet[group >> 6 & 63] : '=';
        *ret++ = have > 2 ? base64_alphabet[group & 63] : '=';
    }
    *ret = '\0';
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* The bytes that `text` stands for, or ERR_INVALID. Bits that no byte uses must be zero, so that two spellings never
 * stand for the same bytes. */
static int base64_check(const char *text, size_t len, size_t *ret_bytes)
{
    if (len % 4)
        return ERR_INVALID;
    size_t pad = 0;
    while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
        pad++;
    for (size_t i = 0; i < len - pad; i++) {
        if (base64_value(text[i]) < 0)
            return ERR_INVALID;
    }
    int unused = pad == 0 ? 0 : pad == 1 ? 3 : 15;
    if (pad && (base64_value(text[len - 1 - pad]) & unused))
        return ERR_INVALID;
    *ret_bytes = len / 4 * 3 - pad;
    return 0;
}

int decode_base64(const char *text, size_t len, void *ret, size_t cap, size_t *ret_len)
{
    uint8_t *bytes = ret;
    size_t count;
    int err = base64_check(text, len, &count);
    if (err)
        return err;
    if (count > cap)
        return ERR_TOO_LARGE;
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0, at = 0; at < count; i++) {
        bits = bits << 6 | (uint32_t)base64_value(text[i]);
        have += 6;
        if (have >= 8) {
            have -= 8;
            bytes[at++] = (uint8_t)(bits >> have);
        }
    }
    *ret_len = count;
    return 0;
}
