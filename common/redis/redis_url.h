/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a Redis is, read from its URL: redis://[host][:port][/db] (an IPv6 address in brackets), rediss:// for the same
 * over TLS, or unix:///path[?db=N]. User and password are no part of it: a URL ends up in process lists and logs.
 */
#ifndef CARILLON_REDIS_REDIS_URL_H
#define CARILLON_REDIS_REDIS_URL_H

#include <stdbool.h>
#include <sys/socket.h>

#include "common/base/err.h"

#define REDIS_URL_HOST_LEN 253 /* RFC 1035: the longest name in its written form */
#define REDIS_URL_DEFAULT_PORT 6379
#define REDIS_URL_MAX_DB 65535

struct redis_url {
    /* The address, where the URL names one (numeric host, Unix socket); addr_len 0: `host` must be looked up. */
    struct sockaddr_storage addr;
    socklen_t addr_len;
    char host[REDIS_URL_HOST_LEN + 1];
    int port; /* 0 for a Unix socket */
    int db;
    bool is_tls;
};

/* ERR_INVALID with a borrowed static text in `ret_why`, which is written only then. The host defaults to 127.0.0.1,
 * the port to 6379, the database to 0. */
int redis_url_parse(const char *text, struct redis_url *ret_url, const char **ret_why) MUST_CHECK;

#endif
