/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a Redis is, read from its URL: redis://[host][:port][/db] (an IPv6 address in brackets), rediss:// for the same
 * over TLS, unix:///path[?db=N], or sentinel://host[:port],.../name[/db] for the primary that these Sentinels know by
 * that name; sentinels:// speaks TLS with them and with it. User and password are no part of it: a URL ends up in
 * process lists and logs.
 */
#ifndef CARILLON_REDIS_REDIS_URL_H
#define CARILLON_REDIS_REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/base/err.h"
#include "common/base/limits.h"

#define REDIS_URL_HOST_LEN 253 /* RFC 1035: the longest name in its written form */
#define REDIS_URL_DEFAULT_PORT 6379
#define REDIS_URL_SENTINEL_PORT 26379
#define REDIS_URL_PRIMARY_LEN 64 /* the name of what Sentinel watches */
#define REDIS_URL_MAX_DB 65535

struct redis_place {
    char host[REDIS_URL_HOST_LEN + 1]; /* a name or an address, without brackets */
    int port;
};

struct redis_url {
    /* The address, where the URL names one (numeric host, Unix socket); addr_len 0: `host` must be looked up. */
    struct sockaddr_storage addr;
    socklen_t addr_len;
    char host[REDIS_URL_HOST_LEN + 1];
    int port; /* 0 for a Unix socket */
    int db;
    bool is_tls;
    /* sentinel:// only: whom to ask for which primary. The address above is empty until one has told. */
    size_t n_sentinels;
    struct redis_place sentinels[LIMIT_REDIS_SENTINELS];
    char primary[REDIS_URL_PRIMARY_LEN + 1];
};

/* ERR_INVALID with a borrowed static text in `ret_why`, which is written only then. The host defaults to 127.0.0.1,
 * the port to 6379, a Sentinel's to 26379, the database to 0. */
int redis_url_parse(const char *text, struct redis_url *ret_url, const char **ret_why) MUST_CHECK;

/* Puts another host into a URL: a name, or an address without brackets, of `len` bytes. ERR_INVALID where it is
 * neither, or `port` is not 1 to 65535; nothing is changed then. */
int redis_url_set_place(struct redis_url *url, const char *host, size_t len, int64_t port) MUST_CHECK;

#endif
