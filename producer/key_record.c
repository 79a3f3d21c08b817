/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/key_record.h"

#include <string.h>

#include "common/base/encode.h"
#include "common/base/timestamp.h"
#include "common/base/utf8.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/instant.h"

int key_record_read(const struct redisReply *reply, struct key_record *ret_key)
{
    struct key_record k = {.created_ms = 0};
    const struct {
        char *text;
        size_t cap;
        int64_t *ms;
    } fields[] = {
        {k.id, sizeof k.id, NULL},         {k.role, sizeof k.role, NULL},
        {k.tenant, sizeof k.tenant, NULL}, {k.label, sizeof k.label, NULL},
        {NULL, 0, &k.created_ms},          {NULL, 0, &k.used_ms},
        {NULL, 0, &k.expires_ms},          {k.replaced_by, sizeof k.replaced_by, NULL},
    };
    int err = 0;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0] && !err; i++) {
        const struct redisReply *field = reply_at(reply, i);
        err = fields[i].ms ? instant_read(field, fields[i].ms) : reply_copy(field, fields[i].text, fields[i].cap);
    }
    if (!err)
        *ret_key = k;
    return err;
}

static bool add_text(cJSON *object, const char *name, const char *text)
{
    return json_add_str(object, name, text[0] ? text : NULL);
}

static bool add_instant(cJSON *object, const char *name, int64_t ms)
{
    char text[TIMESTAMP_LEN + 1] = "";
    if (ms > 0)
        timestamp_format(ms, text);
    return add_text(object, name, text);
}

cJSON *key_record_json(const struct key_record *k)
{
    cJSON *object = cJSON_CreateObject();
    if (add_text(object, "id", k->id) && add_text(object, "role", k->role) && add_text(object, "tenant", k->tenant) &&
        add_text(object, "label", k->label) && add_instant(object, "createdAt", k->created_ms) &&
        add_instant(object, "lastUsedAt", k->used_ms) && add_instant(object, "expiresAt", k->expires_ms) &&
        add_text(object, "replacedBy", k->replaced_by))
        return object;
    cJSON_Delete(object);
    return NULL;
}

bool key_label_is_good(const char *label, size_t len)
{
    bool is_good = len > 0 && len <= LIMIT_KEY_LABEL_BYTES && utf8_is_valid(label, len);
    for (size_t i = 0; i < len && is_good; i++)
        is_good = (unsigned char)label[i] >= 0x20 && label[i] != 0x7F;
    return is_good;
}

int key_secret_make(struct key_secret *ret_secret)
{
    unsigned char random[KEY_SECRET_RANDOM_BYTES];
    int err = random_bytes(random, sizeof random);
    if (!err) {
        memcpy(ret_secret->text, KEY_SECRET_PREFIX, sizeof KEY_SECRET_PREFIX - 1);
        encode_hex(random, sizeof random, ret_secret->text + sizeof KEY_SECRET_PREFIX - 1);
        err = digest_sha256_hex(ret_secret->text, KEY_SECRET_LEN, ret_secret->sha);
    }
    explicit_bzero(random, sizeof random);
    return err;
}

void key_secret_clear(struct key_secret *secret)
{
    explicit_bzero(secret, sizeof *secret);
}
