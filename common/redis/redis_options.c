/* SPDX-License-Identifier: Apache-2.0 */
#include "common/redis/redis_options.h"

#include "common/base/file.h"

#define PASSWORD_MAX_BYTES 1024u

int redis_options_read(const struct conf *conf, struct redis_config *ret_config, char **ret_password)
{
    const char *path = conf_str(conf, "redis-password-file");
    char *password = NULL;
    int rc = path ? file_read_secret(path, PASSWORD_MAX_BYTES, &password) : 0;
    if (rc < 0)
        return rc;
    *ret_config = (struct redis_config){
        .url = conf_str(conf, "redis-url"),
        .user = conf_str(conf, "redis-user"),
        .password = password,
        .ca_file = conf_str(conf, "redis-ca-file"),
        .cert_file = conf_str(conf, "redis-cert-file"),
        .key_file = conf_str(conf, "redis-key-file"),
    };
    *ret_password = password;
    return 0;
}
