/* SPDX-License-Identifier: Apache-2.0
 *
 * How a process is let in by Redis: the options that daemons and the command line tool share, beside --redis-url.
 */
#ifndef CARILLON_REDIS_REDIS_OPTIONS_H
#define CARILLON_REDIS_REDIS_OPTIONS_H

#include "common/base/err.h"
#include "common/conf/conf.h"
#include "common/redis/redis.h"

/* Rows of a table of options. */
/* clang-format off */
#define REDIS_OPTION_ROWS \
    {.name = "redis-user", .kind = CONF_STR, .help = "the user to authenticate as (default: Redis's default user)"}, \
    {.name = "redis-password-file", .kind = CONF_FILE, .help = "a file whose only line is the password"}, \
    {.name = "redis-sentinel-password-file", .kind = CONF_FILE, \
     .help = "a file whose only line is the password of the Sentinels (default: they want none)"}, \
    {.name = "redis-ca-file", .kind = CONF_FILE, \
     .help = "certificates (PEM) that a rediss:// server's is checked against (default: the system's)"}, \
    {.name = "redis-cert-file", .kind = CONF_FILE, \
     .help = "our own certificate (PEM), for a rediss:// server that demands one"}, \
    {.name = "redis-key-file", .kind = CONF_FILE, .help = "its key (PEM, without a passphrase)"}
/* clang-format on */

/* What is read from files; to be freed when the config is no longer needed. */
struct redis_secrets {
    char *password;
    char *sentinel_password;
};

/* What the options say, --redis-url included; all borrowed from `conf` and from `ret_secrets`, which the caller frees,
 * also after an error. The errors of file_read_secret(), with the name of the option whose file it is in `ret_option`.
 */
int redis_options_read(const struct conf *conf, struct redis_config *ret_config, struct redis_secrets *ret_secrets,
                       const char **ret_option) MUST_CHECK;
void redis_secrets_free(struct redis_secrets *secrets);

#endif
