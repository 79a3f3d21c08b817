/* SPDX-License-Identifier: Apache-2.0
 *
 * API keys: made, listed, revoked. Only a key's SHA-256 is kept; the key itself is printed once, alone on stdout. A key
 * is called by its id afterwards.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/encode.h"
#include "common/base/ident.h"
#include "common/base/timestamp.h"
#include "common/json/json.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/cli/out.h"
#include "producer/cli/resource.h"
#include "producer/cli/table.h"
#include "producer/cli/verbs.h"

#define KEY_RANDOM_BYTES 32
#define KEY_PREFIX "crl_"
#define KEY_LEN_TEXT (sizeof KEY_PREFIX - 1 + (size_t)2 * KEY_RANDOM_BYTES)
#define SHA_LEN ((size_t)2 * DIGEST_SHA256_LEN)

static const struct conf_option create_options[] = {
    {.name = "tenant", .kind = CONF_STR, .flags = CONF_FLAG_ONLY, .help = "whose key it is"},
    {.name = "viewer",
     .kind = CONF_BOOL,
     .flags = CONF_FLAG_ONLY,
     .default_text = "false",
     .help = "it may read, not write"},
    {.name = "operator",
     .kind = CONF_BOOL,
     .flags = CONF_FLAG_ONLY,
     .default_text = "false",
     .help = "a key of the operator, of no tenant"},
};

static const struct conf_option owner_options[] = {
    {.name = "tenant", .kind = CONF_STR, .flags = CONF_FLAG_ONLY, .help = "only this tenant's"},
    {.name = "operator",
     .kind = CONF_BOOL,
     .flags = CONF_FLAG_ONLY,
     .default_text = "false",
     .help = "only the operators'"},
};

/* An API key as it lies in Redis. */
struct api_key {
    char sha[SHA_LEN + 1];
    char id[LIMIT_ID_LEN + 1];
    char role[LIMIT_ID_LEN + 1];
    char tenant[LIMIT_ID_LEN + 1]; /* "" for an operator's */
    int64_t created_ms;
};

/* ---- create ---- */

static enum cli_exit check_owner(const struct conf *conf)
{
    const char *tenant = conf_str(conf, "tenant");
    bool is_operator = conf_bool(conf, "operator");
    if (is_operator == (tenant != NULL)) {
        out_complain("either --tenant ID or --operator says whose key it is");
        return CLI_USAGE;
    }
    if (is_operator && conf_bool(conf, "viewer")) {
        out_complain("--viewer is for a tenant's key");
        return CLI_USAGE;
    }
    return !tenant || resource_check_id(tenant) ? CLI_DONE : CLI_USAGE;
}

static enum cli_exit check_tenant(struct session *s, const char *tenant)
{
    bool exists = false;
    if (resource_exists(s, &resource_tenant, tenant, &exists) != 0)
        return CLI_FAILED;
    if (exists)
        return CLI_DONE;
    out_complain("there is no tenant %s in cell %s", tenant, session_cell(s));
    return CLI_FAILED;
}

static int make_key(char ret_key[KEY_LEN_TEXT + 1], struct api_key *ret)
{
    unsigned char random[KEY_RANDOM_BYTES];
    int rc = random_bytes(random, sizeof random);
    if (rc == 0) {
        memcpy(ret_key, KEY_PREFIX, sizeof KEY_PREFIX - 1);
        encode_hex(random, sizeof random, ret_key + sizeof KEY_PREFIX - 1);
        rc = digest_sha256_hex(ret_key, strlen(ret_key), ret->sha);
    }
    explicit_bzero(random, sizeof random);
    if (rc == 0)
        rc = ident_make_random("key_", 12, ret->id, sizeof ret->id);
    ret->created_ms = clock_wall_ms();
    return rc;
}

static struct key owner_index(const char *tenant)
{
    return tenant[0] ? key_dir_tenant_keys(tenant) : key_dir_operator_keys();
}

/* Listed first: what is not listed could never be revoked. */
static int store_key(struct session *s, const struct api_key *k)
{
    char created[REDIS_I64_LEN];
    struct key owner = owner_index(k->tenant), key = key_dir_api_key(k->sha);
    const struct redis_arg list[] = {redis_arg_str("SADD"), key_arg(&owner), redis_arg_str(k->sha)};
    const struct redis_arg args[] = {
        redis_arg_str("HSET"),       key_arg(&key),
        redis_arg_str("role"),       redis_arg_str(k->role),
        redis_arg_str("id"),         redis_arg_str(k->id),
        redis_arg_str("created_ms"), redis_arg_i64(k->created_ms, created),
        redis_arg_str("tenant"),     redis_arg_str(k->tenant),
    };
    int rc = session_command(s, list, 3, NULL, NULL);
    return rc == 0 ? session_command(s, args, k->tenant[0] ? 10 : 8, NULL, NULL) : rc;
}

