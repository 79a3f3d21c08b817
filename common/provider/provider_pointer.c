/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/encode.h"
#include "common/base/utf8.h"
#include "common/json/json.h"
#include "common/provider/provider_format.h"

/* ---- JSON pointers ---- */

bool pointer_is_valid(const char *pointer)
{
    if (pointer[0] != '\0' && pointer[0] != '/')
        return false;
    for (const char *at = pointer; (at = strchr(at, '~')) != NULL; at++) {
        if (at[1] != '0' && at[1] != '1')
            return false;
    }
    return true;
}

/* Compares one escaped token of a pointer with a member's name. */
static bool token_equals(const char *token, size_t len, const char *name)
{
    size_t at = 0;
    for (size_t i = 0; i < len; i++, at++) {
        char c = token[i];
        if (c == '~' && i + 1 < len)
            c = token[++i] == '1' ? '/' : '~';
        if (name[at] != c || c == '\0')
            return false;
    }
    return name[at] == '\0';
}

static const cJSON *child_get(const cJSON *parent, const char *token, size_t len)
{
    if (cJSON_IsObject(parent)) {
        for (const cJSON *child = parent->child; child != NULL; child = child->next) {
            if (token_equals(token, len, child->string))
                return child;
        }
        return NULL;
    }
    if (!cJSON_IsArray(parent) || len == 0 || len > 4)
        return NULL;
    int index = 0;
    for (size_t i = 0; i < len; i++) {
        if (token[i] < '0' || token[i] > '9')
            return NULL;
        index = index * 10 + (token[i] - '0');
    }
    return cJSON_GetArrayItem(parent, index);
}

const cJSON *pointer_text_get(const cJSON *value, const char *pointer)
{
    while (value != NULL && *pointer == '/') {
        const char *token = pointer + 1;
        size_t len = strcspn(token, "/");
        value = child_get(value, token, len);
        pointer = token + len;
    }
    return value;
}

const cJSON *pointer_get(const cJSON *value, const cJSON *at)
{
    if (!cJSON_IsArray(at))
        return at ? pointer_text_get(value, at->valuestring) : NULL;
    for (const cJSON *pointer = at->child; pointer != NULL; pointer = pointer->next) {
        const cJSON *found = pointer_text_get(value, pointer->valuestring);
        if (found != NULL && !cJSON_IsNull(found))
            return found;
    }
    return NULL;
}

/* ---- words ---- */

bool pattern_matches(const char *pattern, const char *text)
{
    const char *star = NULL;
    const char *resume = NULL;
    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            resume = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

size_t text_prefix(const char *text, size_t max)
{
    size_t len = strlen(text);
    if (len <= max)
        return len;
    while (max > 0 && ((unsigned char)text[max] & 0xC0) == 0x80)
        max--;
    return max;
}

bool scalar_text(const cJSON *value, char *ret, size_t cap)
{
    if (cJSON_IsBool(value)) {
        snprintf(ret, cap, "%s", cJSON_IsTrue(value) ? "true" : "false");
        return true;
    }
    if (cJSON_IsNumber(value)) {
        snprintf(ret, cap, "%.15g", value->valuedouble);
        return true;
    }
    if (!cJSON_IsString(value))
        return false;
    size_t len = text_prefix(value->valuestring, cap - 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)value->valuestring[i];
        ret[i] = c < 0x20 || c == 0x7F ? ' ' : (char)c;
    }
    ret[len] = '\0';
    return true;
}

const char *word_lookup(const struct word_map *map, const cJSON *value, char *ret_word, size_t cap)
{
    if (!scalar_text(pointer_get(value, map->at), ret_word, cap))
        return NULL;
    const cJSON *exact = cJSON_GetObjectItemCaseSensitive(map->map, ret_word);
    if (exact != NULL)
        return exact->valuestring;
    for (const cJSON *entry = map->map->child; entry != NULL; entry = entry->next) {
        if (strchr(entry->string, '*') != NULL && pattern_matches(entry->string, ret_word))
            return entry->valuestring;
    }
    return NULL;
}

bool id_is_fit(const char *text, size_t max)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if (text[i] <= 0x20 || text[i] >= 0x7F)
            return false;
    }
    return len > 0 && len <= max;
}

/* ---- bodies ---- */

/* Decodes one name or value of a form. ERR_INVALID for a broken escape, a NUL, or what is not UTF-8. */
static int form_decode(const char *text, size_t len, char **ret_text)
{
    char *decoded = malloc(len + 1);
    if (decoded == NULL)
        return ERR_NOMEM;
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i] == '+' ? ' ' : text[i];
        if (c == '%') {
            int high = i + 2 < len ? decode_hex_digit(text[i + 1]) : -1;
            int low = i + 2 < len ? decode_hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                goto invalid;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0')
            goto invalid;
        decoded[n++] = c;
    }
    decoded[n] = '\0';
    if (!utf8_is_valid(decoded, n))
        goto invalid;
    *ret_text = decoded;
    return 0;
invalid:
    free(decoded);
    return ERR_INVALID;
}

static int form_add(cJSON *object, const char *pair, size_t len)
{
    const char *equals = memchr(pair, '=', len);
    size_t name_len = equals ? (size_t)(equals - pair) : len;
    char *name = NULL;
    char *value = NULL;
    int rc = form_decode(pair, name_len, &name);
    if (rc == 0)
        rc = equals ? form_decode(equals + 1, len - name_len - 1, &value) : form_decode("", 0, &value);
    if (rc == 0 && cJSON_GetObjectItemCaseSensitive(object, name) != NULL)
        rc = ERR_INVALID;
    if (rc == 0 && cJSON_AddStringToObject(object, name, value) == NULL)
        rc = ERR_NOMEM;
    free(name);
    free(value);
    return rc;
}

static int form_parse(const char *body, size_t len, cJSON **ret_value)
{
    cJSON *object = cJSON_CreateObject();
    int rc = object == NULL ? ERR_NOMEM : 0;
    unsigned n = 0;
    for (size_t at = 0; rc == 0 && at < len;) {
        const char *end = memchr(body + at, '&', len - at);
        size_t pair_len = end ? (size_t)(end - body) - at : len - at;
        if (pair_len > 0)
            rc = ++n > LIMIT_FORM_FIELDS ? ERR_TOO_LARGE : form_add(object, body + at, pair_len);
        at += pair_len + 1;
    }
    if (rc != 0) {
        cJSON_Delete(object);
        return rc;
    }
    *ret_value = object;
    return 0;
}

static int json_parse_mended(const char *body, size_t len, cJSON **ret_value)
{
    char *copy = malloc(len + 1);
    if (copy == NULL)
        return ERR_NOMEM;
    memcpy(copy, body, len);
    int rc = json_mend(copy, len) ? json_parse(copy, len, ret_value, NULL) : ERR_INVALID;
    free(copy);
    return rc;
}

int provider_parse_body(bool is_form, const char *body, size_t len, cJSON **ret_value)
{
    if (is_form)
        return form_parse(body, len, ret_value);
    int rc = json_parse(body, len, ret_value, NULL);
    return rc == ERR_INVALID ? json_parse_mended(body, len, ret_value) : rc;
}
