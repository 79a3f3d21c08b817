/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/key_content.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/cli/record_shown.h"
#include "producer/cli/shown.h"

#define ITEMS_MOST 100
#define TEXT_LAST "65535" /* the last byte of a text that is shown */

struct content {
    struct session *session; /* borrowed */
    const char *key; /* borrowed */
    const struct key_family *family; /* NULL: none */
    bool with_numbers;
    const struct content_type *type;
    cJSON *object; /* owned until it is given away */
    struct buf columns; /* where they are contacts: their batch's */
    int64_t shown;
};

/* How a Redis type is counted and read. */
struct content_type {
    const char *name;
    const char *count; /* the command that counts */
    const char *words[6]; /* the command that reads, the key behind the first */
    int (*take)(const struct redisReply *reply, void *arg);
};

/* ---- pieces ---- */

static cJSON *named_value(const struct content *c, const char *name, size_t name_len, const char *text, size_t len)
{
    return shown_value(shown_form_of(name, name_len), text, len, c->with_numbers);
}

static cJSON *member_value(const struct content *c, const char *text, size_t len)
{
    if (c->family && c->family->member)
        return shown_parts(c->family->member, text, len, c->with_numbers);
    return shown_value(SHOWN_TEXT, text, len, c->with_numbers);
}

/* The value of a hash whose fields have no names of their own. */
static cJSON *hash_value(const struct content *c, const char *field, size_t field_len, const char *text, size_t len)
{
    const char *how = c->family ? c->family->value : NULL;
    if (!how)
        return named_value(c, field, field_len, text, len);
    if (strcmp(how, KEY_VALUE_CONTACT) == 0)
        return record_shown_contact(text, len, &c->columns, c->with_numbers);
    if (strcmp(how, KEY_VALUE_STATE) == 0)
        return record_shown_state(text, len, c->with_numbers);
    if (strcmp(how, KEY_VALUE_ATTEMPTS) == 0)
        return record_shown_attempts(text, len, c->with_numbers);
    return shown_parts(how, text, len, c->with_numbers);
}

static cJSON *score_value(const struct content *c, const char *text, size_t len)
{
    bool is_ms = c->family && c->family->value && strcmp(c->family->value, "ms") == 0;
    return shown_value(is_ms ? SHOWN_MS : SHOWN_SCORE, text, len, c->with_numbers);
}

/* {name: member, other: value} at the end of `list`. */
static bool add_pair_take(cJSON *list, const char *name, cJSON *member, const char *other, cJSON *value)
{
    cJSON *object = cJSON_CreateObject();
    bool has_member = shown_add_take(object, name, member);
    bool has_value = shown_add_take(object, other, value);
    return shown_add_take(list, NULL, object) && has_member && has_value;
}

/* ---- one type after the other ---- */

static int take_fields(struct content *c, const struct redisReply *flat)
{
    cJSON *fields = cJSON_AddObjectToObject(c->object, "fields");
    for (size_t i = 0; i + 1 < reply_len(flat) && c->shown < ITEMS_MOST; i += 2, c->shown++) {
        const char *name, *text;
        size_t name_len, len;
        int rc = reply_str(reply_at(flat, i), &name, &name_len);
        if (rc == 0)
            rc = reply_str(reply_at(flat, i + 1), &text, &len);
        if (rc != 0)
            return rc;
        if (!shown_add_take(fields, name, named_value(c, name, name_len, text, len)))
            return ERR_NOMEM;
    }
    return 0;
}

static int take_pairs(struct content *c, const struct redisReply *flat, bool is_hash)
{
    cJSON *items = cJSON_AddArrayToObject(c->object, "items");
    for (size_t i = 0; i + 1 < reply_len(flat) && c->shown < ITEMS_MOST; i += 2, c->shown++) {
        const char *member, *text;
        size_t member_len, len;
        int rc = reply_str(reply_at(flat, i), &member, &member_len);
        if (rc == 0)
            rc = reply_str(reply_at(flat, i + 1), &text, &len);
        if (rc != 0)
            return rc;
        cJSON *value = is_hash ? hash_value(c, member, member_len, text, len) : score_value(c, text, len);
        if (!add_pair_take(items, is_hash ? "field" : "member", member_value(c, member, member_len),
                           is_hash ? "value" : "score", value))
            return ERR_NOMEM;
    }
    return 0;
}

