/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/admin_keys.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ident.h"
#include "common/base/limits.h"
#include "common/json/json.h"
#include "common/redis/reply.h"
#include "producer/admin.h"
#include "producer/answer.h"
#include "producer/body.h"
#include "producer/idempotency.h"
#include "producer/key_record.h"

#define CODE_KEY_NOT_FOUND "KEY_NOT_FOUND"
#define OVERLAP_MS (INT64_C(24) * 3600 * 1000) /* of a replaced key, where none is told */

/* ---- list ---- */

static int add_keys(const struct redisReply *reply, cJSON *list)
{
    for (size_t i = 0; i < reply_len(reply); i++) {
        struct key_record k;
        int err = key_record_read(reply_at(reply, i), &k);
        cJSON *object = err ? NULL : key_record_json(&k);
        if (err)
            return err;
        if (!cJSON_AddItemToArray(list, object)) {
            cJSON_Delete(object);
            return ERR_NOMEM;
        }
    }
    return 0;
}

static void on_list(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    (void)arg;
    cJSON *body = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(body, "keys");
    if (!err)
        err = list ? add_keys(reply, list) : ERR_NOMEM;
    if (err) {
        cJSON_Delete(body);
        exchange_fail(x, err);
    } else {
        exchange_answer(x, 200, body);
    }
}

/* An owner has LIMIT_KEYS_PER_OWNER keys at most: they make one page. */
static void run_list(struct exchange *x)
{
    static const char *const names[] = {"tenant"};
    const char *tenant = http_request_query(exchange_request(x), "tenant");
    if (!exchange_knows_query(x, names, 1))
        return;
    if (tenant && !ident_is_valid(tenant, strlen(tenant), LIMIT_ID_LEN)) {
        exchange_bad_argument(x, "tenant", "must have 1 to 64 letters, digits, _ and -");
        return;
    }
    const struct redis_arg args[] = {redis_arg_str(tenant ? tenant : "")};
    int err = exchange_script_dir(x, LUA_KEY_LIST, args, 1, on_list, NULL);
    if (err)
        exchange_fail(x, err);
}

/* ---- a new key ---- */

struct making {
    const char *action;
    const char *replaced; /* the id of the key before it; NULL: there is none */
    cJSON *body;
    struct faults faults;
    struct key_secret secret;
};

static void making_free(void *state)
{
    struct making *m = state;
    key_secret_clear(&m->secret);
    cJSON_Delete(m->body);
    faults_free(&m->faults);
    free(m);
}

static const char *text_of(const struct making *m, const char *member)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(m->body, member);
    return cJSON_IsString(value) ? value->valuestring : "";
}

/* 0 where it is not there. */
static int64_t number_of(const struct making *m, const char *member, int64_t otherwise)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(m->body, member);
    return cJSON_IsNumber(value) ? (int64_t)value->valuedouble : otherwise;
}

/* Not done, or not known. */
static void note_failed(const struct exchange *x, const struct making *m, int err)
{
    admin_log(x, m->action, m->replaced ? m->replaced : text_of(m, "tenant"), "dir", m->body, err);
}

static void fail(struct exchange *x, const struct making *m, int err)
{
    note_failed(x, m, err);
    exchange_fail(x, err);
}

static void answer_key(struct exchange *x, const struct making *m, const struct redisReply *reply)
{
    struct key_record k;
    int err = key_record_read(reply, &k);
    if (err) {
        fail(x, m, err);
        return;
    }
    admin_log(x, m->action, k.id, "dir", m->body, 0);
    cJSON *object = key_record_json(&k);
    if (!json_add_str(object, "key", m->secret.text)) {
        cJSON_Delete(object);
        object = NULL;
    }
    exchange_answer(x, 201, object);
}

static void on_made(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    const struct making *m = arg;
    if (err)
        note_failed(x, m, err);
    if (err == ERR_NOT_FOUND)
        admin_answer_missing(x, m->replaced ? CODE_KEY_NOT_FOUND : CODE_TENANT_NOT_FOUND);
    else if (err == ERR_STATE && m->replaced)
        exchange_error(x, 409, "KEY_STATE", "It is over, was replaced already, or its owner has 1000 keys.", NULL);
    else if (err == ERR_STATE)
        exchange_error(x, 409, "TOO_MANY_KEYS", "The owner has 1000 keys already: revoke some.", NULL);
    else if (err)
        exchange_fail(x, err);
    else
        answer_key(x, m, reply);
}
_Static_assert(LIMIT_KEYS_PER_OWNER == 1000, "what on_made() says");

/* The secret's hash goes first; nothing else of it leaves this process but in the answer. */
static void send_script(struct exchange *x, struct making *m, enum lua_script script, struct redis_arg *args, size_t n)
{
    admin_log_asked(x, m->action, m->replaced ? m->replaced : text_of(m, "tenant"), "dir", m->body);
    int err = key_secret_make(&m->secret);
    args[0] = redis_arg_str(m->secret.sha);
    if (!err)
        err = exchange_script_dir(x, script, args, n, on_made, m);
    if (err)
        fail(x, m, err);
}

/* ---- its body ---- */

static void check_number(struct making *m, const char *member, int64_t min, int64_t max)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(m->body, member);
    if (!value)
        return;
    if (!cJSON_IsNumber(value))
        faults_add(&m->faults, member, FAULT_TYPE, "must be an integer");
    else if (value->valuedouble != floor(value->valuedouble) || value->valuedouble < (double)min ||
             value->valuedouble > (double)max)
        faults_add(&m->faults, member, FAULT_RANGE, "must be an integer from %" PRId64 " to %" PRId64, min, max);
}

