/* SPDX-License-Identifier: Apache-2.0
 *
 * API keys. Only a key's SHA-256 is kept; the key itself is printed once, alone on stdout.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/encode.h"
#include "common/base/ident.h"
#include "common/redis/keys.h"
#include "common/redis/reply.h"
#include "producer/cli/verbs.h"

#define KEY_RANDOM_BYTES 32
#define KEY_PREFIX "crl_"

static const struct conf_option create_options[] = {
    {.name = "tenant", .kind = CONF_STR, .help = "whose key it is"},
    {.name = "viewer", .kind = CONF_BOOL, .default_text = "false", .help = "may read, not write"},
    {.name = "operator", .kind = CONF_BOOL, .default_text = "false", .help = "a key of the operator, of no tenant"},
};

static int take_exists(const struct redisReply *reply, void *arg)
{
    return reply_i64(reply, arg);
}

static enum cli_exit check_owner(struct session *s, const char *tenant, bool is_operator)
{
    if (is_operator == (tenant != NULL)) {
        fprintf(stderr, "carillon: give either --tenant or --operator\n");
        return CLI_USAGE;
    }
    if (is_operator)
        return CLI_DONE;
    if (!ident_is_valid(tenant, strlen(tenant), LIMIT_ID_LEN)) {
        fprintf(stderr, "carillon: --tenant: not an identifier\n");
        return CLI_USAGE;
    }
    struct key key = key_dir_tenant(tenant);
    const struct redis_arg args[] = {redis_arg_str("EXISTS"), key_arg(&key)};
    int64_t exists = 0;
    if (session_command(s, args, 2, take_exists, &exists) != 0)
        return CLI_FAILED;
    if (exists == 1)
        return CLI_DONE;
    fprintf(stderr, "carillon: there is no tenant %s\n", tenant);
    return CLI_FAILED;
}

static int make_key(char ret_key[sizeof KEY_PREFIX + 2 * KEY_RANDOM_BYTES], char ret_sha[2 * DIGEST_SHA256_LEN + 1])
{
    unsigned char random[KEY_RANDOM_BYTES];
    int rc = random_bytes(random, sizeof random);
    if (rc != 0)
        return rc;
    memcpy(ret_key, KEY_PREFIX, sizeof KEY_PREFIX - 1);
    encode_hex(random, sizeof random, ret_key + sizeof KEY_PREFIX - 1);
    return digest_sha256_hex(ret_key, strlen(ret_key), ret_sha);
}

static int store_key(struct session *s, const char *sha, const char *tenant, const char *role)
{
    char id[LIMIT_ID_LEN + 1], now[REDIS_I64_LEN];
    int rc = ident_make_random("key_", 12, id, sizeof id);
    if (rc != 0)
        return rc;
    struct key owner = tenant ? key_dir_tenant_keys(tenant) : key_dir_operator_keys();
    const struct redis_arg list[] = {redis_arg_str("SADD"), key_arg(&owner), redis_arg_str(sha)};
    rc = session_command(s, list, 3, NULL, NULL);
    if (rc != 0)
        return rc;
    struct key key = key_dir_api_key(sha);
    const struct redis_arg args[] = {
        redis_arg_str("HSET"),       key_arg(&key),
        redis_arg_str("role"),       redis_arg_str(role),
        redis_arg_str("id"),         redis_arg_str(id),
        redis_arg_str("created_ms"), redis_arg_i64(clock_wall_ms(), now),
        redis_arg_str("tenant"),     redis_arg_str(tenant ? tenant : ""),
    };
    return session_command(s, args, tenant ? 10 : 8, NULL, NULL);
}

static enum cli_exit run_create(struct session *s)
{
    const struct conf *conf = session_conf(s);
    const char *tenant = conf_str(conf, "tenant");
    bool is_operator = conf_bool(conf, "operator");
    char key[sizeof KEY_PREFIX + 2 * KEY_RANDOM_BYTES], sha[2 * DIGEST_SHA256_LEN + 1];
    if (session_redis_open(s) != 0)
        return CLI_NO_REDIS;
    enum cli_exit status = check_owner(s, tenant, is_operator);
    if (status != CLI_DONE)
        return status;
    const char *role = is_operator ? "operator" : conf_bool(conf, "viewer") ? "viewer" : "tenant";
    if (make_key(key, sha) != 0 || store_key(s, sha, tenant, role) != 0)
        return CLI_FAILED;
    printf("%s\n", key);
    return CLI_DONE;
}

const struct cli_verb *cli_key_verbs(size_t *ret_n)
{
    static const struct cli_verb verbs[] = {
        {.words = "key create",
         .subjects = "",
         .options = create_options,
         .n_options = sizeof create_options / sizeof create_options[0],
         .help = "make an API key and print it, once",
         .run = run_create},
    };
    *ret_n = sizeof verbs / sizeof verbs[0];
    return verbs;
}