static int take_hash(const struct redisReply *reply, void *arg)
{
    struct content *c = arg;
    bool has_names = c->family && !c->family->member;
    return has_names ? take_fields(c, reply_at(reply, 1)) : take_pairs(c, reply_at(reply, 1), true);
}

static int take_zset(const struct redisReply *reply, void *arg)
{
    return take_pairs(arg, reply, false);
}

static int take_members(struct content *c, const struct redisReply *members)
{
    cJSON *items = cJSON_AddArrayToObject(c->object, "items");
    for (size_t i = 0; i < reply_len(members) && c->shown < ITEMS_MOST; i++, c->shown++) {
        const char *text;
        size_t len;
        int rc = reply_str(reply_at(members, i), &text, &len);
        if (rc == 0 && !shown_add_take(items, NULL, member_value(c, text, len)))
            rc = ERR_NOMEM;
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int take_set(const struct redisReply *reply, void *arg)
{
    return take_members(arg, reply_at(reply, 1));
}

static int take_list(const struct redisReply *reply, void *arg)
{
    return take_members(arg, reply);
}

static int add_entry(struct content *c, const struct redisReply *entry, cJSON *items)
{
    const char *id, *name, *text;
    size_t name_len, len;
    int rc = reply_str(reply_at(entry, 0), &id, &len);
    cJSON *object = cJSON_CreateObject();
    if (!shown_add_take(items, NULL, object))
        return ERR_NOMEM;
    if (rc == 0 && !json_add_str(object, "id", id))
        rc = ERR_NOMEM;
    cJSON *fields = cJSON_AddObjectToObject(object, "fields");
    const struct redisReply *flat = reply_at(entry, 1);
    for (size_t i = 0; rc == 0 && i + 1 < reply_len(flat); i += 2) {
        rc = reply_str(reply_at(flat, i), &name, &name_len);
        if (rc == 0)
            rc = reply_str(reply_at(flat, i + 1), &text, &len);
        if (rc == 0 && !shown_add_take(fields, name, named_value(c, name, name_len, text, len)))
            rc = ERR_NOMEM;
    }
    return rc;
}

static int take_stream(const struct redisReply *reply, void *arg)
{
    struct content *c = arg;
    cJSON *items = cJSON_AddArrayToObject(c->object, "items");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < reply_len(reply); i++, c->shown++)
        rc = add_entry(c, reply_at(reply, i), items);
    return rc;
}

static int take_text(const struct redisReply *reply, void *arg)
{
    struct content *c = arg;
    const char *text;
    size_t len;
    int rc = reply_str(reply, &text, &len);
    if (rc == 0 && !shown_add_take(c->object, "text", shown_value(SHOWN_GUESS, text, len, c->with_numbers)))
        rc = ERR_NOMEM;
    c->shown = (int64_t)len;
    return rc;
}

static const struct content_type TYPES[] = {
    {"hash", "HLEN", {"HSCAN", "0", "COUNT", "100"}, take_hash},
    {"zset", "ZCARD", {"ZRANGE", "0", "99", "WITHSCORES"}, take_zset},
    {"set", "SCARD", {"SSCAN", "0", "COUNT", "100"}, take_set},
    {"list", "LLEN", {"LRANGE", "0", "99"}, take_list},
    {"stream", "XLEN", {"XREVRANGE", "+", "-", "COUNT", "100"}, take_stream},
    {"string", "STRLEN", {"GETRANGE", "0", TEXT_LAST}, take_text},
};

/* ---- asking ---- */

static int take_type(const struct redisReply *reply, void *arg)
{
    struct content *c = arg;
    const char *name;
    size_t len;
    int rc = reply_str(reply, &name, &len);
    if (rc != 0)
        return rc;
    if (strcmp(name, "none") == 0)
        return ERR_NOT_FOUND;
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++) {
        if (strcmp(TYPES[i].name, name) == 0)
            c->type = &TYPES[i];
    }
    if (c->family && strcmp(c->family->type, name) != 0)
        c->family = NULL; /* somebody else's: shown as it is */
    return c->type ? 0 : ERR_PROTOCOL;
}

