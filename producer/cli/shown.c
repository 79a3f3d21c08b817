/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/shown.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/encode.h"
#include "common/base/limits.h"
#include "common/base/parse.h"
#include "common/base/timestamp.h"
#include "common/base/utf8.h"
#include "common/json/json.h"

#define SEALED "(sealed)"
#define SEALED_PREFIX "v1." /* of base/seal.c */
#define INSTANT_LEAST_MS INT64_C(100000000000) /* 1973: no duration of ours is so long */
#define PHONE_SHOWN 4 /* digits at the end of a number */
#define PHONE_LEAST 7 /* fewer digits are no number */
#define SCORE_MOST 9e15
#define NAME_MOST 64

/* ---- single values ---- */

static cJSON *raw_number(int64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%lld", (long long)value);
    return cJSON_CreateRaw(digits);
}

static cJSON *string_of(const char *text, size_t len)
{
    char *copy = strndup(text, len);
    cJSON *value = copy ? cJSON_CreateString(copy) : NULL;
    free(copy);
    return value;
}

static cJSON *hex_of(const char *data, size_t len)
{
    cJSON *object = cJSON_CreateObject();
    char *text = malloc(2 * len + 1);
    if (text)
        encode_hex(data, len, text);
    bool is_added = text && json_add_str(object, "hex", text);
    free(text);
    if (is_added)
        return object;
    cJSON_Delete(object);
    return NULL;
}

static void mask(char *digits, size_t n)
{
    for (size_t i = 0; i + PHONE_SHOWN < n; i++)
        digits[i] = '*';
}

/* "+" and as many digits as a telephone number has, wherever they stand. */
static void mask_all(char *text)
{
    for (char *at = strchr(text, '+'); at; at = strchr(at + 1, '+')) {
        size_t n = 0;
        while (isdigit((unsigned char)at[1 + n]))
            n++;
        if (n >= PHONE_LEAST && n <= LIMIT_PHONE_DIGITS)
            mask(at + 1, n);
    }
}

static cJSON *text_value(const char *text, size_t len, bool with_numbers)
{
    if (len >= sizeof SEALED_PREFIX && memcmp(text, SEALED_PREFIX, sizeof SEALED_PREFIX - 1) == 0)
        return cJSON_CreateString(SEALED);
    if (!utf8_is_valid(text, len) || memchr(text, '\0', len))
        return hex_of(text, len);
    cJSON *value = string_of(text, len);
    if (value && !with_numbers)
        mask_all(value->valuestring);
    return value;
}

static cJSON *phone_value(const char *text, size_t len, bool with_numbers)
{
    uint64_t digits;
    if (parse_u64(text, len, UINT64_MAX, &digits) != 0)
        return text_value(text, len, with_numbers);
    cJSON *value = string_of(text, len);
    if (value && !with_numbers)
        mask(value->valuestring, len);
    return value;
}

static cJSON *number_value(const char *text, size_t len, bool with_numbers)
{
    int64_t number;
    if (parse_i64(text, len, INT64_MIN, INT64_MAX, &number) != 0)
        return text_value(text, len, with_numbers);
    return raw_number(number);
}

/* `unit`: how many of the stored number make a millisecond. */
static cJSON *instant_value(const char *text, size_t len, int64_t unit, bool with_numbers)
{
    char instant[TIMESTAMP_LEN + 1];
    double number;
    if (parse_double(text, len, -SCORE_MOST, SCORE_MOST, &number) != 0)
        return text_value(text, len, with_numbers);
    if ((int64_t)number / unit < INSTANT_LEAST_MS)
        return raw_number((int64_t)number);
    timestamp_format((int64_t)number / unit, instant);
    return cJSON_CreateString(instant);
}

static cJSON *score_value(const char *text, size_t len, bool with_numbers)
{
    double number;
    if (parse_double(text, len, -SCORE_MOST, SCORE_MOST, &number) != 0)
        return text_value(text, len, with_numbers);
    return raw_number((int64_t)number);
}

static cJSON *json_value(const char *text, size_t len, bool with_numbers)
{
    cJSON *value = NULL;
    char *copy = strndup(text, len);
    if (!copy)
        return NULL;
    if (!with_numbers)
        mask_all(copy);
    if (json_parse(copy, strlen(copy), &value, NULL) != 0)
        value = text_value(text, len, with_numbers);
    free(copy);
    return value;
}

cJSON *shown_value(enum shown_form form, const char *text, size_t len, bool with_numbers)
{
    switch (form) {
    case SHOWN_TEXT:
        return text_value(text, len, with_numbers);
    case SHOWN_NUMBER:
        return number_value(text, len, with_numbers);
    case SHOWN_SCORE:
        return score_value(text, len, with_numbers);
    case SHOWN_MS:
        return instant_value(text, len, 1, with_numbers);
    case SHOWN_US:
        return instant_value(text, len, 1000, with_numbers);
    case SHOWN_PHONE:
        return phone_value(text, len, with_numbers);
    case SHOWN_SEALED:
        return cJSON_CreateString(SEALED);
    case SHOWN_GUESS:
        break;
    }
    if (len > 0 && (text[0] == '{' || text[0] == '['))
        return json_value(text, len, with_numbers);
    return number_value(text, len, with_numbers);
}

