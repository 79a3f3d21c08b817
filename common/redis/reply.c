/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redis/reply.h"

#include <string.h>

#include <hiredis/hiredis.h>

#include "common/base/parse.h"

struct error_word {
    const char *word;
    int code;
};

static const struct error_word error_words[] = {
    /* Redis's own: what it could not do now, and was not done. */
    {"OOM", ERR_UNAVAILABLE},
    {"LOADING", ERR_UNAVAILABLE},
    {"READONLY", ERR_UNAVAILABLE},
    {"BUSY", ERR_UNAVAILABLE},
    {"MASTERDOWN", ERR_UNAVAILABLE},
    {"CLUSTERDOWN", ERR_UNAVAILABLE},
    {"MISCONF", ERR_UNAVAILABLE},
    {"NOREPLICAS", ERR_UNAVAILABLE},
    {"NOAUTH", ERR_AUTH},
    {"WRONGPASS", ERR_AUTH},
    /* Our scripts'. */
    {"ERR_NOMEM", ERR_NOMEM},
    {"ERR_INVALID", ERR_INVALID},
    {"ERR_RANGE", ERR_RANGE},
    {"ERR_TOO_LARGE", ERR_TOO_LARGE},
    {"ERR_NOT_FOUND", ERR_NOT_FOUND},
    {"ERR_EXISTS", ERR_EXISTS},
    {"ERR_STATE", ERR_STATE},
    {"ERR_TIMEOUT", ERR_TIMEOUT},
    {"ERR_CLOSED", ERR_CLOSED},
    {"ERR_UNAVAILABLE", ERR_UNAVAILABLE},
    {"ERR_PROTOCOL", ERR_PROTOCOL},
    {"ERR_IO", ERR_IO},
    {"ERR_AUTH", ERR_AUTH},
    {"ERR_DENIED", ERR_DENIED},
    {"ERR_QUOTA", ERR_QUOTA},
};

const char *reply_error(const struct redisReply *r)
{
    return r && r->type == REDIS_REPLY_ERROR ? r->str : NULL;
}

bool reply_error_is(const struct redisReply *r, const char *code)
{
    const char *text = reply_error(r);
    size_t len = strlen(code);
    if (!text || strncmp(text, code, len) != 0)
        return false;
    return text[len] == '\0' || text[len] == ' ';
}

bool reply_is_denied(const struct redisReply *r)
{
    static const char by_script[] = "ERR The user executing the script can't ";
    const char *text = reply_error(r);
    return reply_error_is(r, "NOPERM") || (text && strncmp(text, by_script, sizeof by_script - 1) == 0);
}

int reply_to_err(const struct redisReply *r)
{
    if (!r)
        return ERR_CLOSED;
    if (r->type != REDIS_REPLY_ERROR)
        return 0;
    for (size_t i = 0; i < sizeof error_words / sizeof error_words[0]; i++)
        if (reply_error_is(r, error_words[i].word))
            return error_words[i].code;
    return reply_is_denied(r) ? ERR_AUTH : ERR_PROTOCOL;
}

bool reply_is_nil(const struct redisReply *r)
{
    return r && r->type == REDIS_REPLY_NIL;
}

size_t reply_len(const struct redisReply *r)
{
    return r && r->type == REDIS_REPLY_ARRAY ? r->elements : 0;
}

const struct redisReply *reply_at(const struct redisReply *r, size_t index)
{
    return index < reply_len(r) ? r->element[index] : NULL;
}

int reply_str(const struct redisReply *r, const char **ret_text, size_t *ret_len)
{
    if (!r || (r->type != REDIS_REPLY_STRING && r->type != REDIS_REPLY_STATUS))
        return ERR_PROTOCOL;
    *ret_text = r->str;
    *ret_len = r->len;
    return 0;
}

int reply_copy(const struct redisReply *r, char *ret_text, size_t cap)
{
    const char *text;
    size_t len;
    int err = reply_str(r, &text, &len);
    if (!err && (len >= cap || memchr(text, '\0', len)))
        err = ERR_PROTOCOL;
    if (!err)
        memcpy(ret_text, text, len + 1);
    return err;
}

int reply_i64(const struct redisReply *r, int64_t *ret_value)
{
    if (r && r->type == REDIS_REPLY_INTEGER) {
        *ret_value = r->integer;
        return 0;
    }
    const char *text;
    size_t len;
    int64_t value;
    if (reply_str(r, &text, &len) < 0 || parse_i64(text, len, INT64_MIN, INT64_MAX, &value) < 0)
        return ERR_PROTOCOL;
    *ret_value = value;
    return 0;
}

const struct redisReply *reply_field(const struct redisReply *r, const char *field)
{
    size_t field_len = strlen(field);
    for (size_t i = 0; i + 1 < reply_len(r); i += 2) {
        const char *text;
        size_t len;
        if (reply_str(r->element[i], &text, &len) == 0 && len == field_len && memcmp(text, field, len) == 0)
            return r->element[i + 1];
    }
    return NULL;
}

int reply_info(const struct redisReply *r, const char *name, const char **ret_value, size_t *ret_len)
{
    const char *text;
    size_t len;
    size_t name_len = strlen(name);
    if (reply_str(r, &text, &len) < 0)
        return ERR_NOT_FOUND;
    for (const char *end = text + len; text < end;) {
        const char *eol = memchr(text, '\n', (size_t)(end - text));
        size_t line_len = (size_t)((eol ? eol : end) - text);
        if (line_len > name_len && text[name_len] == ':' && memcmp(text, name, name_len) == 0) {
            *ret_value = text + name_len + 1;
            *ret_len = line_len - name_len - 1;
            if (*ret_len > 0 && (*ret_value)[*ret_len - 1] == '\r')
                (*ret_len)--;
            return 0;
        }
        text += line_len + 1;
    }
    return ERR_NOT_FOUND;
}