static int take_number(const struct redisReply *reply, void *arg)
{
    return reply_i64(reply, arg);
}

/* A command whose first argument is the key. */
static int ask(struct content *c, const char *const *words, size_t n, session_reply_fn fn, void *arg)
{
    struct redis_arg args[8] = {redis_arg_str(words[0]), redis_arg_str(c->key)};
    for (size_t i = 1; i < n; i++)
        args[i + 1] = redis_arg_str(words[i]);
    return session_command(c->session, args, n + 1, fn, arg);
}

static int add_head(struct content *c, int64_t ttl_ms, int64_t count)
{
    bool is_whole = json_add_str(c->object, "key", c->key) &&
                    json_add_str(c->object, "family", c->family ? c->family->pattern : NULL) &&
                    json_add_str(c->object, "type", c->type->name) &&
                    (ttl_ms < 0 ? cJSON_AddNullToObject(c->object, "expiresInMs")
                                : json_add_i64(c->object, "expiresInMs", ttl_ms)) &&
                    json_add_i64(c->object, "count", count);
    return is_whole ? 0 : ERR_NOMEM;
}

static int take_columns(const struct redisReply *reply, void *arg)
{
    const char *text;
    size_t len;
    int rc = reply_str(reply, &text, &len);
    return rc == 0 ? buf_append(arg, text, len) : rc;
}

int key_content_columns(struct session *s, const char *cell, const char *batch, struct buf *columns)
{
    struct key key = key_batch_columns(cell, batch);
    /* GETRANGE, which an operator may as well; "" where there is none. */
    const struct redis_arg args[] = {redis_arg_str("GETRANGE"), key_arg(&key), redis_arg_str("0"), redis_arg_str("-1")};
    return session_command(s, args, 4, take_columns, columns);
}

/* Where the key is "...:batch:<batch>:contacts:<bucket>". */
static int read_columns(struct content *c)
{
    static const char before[] = "batch:";
    struct key_place place;
    char batch[LIMIT_BATCH_ID_LEN + 1];
    if (!c->family || !c->family->value || strcmp(c->family->value, KEY_VALUE_CONTACT) != 0 ||
        !key_place_of(c->key, &place) || strncmp(place.rest, before, sizeof before - 1) != 0)
        return 0;
    const char *id = place.rest + sizeof before - 1;
    size_t len = strcspn(id, ":");
    if (len > LIMIT_BATCH_ID_LEN)
        return 0;
    memcpy(batch, id, len);
    batch[len] = '\0';
    return key_content_columns(c->session, place.cell, batch, &c->columns);
}

static int read_into(struct content *c)
{
    static const char *const type_words[] = {"TYPE"}, *const ttl_words[] = {"PTTL"};
    int64_t ttl_ms = -1, count = 0;
    size_t n = 0;
    int rc = ask(c, type_words, 1, take_type, c);
    if (rc == 0)
        rc = ask(c, ttl_words, 1, take_number, &ttl_ms);
    if (rc == 0)
        rc = ask(c, &c->type->count, 1, take_number, &count);
    if (rc == 0)
        rc = add_head(c, ttl_ms, count);
    if (rc == 0)
        rc = read_columns(c);
    while (rc == 0 && c->type->words[n])
        n++;
    if (rc == 0)
        rc = ask(c, c->type->words, n, c->type->take, c);
    if (rc == 0 && !json_add_i64(c->object, "more", count > c->shown ? count - c->shown : 0))
        rc = ERR_NOMEM;
    return rc;
}

int key_content_read(struct session *s, const char *key, const struct key_family *family, bool with_numbers,
                     cJSON **ret_object)
{
    struct content c = {.session = s, .key = key, .family = family, .with_numbers = with_numbers};
    buf_init(&c.columns, LIMIT_COLUMNS_BYTES);
    c.object = cJSON_CreateObject();
    int rc = c.object ? read_into(&c) : ERR_NOMEM;
    buf_free(&c.columns);
    if (rc == 0)
        *ret_object = c.object;
    else
        cJSON_Delete(c.object);
    return rc;
}