static cJSON *key_json(const struct api_key *k)
{
    char created[TIMESTAMP_LEN + 1];
    cJSON *object = cJSON_CreateObject();
    timestamp_format(k->created_ms, created);
    if (json_add_str(object, "id", k->id) && json_add_str(object, "role", k->role) &&
        json_add_str(object, "tenant", k->tenant[0] ? k->tenant : NULL) && json_add_str(object, "createdAt", created))
        return object;
    cJSON_Delete(object);
    return NULL;
}

static enum cli_exit print_key(const struct session *s, const struct api_key *k, const char *text)
{
    if (session_is_json(s)) {
        cJSON *object = key_json(k);
        json_add_str(object, "key", text);
        return out_json_take(object);
    }
    out_line("%s", text);
    out_note("%s, of %s%s (%s): it is not shown again.", k->id, k->tenant[0] ? "tenant " : "the operator", k->tenant,
             k->role);
    return CLI_DONE;
}

static enum cli_exit run_create(struct session *s)
{
    const struct conf *conf = session_conf(s);
    const char *tenant = conf_str(conf, "tenant");
    bool is_operator = conf_bool(conf, "operator");
    struct api_key k = {.sha = ""};
    char text[KEY_LEN_TEXT + 1];
    enum cli_exit status = check_owner(conf);
    if (status == CLI_DONE)
        status = session_open_cell(s, true);
    if (status == CLI_DONE && tenant)
        status = check_tenant(s, tenant);
    if (status != CLI_DONE)
        return status;
    snprintf(k.tenant, sizeof k.tenant, "%s", tenant ? tenant : "");
    snprintf(k.role, sizeof k.role, "%s", is_operator ? "operator" : conf_bool(conf, "viewer") ? "viewer" : "tenant");
    if (make_key(text, &k) != 0) {
        out_complain("no random bytes to make a key of");
        return CLI_FAILED;
    }
    status = store_key(s, &k) == 0 ? print_key(s, &k, text) : CLI_FAILED;
    explicit_bzero(text, sizeof text);
    return status;
}

/* ---- walking through the keys ---- */

/* Looks at one; a negative return ends the walk and is returned. */
typedef int (*key_fn)(const struct api_key *k, void *arg);

struct hashes {
    char (*items)[SHA_LEN + 1];
    size_t n;
};

static int take_hashes(const struct redisReply *reply, void *arg)
{
    struct hashes *hashes = arg;
    size_t n = reply_len(reply);
    hashes->items = calloc(n > 0 ? n : 1, sizeof *hashes->items);
    if (!hashes->items)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const char *text;
        size_t len;
        if (reply_str(reply_at(reply, i), &text, &len) != 0 || len != SHA_LEN ||
            strspn(text, "0123456789abcdef") != SHA_LEN)
            return ERR_PROTOCOL;
        memcpy(hashes->items[hashes->n++], text, len + 1);
    }
    return 0;
}

static int copy_text(const struct redisReply *reply, char *ret, size_t cap)
{
    const char *text = "";
    size_t len = 0;
    int rc = reply_is_nil(reply) ? 0 : reply_str(reply, &text, &len);
    if (rc == 0)
        snprintf(ret, cap, "%s", text);
    return rc;
}

/* role, id, created_ms, tenant */
static int take_key(const struct redisReply *reply, void *arg)
{
    struct api_key *k = arg;
    if (reply_is_nil(reply_at(reply, 0)))
        return ERR_NOT_FOUND;
    int rc = copy_text(reply_at(reply, 0), k->role, sizeof k->role);
    if (rc == 0)
        rc = copy_text(reply_at(reply, 1), k->id, sizeof k->id);
    if (rc == 0 && !reply_is_nil(reply_at(reply, 2)))
        rc = reply_i64(reply_at(reply, 2), &k->created_ms);
    if (rc == 0)
        rc = copy_text(reply_at(reply, 3), k->tenant, sizeof k->tenant);
    return rc;
}

static int walk_owner(struct session *s, const char *tenant, key_fn fn, void *arg)
{
    struct hashes hashes = {.n = 0};
    struct key index = owner_index(tenant);
    const struct redis_arg args[] = {redis_arg_str("SMEMBERS"), key_arg(&index)};
    int rc = session_command(s, args, 2, take_hashes, &hashes);
    for (size_t i = 0; i < hashes.n && rc == 0; i++) {
        struct api_key k = {.created_ms = 0};
        memcpy(k.sha, hashes.items[i], sizeof k.sha);
        struct key key = key_dir_api_key(k.sha);
        const struct redis_arg get[] = {redis_arg_str("HMGET"),      key_arg(&key),
                                        redis_arg_str("role"),       redis_arg_str("id"),
                                        redis_arg_str("created_ms"), redis_arg_str("tenant")};
        rc = session_command(s, get, 6, take_key, &k);
        if (rc == 0)
            rc = fn(&k, arg);
        else if (rc == ERR_NOT_FOUND)
            rc = 0; /* listed and not there: one that was being made or revoked when its process died */
    }
    free(hashes.items);
    return rc;
}

