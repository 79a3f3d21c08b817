/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/span.h"

#include <string.h>

#include "common/base/encode.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_spaces(struct json_members *m)
{
    while (m->at < m->end && is_space(*m->at))
        m->at++;
}

/* Moves behind the string that begins at m->at; false where it has no end. */
static bool skip_string(struct json_members *m)
{
    for (m->at++; m->at < m->end; m->at++) {
        if (*m->at == '\\') {
            m->at++;
        } else if (*m->at == '"') {
            m->at++;
            return true;
        }
    }
    m->at = m->end;
    return false;
}

/* Moves behind the object or array that begins at m->at. Brackets were paired by the strict pass, so that counting them
 * outside strings is enough. */
static bool skip_nested(struct json_members *m)
{
    size_t depth = 0;
    while (m->at < m->end) {
        char c = *m->at;
        if (c == '"') {
            if (!skip_string(m))
                return false;
            continue;
        }
        m->at++;
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            return true;
    }
    return false;
}

static bool skip_value(struct json_members *m)
{
    if (m->at == m->end)
        return false;
    if (*m->at == '"')
        return skip_string(m);
    if (*m->at == '{' || *m->at == '[')
        return skip_nested(m);
    const char *start = m->at;
    while (m->at < m->end && !is_space(*m->at) && *m->at != ',' && *m->at != '}' && *m->at != ']')
        m->at++;
    return m->at > start;
}

static bool begin(struct json_members *m, const char *json, size_t len, char bracket)
{
    m->at = json;
    m->end = json + len;
    skip_spaces(m);
    if (m->at == m->end || *m->at != bracket)
        return false;
    m->at++;
    return true;
}

static void skip_comma(struct json_members *m)
{
    skip_spaces(m);
    if (m->at < m->end && *m->at == ',') {
        m->at++;
        skip_spaces(m);
    }
}

bool json_members_begin(struct json_members *m, const char *json, size_t len)
{
    return begin(m, json, len, '{');
}

bool json_elements_begin(struct json_members *m, const char *json, size_t len)
{
    return begin(m, json, len, '[');
}

bool json_elements_next(struct json_members *m, struct json_span *ret_value)
{
    skip_comma(m);
    struct json_span value = {.text = m->at};
    if (m->at == m->end || *m->at == ']' || !skip_value(m))
        return false;
    value.len = (size_t)(m->at - value.text);
    *ret_value = value;
    return true;
}

bool json_members_next(struct json_members *m, struct json_span *ret_key, struct json_span *ret_value)
{
    skip_comma(m);
    struct json_span key = {.text = m->at};
    if (m->at == m->end || *m->at != '"' || !skip_string(m))
        return false;
    key.len = (size_t)(m->at - key.text);
    skip_spaces(m);
    if (m->at == m->end || *m->at != ':')
        return false;
    m->at++;
    skip_spaces(m);
    struct json_span value = {.text = m->at};
    if (!skip_value(m))
        return false;
    value.len = (size_t)(m->at - value.text);
    *ret_key = key;
    *ret_value = value;
    return true;
}

/* The character that the escape at `at` (behind the backslash) stands for, where it is ASCII; -1 otherwise. */
static int read_escape(const char *at, const char *end, size_t *ret_used)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    *ret_used = 1;
    const char *letter = at < end && *at ? strchr(letters, *at) : NULL;
    if (letter)
        return meanings[letter - letters];
    if (end - at < 5 || *at != 'u')
        return -1;
    int value = 0;
    for (int i = 1; i <= 4; i++) {
        int digit = decode_hex_digit(at[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    *ret_used = 5;
    return value < 0x80 ? value : -1;
}

bool json_key_equals(struct json_span key, const char *name)
{
    if (key.len < 2)
        return false;
    const char *at = key.text + 1, *end = key.text + key.len - 1;
    for (; at < end; name++) {
        int c = (unsigned char)*at++;
        if (c == '\\') {
            size_t used;
            c = read_escape(at, end, &used);
            at += used;
        }
        if (*name == '\0' || c != (unsigned char)*name)
            return false;
    }
    return *name == '\0';
}
