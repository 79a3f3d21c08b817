/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redis/redis_options.h"

#include "common/base/file.h"

#define PASSWORD_MAX_BYTES 1024u

static int read_password(const struct conf *conf, const char *option, char **ret_password, const char **ret_option)
{
    const char *path = conf_str(conf, option);
    *ret_option = option;
    return path ? file_read_secret(path, PASSWORD_MAX_BYTES, ret_password) : 0;
}

int redis_options_read(const struct conf *conf, struct redis_config *ret_config, struct redis_secrets *ret_secrets,
                       const char **ret_option)
{
    *ret_secrets = (struct redis_secrets){.password = NULL};
    int rc = read_password(conf, "redis-password-file", &ret_secrets->password, ret_option);
    if (rc == 0)
        rc = read_password(conf, "redis-sentinel-password-file", &ret_secrets->sentinel_password, ret_option);
    if (rc < 0)
        return rc;
    *ret_config = (struct redis_config){
        .url = conf_str(conf, "redis-url"),
        .user = conf_str(conf, "redis-user"),
        .password = ret_secrets->password,
        .sentinel_password = ret_secrets->sentinel_password,
        .ca_file = conf_str(conf, "redis-ca-file"),
        .cert_file = conf_str(conf, "redis-cert-file"),
        .key_file = conf_str(conf, "redis-key-file"),
    };
    return 0;
}

void redis_secrets_free(struct redis_secrets *secrets)
{
    file_free_secret(secrets->password);
    file_free_secret(secrets->sentinel_password);
    *secrets = (struct redis_secrets){.password = NULL};
}