static void check_label(struct making *m)
{
    const cJSON *label = cJSON_GetObjectItemCaseSensitive(m->body, "label");
    if (label && (!cJSON_IsString(label) || !key_label_is_good(label->valuestring, strlen(label->valuestring))))
        faults_add(&m->faults, "label", FAULT_LENGTH, "must be a text of 1 to %d bytes", LIMIT_KEY_LABEL_BYTES);
}

/* A tenant's and a viewer's key have a tenant, an operator's has none. */
static void check_owner(struct making *m)
{
    static const char *const roles[] = {"tenant", "viewer", "operator"};
    const char *role = text_of(m, "role");
    size_t i = 0;
    while (i < 3 && strcmp(role, roles[i]) != 0)
        i++;
    if (i == 3)
        faults_add(&m->faults, "role", FAULT_NOT_ALLOWED, "must be tenant, viewer or operator");
    if (i < 2)
        (void)admin_read_id(m->body, "tenant", &m->faults);
    else if (i == 2 && cJSON_GetObjectItemCaseSensitive(m->body, "tenant"))
        faults_add(&m->faults, "tenant", FAULT_NOT_ALLOWED, "an operator's key belongs to no tenant");
}

static struct making *begin(struct exchange *x, const char *action, bool is_optional, const char *const *known,
                            size_t n)
{
    if (!exchange_knows_query(x, NULL, 0))
        return NULL;
    struct making *m = calloc(1, sizeof *m);
    if (!m) {
        exchange_fail(x, ERR_NOMEM);
        return NULL;
    }
    m->action = action;
    faults_init(&m->faults, LIMIT_FAULTS);
    exchange_keep(x, m, making_free);
    m->body = body_read_object(x, is_optional);
    if (!m->body)
        return NULL;
    body_check_names(m->body, known, n, &m->faults);
    check_label(m);
    check_number(m, "expiresInMs", 1, LIMIT_KEY_LIFE_MS);
    return m;
}

static void run_create(struct exchange *x)
{
    static const char *const known[] = {"role", "tenant", "label", "expiresInMs"};
    char life[REDIS_I64_LEN], most[REDIS_I64_LEN];
    struct making *m = begin(x, "key.create", false, known, 4);
    if (!m)
        return;
    check_owner(m);
    if (faults_count(&m->faults) > 0) {
        exchange_faults(x, &m->faults);
        return;
    }
    struct redis_arg args[] = {{0},
                               redis_arg_str(text_of(m, "role")),
                               redis_arg_str(text_of(m, "tenant")),
                               redis_arg_str(text_of(m, "label")),
                               redis_arg_i64(number_of(m, "expiresInMs", 0), life),
                               redis_arg_i64(LIMIT_KEYS_PER_OWNER, most)};
    send_script(x, m, LUA_KEY_CREATE, args, sizeof args / sizeof args[0]);
}

static void run_rotate(struct exchange *x)
{
    static const char *const known[] = {"overlapMs", "label", "expiresInMs"};
    char overlap[REDIS_I64_LEN], life[REDIS_I64_LEN], most[REDIS_I64_LEN];
    struct making *m = begin(x, "key.rotate", true, known, 3);
    if (!m)
        return;
    check_number(m, "overlapMs", 0, LIMIT_KEY_OVERLAP_MS);
    if (faults_count(&m->faults) > 0) {
        exchange_faults(x, &m->faults);
        return;
    }
    m->replaced = admin_path_id(x, CODE_KEY_NOT_FOUND);
    if (!m->replaced)
        return;
    struct redis_arg args[] = {{0},
                               redis_arg_str(m->replaced),
                               redis_arg_i64(number_of(m, "overlapMs", OVERLAP_MS), overlap),
                               redis_arg_str(text_of(m, "label")),
                               redis_arg_i64(number_of(m, "expiresInMs", 0), life),
                               redis_arg_i64(LIMIT_KEYS_PER_OWNER, most)};
    send_script(x, m, LUA_KEY_ROTATE, args, sizeof args / sizeof args[0]);
}

/* ---- revoke ---- */

static void on_revoked(struct exchange *x, const struct redisReply *reply, int err, void *arg)
{
    const char *id = arg;
    struct key_record k;
    if (!err)
        err = key_record_read(reply, &k);
    admin_log(x, "key.revoke", id, "dir", NULL, err);
    if (err == ERR_NOT_FOUND)
        admin_answer_missing(x, CODE_KEY_NOT_FOUND);
    else if (err)
        exchange_fail(x, err);
    else
        exchange_answer(x, 200, key_record_json(&k));
}

static void run_revoke(struct exchange *x)
{
    const char *id = exchange_knows_query(x, NULL, 0) ? admin_path_id(x, CODE_KEY_NOT_FOUND) : NULL;
    if (!id)
        return;
    const struct redis_arg args[] = {redis_arg_str(id)};
    admin_log_asked(x, "key.revoke", id, "dir", NULL);
    int err = exchange_script_dir(x, LUA_KEY_REVOKE, args, 1, on_revoked, (void *)id);
    if (err)
        exchange_fail(x, err);
}

/* ---- routes ---- */

static void admitted_create(struct exchange *x)
{
    idempotency_claim(x, run_create);
}

static void admitted_rotate(struct exchange *x)
{
    idempotency_claim(x, run_rotate);
}

void admin_keys_list(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_OPERATOR, run_list);
}

void admin_keys_create(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_OPERATOR, admitted_create);
}

void admin_keys_rotate(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_OPERATOR, admitted_rotate);
}

void admin_keys_revoke(struct http_request *req, void *arg)
{
    (void)exchange_begin(arg, req, ACCESS_OPERATOR, run_revoke);
}