/* ---- names ---- */

struct named_form {
    const char *name;
    bool is_ending; /* the name's last part */
    enum shown_form form;
};

static const struct named_form NAMED[] = {
    {"credential", false, SHOWN_SEALED},
    {"secret", false, SHOWN_SEALED},
    {"previous", false, SHOWN_SEALED},
    {"number", false, SHOWN_PHONE},
    {"_id", true, SHOWN_TEXT},
    {"_ms", true, SHOWN_MS},
    {"_us", true, SHOWN_US},
    {"name", false, SHOWN_TEXT},
    {"version", false, SHOWN_TEXT},
    {"batch", false, SHOWN_TEXT},
    {"tenant", false, SHOWN_TEXT},
    {"trunk", false, SHOWN_TEXT},
};

enum shown_form shown_form_of(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof NAMED / sizeof NAMED[0]; i++) {
        size_t n = strlen(NAMED[i].name);
        if (n <= len && (NAMED[i].is_ending || n == len) && memcmp(name + len - n, NAMED[i].name, n) == 0)
            return NAMED[i].form;
    }
    return SHOWN_GUESS;
}

/* ---- members ---- */

bool shown_add_take(cJSON *parent, const char *name, cJSON *value)
{
    if (parent && value && (name ? cJSON_AddItemToObject(parent, name, value) : cJSON_AddItemToArray(parent, value)))
        return true;
    cJSON_Delete(value);
    return false;
}

/* The next part of `text` by the pattern's next placeholder: where it ends, and its name. False where they do not fit.
 */
static bool next_part(const char **pattern, const char *text, size_t len, char ret_name[NAME_MOST], size_t *ret_len)
{
    const char *close = strchr(*pattern, '>');
    if (**pattern != '<' || !close || close - *pattern > NAME_MOST)
        return false;
    snprintf(ret_name, NAME_MOST, "%.*s", (int)(close - *pattern - 1), *pattern + 1);
    const char *joint = close[1] ? memchr(text, close[1], len) : text + len;
    if (!joint)
        return false;
    *ret_len = (size_t)(joint - text);
    *pattern = close[1] ? close + 2 : close + 1;
    return true;
}

static bool split(const char *pattern, const char *text, size_t len, bool with_numbers, cJSON *object)
{
    char name[NAME_MOST];
    size_t part;
    while (*pattern) {
        if (!next_part(&pattern, text, len, name, &part) ||
            !shown_add_take(object, name, shown_value(shown_form_of(name, strlen(name)), text, part, with_numbers)))
            return false;
        part += *pattern ? 1 : 0; /* the joint */
        text += part;
        len -= part;
    }
    return len == 0;
}

cJSON *shown_parts(const char *pattern, const char *text, size_t len, bool with_numbers)
{
    char name[NAME_MOST];
    size_t part;
    const char *rest = pattern;
    if (next_part(&rest, text, len, name, &part) && *rest == '\0')
        return shown_value(shown_form_of(name, strlen(name)), text, len, with_numbers);
    cJSON *object = cJSON_CreateObject();
    if (split(pattern, text, len, with_numbers, object))
        return object;
    cJSON_Delete(object);
    return text_value(text, len, with_numbers);
}

/* ---- words ---- */

static bool add_word(cJSON *object, const struct shown_word *words, size_t n, const char *at, size_t len,
                     bool with_numbers)
{
    char name[NAME_MOST];
    const char *equals = memchr(at, '=', len);
    size_t name_len = equals ? (size_t)(equals - at) : len;
    const char *value = equals ? equals + 1 : at + len;
    size_t value_len = (size_t)(at + len - value);
    for (size_t i = 0; i < n; i++) {
        if (strlen(words[i].word) == name_len && memcmp(words[i].word, at, name_len) == 0)
            return shown_add_take(object, words[i].name, shown_value(words[i].form, value, value_len, with_numbers));
    }
    snprintf(name, sizeof name, "%.*s", (int)(name_len < NAME_MOST ? name_len : NAME_MOST - 1), at);
    return shown_add_take(object, name, text_value(value, value_len, with_numbers));
}

cJSON *shown_words(const struct shown_word *words, size_t n, const char *text, size_t len, bool with_numbers)
{
    cJSON *object = cJSON_CreateObject();
    const char *end = text + len;
    bool is_whole = object != NULL;
    while (text < end && is_whole) {
        const char *space = memchr(text, ' ', (size_t)(end - text));
        const char *stop = space ? space : end;
        is_whole = stop == text || add_word(object, words, n, text, (size_t)(stop - text), with_numbers);
        text = space ? space + 1 : end;
    }
    if (is_whole)
        return object;
    cJSON_Delete(object);
    return NULL;
}
