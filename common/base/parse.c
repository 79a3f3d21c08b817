/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/parse.h"

#include <glib.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#define DOUBLE_TEXT_MAX 64 /* no number that a person or a program writes is longer */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits only. A number too large for 64 bits is of the right form all the same. */
static int parse_digits(const char *text, size_t len, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;
    bool is_over = false;
    if (len == 0)
        return ERR_INVALID;
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(text[i]))
            return ERR_INVALID;
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            is_over = true;
        else
            value = value * 10 + digit;
    }
    if (is_over || value > max)
        return ERR_RANGE;
    *ret_value = value;
    return 0;
}

int parse_u64(const char *text, size_t len, uint64_t max, uint64_t *ret_value)
{
    return parse_digits(text, len, max, ret_value);
}

int parse_i64(const char *text, size_t len, int64_t min, int64_t max, int64_t *ret_value)
{
    bool is_negative = len > 0 && text[0] == '-';
    uint64_t magnitude;
    uint64_t most = is_negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    int err = parse_digits(text + is_negative, len - is_negative, most, &magnitude);
    if (err)
        return err;
    /* Written so that INT64_MIN, which has no positive counterpart, does not overflow. */
    int64_t value = is_negative && magnitude ? -(int64_t)(magnitude - 1) - 1 : (int64_t)magnitude;
    if (value < min || value > max)
        return ERR_RANGE;
    *ret_value = value;
    return 0;
}

int parse_duration_ms(const char *text, size_t len, int64_t max_ms, int64_t *ret_ms)
{
    static const struct {
        char letter;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
    int64_t value;
    if (len == 1 && text[0] == '0') {
        *ret_ms = 0;
        return 0;
    }
    for (size_t i = 0; len > 0 && i < sizeof units / sizeof units[0]; i++) {
        if (text[len - 1] != units[i].letter)
            continue;
        int err = parse_i64(text, len - 1, 0, max_ms / units[i].ms, &value);
        if (!err)
            *ret_ms = value * units[i].ms;
        return err;
    }
    return ERR_INVALID;
}

int parse_bool(const char *text, size_t len, bool *ret_value)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {
        {"true", true},   {"1", true},  {"yes", true}, {"on", true},
        {"false", false}, {"0", false}, {"no", false}, {"off", false},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i].word) == len && strncasecmp(words[i].word, text, len) == 0) {
            *ret_value = words[i].value;
            return 0;
        }
    }
    return ERR_INVALID;
}

static size_t skip_digits(const char *text, size_t len, size_t at)
{
    while (at < len && is_digit(text[at]))
        at++;
    return at;
}

/* -?digits(.digits)?([eE][+-]?digits)? */
static bool is_decimal(const char *text, size_t len)
{
    size_t at = len > 0 && text[0] == '-';
    size_t end = skip_digits(text, len, at);
    if (end == at)
        return false;
    if (end < len && text[end] == '.') {
        at = end + 1;
        end = skip_digits(text, len, at);
        if (end == at)
            return false;
    }
    if (end < len && (text[end] == 'e' || text[end] == 'E')) {
        at = end + 1;
        if (at < len && (text[at] == '+' || text[at] == '-'))
            at++;
        end = skip_digits(text, len, at);
        if (end == at)
            return false;
    }
    return end == len;
}

int parse_double(const char *text, size_t len, double min, double max, double *ret_value)
{
    char copy[DOUBLE_TEXT_MAX + 1];
    if (len > DOUBLE_TEXT_MAX || !is_decimal(text, len))
        return ERR_INVALID;
    memcpy(copy, text, len);
    copy[len] = '\0';
    double value = g_ascii_strtod(copy, NULL); /* the locale's decimal sign has no say */
    if (!isfinite(value) || value < min || value > max)
        return ERR_RANGE;
    *ret_value = value;
    return 0;
}

int parse_word(const char *text, size_t len, char *ret_word, size_t cap)
{
    if (len >= cap)
        return ERR_INVALID;
    for (size_t i = 0; i < len; i++) {
        if (text[i] <= 0x20 || text[i] > 0x7E)
            return ERR_INVALID;
    }
    memcpy(ret_word, text, len);
    ret_word[len] = '\0';
    return 0;
}