/* All keys that --tenant and --operator leave: those of the operators, and of the tenants of the cell. */
static int walk(struct session *s, key_fn fn, void *arg)
{
    const struct conf *conf = session_conf(s);
    const char *tenant = conf_str(conf, "tenant");
    bool is_operator = conf_bool(conf, "operator");
    struct resource_ids tenants = {.n = 0};
    int rc = tenant && !is_operator ? 0 : walk_owner(s, "", fn, arg);
    if (rc == 0 && tenant)
        rc = walk_owner(s, tenant, fn, arg);
    if (rc != 0 || tenant || is_operator)
        return rc;
    rc = resource_ids_of(s, &resource_tenant, &tenants);
    for (size_t i = 0; i < tenants.n && rc == 0; i++)
        rc = walk_owner(s, tenants.items[i], fn, arg);
    resource_ids_clear(&tenants);
    return rc;
}

static enum cli_exit open_for_walk(struct session *s, bool will_write)
{
    const char *tenant = conf_str(session_conf(s), "tenant");
    return tenant && !resource_check_id(tenant) ? CLI_USAGE : session_open_cell(s, will_write);
}

/* ---- list ---- */

static int list_key(const struct api_key *k, void *arg)
{
    cJSON *object = key_json(k);
    if (cJSON_AddItemToArray(arg, object))
        return 0;
    cJSON_Delete(object);
    return ERR_NOMEM;
}

static enum cli_exit run_list(struct session *s)
{
    static const struct table_column columns[] = {
        {"id", "ID"}, {"role", "ROLE"}, {"tenant", "TENANT"}, {"createdAt", "CREATED"}};
    enum cli_exit status = open_for_walk(s, false);
    if (status != CLI_DONE)
        return status;
    cJSON *list = cJSON_CreateArray();
    int rc = list ? walk(s, list_key, list) : ERR_NOMEM;
    if (rc == 0 && session_is_json(s))
        status = out_json(list);
    else if (rc == 0)
        rc = table_print(list, columns, sizeof columns / sizeof columns[0]);
    cJSON_Delete(list);
    return rc == 0 ? status : CLI_FAILED;
}

/* ---- revoke ---- */

struct search {
    const char *id;
    bool is_found;
    struct api_key found;
};

static int match_key(const struct api_key *k, void *arg)
{
    struct search *search = arg;
    if (strcmp(k->id, search->id) == 0) {
        search->is_found = true;
        search->found = *k;
    }
    return 0;
}

/* The key itself goes first: from then on it opens nothing. */
static int delete_key(struct session *s, const struct api_key *k)
{
    struct key key = key_dir_api_key(k->sha), owner = owner_index(k->tenant);
    const struct redis_arg drop[] = {redis_arg_str("DEL"), key_arg(&key)};
    const struct redis_arg forget[] = {redis_arg_str("SREM"), key_arg(&owner), redis_arg_str(k->sha)};
    int rc = session_command(s, drop, 2, NULL, NULL);
    return rc == 0 ? session_command(s, forget, 3, NULL, NULL) : rc;
}

static enum cli_exit run_revoke(struct session *s)
{
    struct search search = {.id = conf_rest(session_conf(s), 0)};
    if (strncmp(search.id, KEY_PREFIX, sizeof KEY_PREFIX - 1) == 0) {
        out_complain("that looks like a key itself: a key is revoked by its id, which 'carillon key list' tells");
        return CLI_USAGE;
    }
    if (!resource_check_id(search.id))
        return CLI_USAGE;
    enum cli_exit status = open_for_walk(s, true);
    if (status != CLI_DONE)
        return status;
    if (walk(s, match_key, &search) != 0)
        return CLI_FAILED;
    if (!search.is_found) {
        out_complain("there is no key %s", search.id);
        return CLI_FAILED;
    }
    if (delete_key(s, &search.found) != 0)
        return CLI_FAILED;
    if (session_is_json(s)) {
        cJSON *object = key_json(&search.found);
        json_add_str(object, "done", "revoked");
        return out_json_take(object);
    }
    out_line("key %s revoked", search.id);
    return CLI_DONE;
}

const struct cli_verb *cli_key_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {
            .words = "key create",
            .subjects = "",
            .options = create_options,
            .n_options = sizeof create_options / sizeof create_options[0],
            .help = "make an API key and print it, once",
            .about = "The key stands alone on stdout, its id on stderr. Only its SHA-256 is kept.",
            .run = run_create,
        },
        {
            .words = "key list",
            .subjects = "",
            .options = owner_options,
            .n_options = sizeof owner_options / sizeof owner_options[0],
            .help = "list the API keys: id, role, tenant, never the key",
            .run = run_list,
        },
        {
            .words = "key revoke",
            .subjects = "ID",
            .n_subjects = 1,
            .options = owner_options,
            .n_options = sizeof owner_options / sizeof owner_options[0],
            .help = "revoke an API key by its id",
            .about = "Producers take it for 2 seconds more at most.",
            .run = run_revoke,
        },
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
